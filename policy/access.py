"""The `[access]` table of a policy: who may do what with a recording, for what, and when not.

Roles are people's hats. A grant opens one door: its roles, for its purposes, may do its
actions on its calls, under all of its conditions at once. A denial closes doors whatever a
grant says, with the sentence of the published text to quote (N6, N7). What no grant opens
stays shut (X5). `policy/permission.py` decides with these values.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from itertools import product
from typing import Annotated, Final, NewType, Self, TypeAlias, TypeVar

from pydantic import Field, model_validator

from policy.section import Chosen, Listed, Name, Section, Source, Text, unknown

RoleName = NewType("RoleName", str)
"""A role of one policy, such as `line_manager`; the same word in another policy is another role."""

PurposeName = NewType("PurposeName", str)
"""A purpose as the policy names it, such as `quality`, or one that a denial names."""

Item = TypeVar("Item")
SomeOf: TypeAlias = Annotated[Listed[Item], Field(min_length=1)]
"""At least one of them."""


COMMON_RULES: Final = ("access", "role", "term", "kept", "restricted", "objected", "refused")
"""Names by which answers cite the rules that every policy has; no grant or denial takes them."""


class Action(Enum):
    """What a person can do with a recording or with the call it is of."""

    FIND = "find"
    LISTEN = "listen"
    EXPORT = "export"
    HAND_OVER = "hand_over"
    REGISTER = "register"
    RETRIEVE = "retrieve"
    ERASE = "erase"
    MONITOR = "monitor"

    @property
    def meaning(self) -> str:
        """Return the action in a few words, for people."""
        return _ACTION_MEANING[self]


_ACTION_MEANING = {
    Action.FIND: "see that the recording exists: when, how long, which agent, masked number",
    Action.LISTEN: "hear the recording",
    Action.EXPORT: "take a copy of the recording for a data subject",
    Action.HAND_OVER: "give the recording, or data from it, to the police or another third party",
    Action.REGISTER: "write data from the call into an incident register, without the audio",
    Action.RETRIEVE: "bring the sealed file up as a technician, without hearing it",
    Action.ERASE: "erase the recording, or a part of it, before its term",
    Action.MONITOR: "hear a call while it goes on",
}


class Calls(Enum):
    """Which calls a grant reaches; where a grant names several, each must hold."""

    ALL = "all"
    OWN = "own"
    SAMPLED = "sampled"
    FLAGGED = "flagged"
    KEPT = "kept"
    REQUESTED = "requested"
    LIVE = "live"


class IncidentKind(Enum):
    """What an incident is about."""

    AGGRESSION = "aggression"
    MISCONDUCT = "misconduct"
    THREAT = "threat"
    EXCEPTIONAL = "exceptional"


class Closure(Enum):
    """What closes a recording to everybody but the grants that name it.

    Source: AVG art. 18(2), restriction; AVG art. 21(1), objection.
    """

    RESTRICTED = "restricted"
    OBJECTED = "objected"
    REFUSED = "refused"


class Cited(Section):
    """A table that cannot do without its article.

    Attributes:
        source: The article, or `assumed: text silent: ` and the reason; `sources` has those of
            single keys, an interpretation of the text included.
    """

    source: Source


class Role(Cited):
    """One hat.

    Attributes:
        title: What the organisation calls it, for people.
        takes_calls: Whether this is the role of those who answer the calls. Where it is
            named in a condition, only a person who held that very call counts.
        excludes: Roles that the same person never wears as well (N5).
    """

    title: Text
    takes_calls: bool = False
    excludes: Listed[Name] = ()


class Grant(Cited):
    """One door that is open, and every condition of it.

    Attributes:
        says: The rule in one sentence, as a refusal quotes it.
        roles: Who.
        purposes: What for.
        actions: What.
        calls: Which calls; each of them must hold.
        incidents: Which incidents count for `flagged` and `kept`; none named: all of them.
        together_with: Roles each of which another person fills, there and unlocking (G8).
        may_attend: Roles that may be there too without being needed.
        on_request_of: Roles one of which asked this person to do it (N5).
        via: Roles one of which opens it for this person, who has no way of their own (N5).
        agents_yes: Whether every agent who held the call must have said yes to this purpose (R5).
        approval_by: Roles one of which, another person, must have approved it.
        recording_impossible: Whether it is open only while recording is technically impossible (N9).
        in_extension: Whether it goes on while an incident keeps the recording longer (G4).
        on_hold: Hold reasons under which it goes on after the term.
        even_when: Closures that do not close this door.
    """

    says: Text
    roles: SomeOf[Name]
    purposes: SomeOf[Name]
    actions: SomeOf[Chosen[Action]]
    calls: SomeOf[Chosen[Calls]]
    incidents: Listed[Chosen[IncidentKind]] = ()
    together_with: Listed[Name] = ()
    may_attend: Listed[Name] = ()
    on_request_of: Listed[Name] = ()
    via: Listed[Name] = ()
    agents_yes: bool = False
    approval_by: Listed[Name] = ()
    recording_impossible: bool = False
    in_extension: bool = False
    on_hold: Listed[Name] = ()
    even_when: Listed[Chosen[Closure]] = ()


class Denial(Cited):
    """Doors that stay shut whatever a grant, a hat or a context says.

    Attributes:
        says: The rule in one sentence.
        quote: The sentence of the published text, as it was published.
        roles: Whom it shuts out, on any hat; none named: everybody.
        purposes: For which purposes; none named: all.
        actions: From which actions; none named: all.
    """

    says: Text
    quote: Text
    roles: Listed[Name] = ()
    purposes: Listed[Name] = ()
    actions: Listed[Chosen[Action]] = ()

    def covers(self, role: str, purpose: str, action: Action) -> bool:
        """Return whether this role is shut out from this purpose and action."""
        return (
            (not self.roles or role in self.roles)
            and (not self.purposes or purpose in self.purposes)
            and (not self.actions or action in self.actions)
        )

    @model_validator(mode="after")
    def _shuts_something(self) -> Self:
        if not (self.roles or self.purposes or self.actions):
            raise ValueError("must name roles, purposes or actions, got none of them")
        return self


class Access(Cited):
    """Who may hear what.

    Attributes:
        says: That list in one sentence; the answer to everybody whom no grant names.
        quote: The sentence of the published text, or nothing where it is silent.
        roles: From role name to role.
        grants: From a name of its own, by which the answers cite it, to what is open.
        denials: The same to what is shut whatever a grant says.
    """

    says: Text
    quote: Text | None = None
    roles: dict[Name, Role] = Field(min_length=1)
    grants: dict[Name, Grant] = Field(min_length=1)
    denials: dict[Name, Denial] = Field(default_factory=dict)

    @property
    def granted_purposes(self) -> frozenset[PurposeName]:
        """Return the purposes of all grants; the policy has to declare each of them."""
        return frozenset(PurposeName(purpose) for grant in self.grants.values() for purpose in grant.purposes)

    @property
    def denied_purposes(self) -> frozenset[PurposeName]:
        """Return the purposes that a denial names; they need not be purposes of the organisation."""
        denials = self.denials.values()
        return frozenset(PurposeName(purpose) for denial in denials for purpose in denial.purposes)

    @property
    def hold_reasons(self) -> frozenset[str]:
        """Return the hold reasons that grants name; the policy has to know each of them."""
        return frozenset(reason for grant in self.grants.values() for reason in grant.on_hold)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        problems = [
            *self._names_taken(),
            *self._unknown_roles(),
            *self._circles(),
            *self._empty_promises(),
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _names_taken(self) -> Iterator[str]:
        for name in sorted({*self.grants, *self.denials} & set(COMMON_RULES)):
            yield f'"{name}": must be another name, it is that of a rule which every policy has'
        for name in sorted(self.grants.keys() & self.denials.keys()):
            yield f'denials.{name}: must be another name, "{name}" is a grant already'

    def _unknown_roles(self) -> Iterator[str]:
        for name, role in self.roles.items():
            yield from unknown(f"roles.{name}.excludes", "role", role.excludes, self.roles)
            if name in role.excludes:
                yield f'roles.{name}.excludes: must name other roles, got "{name}" itself'
        for grant_name, grant in self.grants.items():
            for key in ("roles", "together_with", "may_attend", "on_request_of", "via", "approval_by"):
                yield from unknown(f"grants.{grant_name}.{key}", "role", getattr(grant, key), self.roles)
        for denial_name, denial in self.denials.items():
            yield from unknown(f"denials.{denial_name}.roles", "role", denial.roles, self.roles)

    def _circles(self) -> Iterator[str]:
        """Tell conditions that wait for one another: nobody could ever be the first."""
        for key in ("via", "on_request_of"):
            needs: dict[tuple[str, Action], dict[str, set[str]]] = {}
            for grant in self.grants.values():
                for purpose, action, role in product(grant.purposes, grant.actions, grant.roles):
                    needs.setdefault((purpose, action), {}).setdefault(role, set()).update(
                        getattr(grant, key)
                    )
            circling = {role for one in needs.values() for role in one if role in _reached(one, role)}
            for role in sorted(circling):
                yield f'grants: {key}: must not lead back to where it began, got a circle at "{role}"'

    def _empty_promises(self) -> Iterator[str]:
        for grant_name, grant in self.grants.items():
            where = f"grants.{grant_name}"
            if Calls.ALL in grant.calls and len(grant.calls) > 1:
                yield f'{where}.calls: "all" must stand alone, got others beside it'
            if (Calls.LIVE in grant.calls) != (grant.actions == (Action.MONITOR,)):
                yield f'{where}.calls: "live" and the single action "monitor" must go together'
            if grant.incidents and not {Calls.FLAGGED, Calls.KEPT} & set(grant.calls):
                yield f'{where}.incidents: has no meaning unless calls holds "flagged" or "kept"'
            if Calls.OWN in grant.calls:
                for name in grant.roles:
                    if name in self.roles and not self.roles[name].takes_calls:
                        yield f'{where}.calls: "own" must be of a role that takes calls, got "{name}"'
            if all(
                any(denial.covers(role, purpose, action) for denial in self.denials.values())
                for role, purpose, action in product(grant.roles, grant.purposes, grant.actions)
            ):
                yield f"{where}: must open something, got a grant that the denials shut whole"


def _reached(needs: dict[str, set[str]], start: str) -> set[str]:
    """Return every role that `start` waits for, at any distance."""
    reached: set[str] = set()
    waiting = list(needs.get(start, ()))
    while waiting:
        role = waiting.pop()
        if role not in reached:
            reached.add(role)
            waiting += needs.get(role, ())
    return reached
