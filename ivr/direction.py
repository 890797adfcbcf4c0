"""Which way a call goes, and whether the gate asks it anything at all (N1): pure.

Whoever comes from a trunk calls from outside; whoever does not is one of the organisation's own. The PBX
cannot tell an outbound call from a call-back, so such a call is asked only where the policy names both: in
doubt there is no recording (I9).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from policy.load import Policies
from policy.model import Policy
from policy.rules import in_scope, select_policy
from policy.scope import Direction
from policy.vocabulary import PolicyName

_INSTANCE = re.compile(r"-[0-9a-f]{8}(;[12])?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """A call that goes on at once: no notice, no answer, no row beyond a count.

    Attributes:
        policy: Whose gate it passed, or None.
        direction: Which way it goes; `outbound` may be a call-back.
    """

    policy: PolicyName | None
    direction: Direction


def endpoint_of(channel: str) -> str:
    """Return technology and endpoint of a channel: `PJSIP/trunk-0000001a` gives `PJSIP/trunk`.

    Source: chan_pjsip.c and core_local.c of Asterisk 22: eight hexadecimal digits, of a Local channel's
    two halves one number for both.
    """
    return _INSTANCE.sub("", channel)


def passing(
    policies: Policies, trunks: Collection[str], *, channel: str, number: str, named: str | None
) -> Passing | None:
    """Return how a call goes on unasked, or None when the gate has to look at it.

    Args:
        policies: Every policy served.
        trunks: Endpoints from which outside callers come; empty: everybody is one.
        channel: Name of the channel at the gate.
        number: The number dialled.
        named: The argument of the administrator's Gosub.
    """
    selected = select_policy(policies, number=number, named=named)
    policy = selected if isinstance(selected, Policy) else None
    if not trunks or endpoint_of(channel) in trunks:
        if policy is None or in_scope(policy, Direction.INBOUND):
            return None
        return Passing(policy=policy.name, direction=Direction.INBOUND)
    own = policies.for_number(number) is not None
    direction = Direction.INTERNAL if own else Direction.OUTBOUND
    perhaps = {direction} if own else {Direction.OUTBOUND, Direction.CALL_BACK}
    if policy is not None and all(in_scope(policy, one) for one in perhaps):
        return None
    return Passing(policy=None if policy is None else policy.name, direction=direction)
