"""The keys that an agent has in a call, and what they are for: pure.

withdraw   the caller said aloud that they want no recording
flag       this call is one to be looked into; offered where somebody may look into anything
pause      a number is spoken that the recording is not to hold; pressed again when it was
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum

from policy.access import Calls, Grant, IncidentKind
from policy.model import Policy

_INCIDENT_CALLS = frozenset({Calls.FLAGGED, Calls.KEPT})


class AgentKey(Enum):
    """What an agent's key asks for."""

    WITHDRAW = "withdraw"
    FLAG = "flag"
    PAUSE = "pause"


def agent_codes(policy: Policy) -> Mapping[AgentKey, str]:
    """Return what an agent presses for what; a key that means nothing under this policy is left out."""
    return dict(_codes(policy))


def incident_kinds(policy: Policy) -> tuple[IncidentKind, ...]:
    """Return the incidents that somebody may look into under this policy."""
    grants = [grant for grant in _grants(policy) if _INCIDENT_CALLS & set(grant.calls)]
    if any(not grant.incidents for grant in grants):
        return tuple(IncidentKind)
    named = {kind for grant in grants for kind in grant.incidents}
    return tuple(kind for kind in IncidentKind if kind in named)


def flagged_as(policy: Policy) -> IncidentKind | None:
    """Return for what the agent's key points a call out, or None where that means nothing."""
    known = incident_kinds(policy)
    wanted = policy.incidents.flag_kind
    if wanted is None:
        return next(iter(known), None)
    return wanted if wanted in known else None


def _codes(policy: Policy) -> Iterator[tuple[AgentKey, str]]:
    if policy.consent.agent_withdraw_code is not None:
        yield AgentKey.WITHDRAW, policy.consent.agent_withdraw_code
    if policy.incidents.flag_code is not None and flagged_as(policy) is not None:
        yield AgentKey.FLAG, policy.incidents.flag_code
    if policy.pause.code is not None:
        yield AgentKey.PAUSE, policy.pause.code


def _grants(policy: Policy) -> tuple[Grant, ...]:
    return () if policy.access is None else tuple(policy.access.grants.values())
