"""The closed set of situations that the access tables answer for, and what each is in values.

Four axes: whose call, what is known about the call, who else has to do with it, and how its
term stands. A situation is one value of each; the words are those of `docs/access/*.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import TypeAlias

from policy.access import Access, Action, IncidentKind, PurposeName, RoleName
from policy.permission import Allowed, Refused, may
from policy.situation import (
    Context,
    Hat,
    Hold,
    Incident,
    IncidentStage,
    Person,
    PersonId,
    Recording,
    Word,
    Yes,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PAST = NOW - timedelta(days=1)
SOON = NOW + timedelta(days=1)

Situation: TypeAlias = tuple[str, str, str, str]
"""Whose, call, company, state."""

OTHER_PURPOSE = "any_other"
"""Stands for every word that the policy neither grants nor denies."""

_YES = "drawn_with_yes"
WHOSE = ("own", "other")
CALL = (
    "plain",
    "drawn",
    _YES,
    *(f"{kind.value}_{stage.value}" for kind in IncidentKind for stage in IncidentStage),
    "requested",
    "live",
    "live_refused",
    "live_recording_impossible",
)

_WORDS = ("asked_by_", "opened_by_", "approved_by_")

ACTOR = PersonId("actor")
HOLDER = PersonId("holder")


def person(id_: str, *roles: str) -> Person:
    """Return somebody who has worn these hats since yesterday."""
    return Person(id=PersonId(id_), hats=tuple(Hat(role=RoleName(role), since=PAST) for role in roles))


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """Every value of every axis for one policy."""

    roles: Sequence[str]
    purposes: Sequence[str]
    company: Sequence[str]
    state: Sequence[str]

    def situations(self) -> Iterator[Situation]:
        """Return each situation: whose, call, company, state."""
        return product(WHOSE, CALL, self.company, self.state)


def axes(access: Access, declared: Sequence[str] = ()) -> Axes:
    """Return the closed sets of one policy.

    Args:
        declared: The purposes that the policy declares, granted to somebody or not.
    """
    grants = access.grants.values()
    words = {
        "asked_by": {role for grant in grants for role in grant.on_request_of},
        "opened_by": {role for grant in grants for role in grant.via},
        "approved_by": {role for grant in grants for role in grant.approval_by},
    }
    takers = [name for name, role in access.roles.items() if role.takes_calls]
    return Axes(
        roles=tuple(access.roles),
        purposes=(*sorted({*declared, *access.granted_purposes, *access.denied_purposes}), OTHER_PURPOSE),
        company=(
            "alone",
            *(f"with_{role}" for role in access.roles),
            *(f"with_other_{role}" for role in takers),
            "with_stranger",
            *(f"{word}_{role}" for word, roles in words.items() for role in sorted(roles)),
            *(f"{word}_{min(roles)}_elsewhere" for word, roles in words.items() if roles),
        ),
        state=(
            "in_term",
            "extended",
            *(f"held_{reason}" for reason in sorted(access.hold_reasons)),
            "held_for_else",
            "over",
            "restricted",
            "objected",
        ),
    )


class Stage:
    """Every situation of one policy in values; millions are asked for, so each is built once."""

    def __init__(self, access: Access, situations: Sequence[Situation]) -> None:
        self._access = access
        self._situations = situations
        self._silent = [
            None if company.startswith(_WORDS) or call == _YES else self._scene(situation, "", Action.FIND)
            for situation in situations
            for _, call, company, _ in (situation,)
        ]

    def answers(self, roles: Sequence[str], purpose: str, action: Action) -> Iterator[Sequence[str]]:
        """Return for each role the answers of `may()` in each situation, as the tables write them.

        Such as `allowed: review (N8, section 1)`.
        """
        asked = PurposeName(purpose)
        scenes = [
            silent or self._scene(situation, purpose, action)
            for silent, situation in zip(self._silent, self._situations, strict=True)
        ]
        for role in roles:
            actor = person(ACTOR, role)
            yield [
                _written(may(actor, action, recording, asked, context, self._access))
                for recording, context in scenes
            ]

    def _scene(self, situation: Situation, purpose: str, action: Action) -> tuple[Recording, Context]:
        """Return one situation in values; a recorded word or yes is on this purpose and action."""
        whose, call, _, state = situation
        recording = _recording(whose, call, state)
        asked = PurposeName(purpose)
        return recording, _context(self._access, action, asked, situation, recording.agents)


def _written(decided: Allowed | Refused) -> str:
    word = "allowed" if isinstance(decided, Allowed) else "refused"
    return f"{word}: {decided.rule.name} ({decided.rule.source})"


@cache
def _recording(whose: str, call: str, state: str) -> Recording:
    after_term = state in ("extended", "over") or state.startswith("held_")
    kind, _, stage = call.rpartition("_")
    incident = None
    if stage in ("flagged", "kept"):
        incident = Incident(kind=IncidentKind(kind), stage=IncidentStage(stage))
    return Recording(
        agents=frozenset({ACTOR, HOLDER} if whose == "own" else {HOLDER}),
        due_at=PAST if after_term else SOON,
        extended_until=SOON if state == "extended" else None,
        incident=incident,
        live=call.startswith("live"),
        refused=call == "live_refused",
    )


def _context(
    access: Access,
    action: Action,
    purpose: PurposeName,
    situation: Situation,
    agents: frozenset[PersonId],
) -> Context:
    _, call, company, state = situation
    yes = tuple(Yes(by=agent, purpose=purpose, until=SOON) for agent in sorted(agents))
    return Context(
        now=NOW,
        present=_present(access, company),
        **_words(access, action, purpose, company),
        yes=yes if call == _YES else (),
        drawn_until=SOON if call.startswith("drawn") else None,
        requested_until=SOON if call == "requested" else None,
        hold=Hold(reason=state.removeprefix("held_"), until=SOON) if state.startswith("held_") else None,
        restricted=state == "restricted",
        objected=state == "objected",
        recording_impossible=call == "live_recording_impossible",
    )


def _present(access: Access, company: str) -> tuple[Person, ...]:
    if company == "with_stranger":
        return (person("stranger"),)
    if company.startswith("with_other_"):
        return (person("other", company.removeprefix("with_other_")),)
    if company.startswith("with_"):
        return (_fellow(access, company.removeprefix("with_")),)
    return ()


def _words(
    access: Access, action: Action, purpose: PurposeName, company: str
) -> Mapping[str, tuple[Word, ...]]:
    """Return the word that was given: to this person, or (`elsewhere`) on another action."""
    for prefix, key in (("asked_by_", "requests"), ("opened_by_", "openings"), ("approved_by_", "approvals")):
        if company.startswith(prefix):
            role = company.removeprefix(prefix)
            elsewhere = role.endswith("_elsewhere")
            by = _fellow(access, role.removesuffix("_elsewhere"))
            about = next(other for other in Action if other is not action) if elsewhere else action
            return {key: (Word(by=by, to=ACTOR, action=about, purpose=purpose, until=SOON),)}
    return {}


def _fellow(access: Access, role: str) -> Person:
    """Return another person in that role; of those who take calls, the one who held this call."""
    return person(HOLDER if access.roles[role].takes_calls else f"fellow-{role}", role)
