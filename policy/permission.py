"""May this person do this with that recording, for this purpose, now? Values in, a rule out.

The order in which it is judged, first what is known before anything is looked up:

    person      wears a role here; no two hats that exclude each other; no denial; a grant
    recording   its term runs; then for each grant, in this order:
                kept longer for this - not closed - of the calls it reaches - who is there -
                who has to be there - asked to - opened by - agents' yes - approved

One grant that holds is enough. Where none does, the refusal is that of the grant that came
furthest, the first in the file among equals, so that the answer is always the same one.
Nobody counts as a second person to themselves, whatever they wear (G8). A recorded deviation
(H8) is not judged here: it changes the policy, visibly, before this is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import assert_never

from policy.access import Access, Action, Calls, Closure, Grant, PurposeName, RoleName
from policy.situation import Context, IncidentStage, Person, PersonId, Recording, Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What decided.

    Attributes:
        name: What the policy file calls the grant or denial, or one of `access` (the closed list),
            `role`, `term`, `kept`, `restricted`, `objected`, `refused`.
        source: Article, such as `N6, section 2`.
        says: In one sentence.
        quote: The published sentence, where there is one to quote.
    """

    name: str
    source: str
    says: str
    quote: str | None = None

    def in_words(self, organisation: str) -> str:
        """Return one line for people: `Nunspeet N6: the line manager has no access ...`."""
        quoted = f' ("{self.quote}")' if self.quote is not None else ""
        return f"{organisation} {self.source}: {self.says}{quoted}"


class Because(Enum):
    """Why the answer is no, in the order in which it is judged."""

    NO_ROLE = "no_role"
    EXCLUDED = "excluded"
    DENIED = "denied"
    NOT_GRANTED = "not_granted"
    TERM_OVER = "term_over"
    KEPT_FOR_ELSE = "kept_for_else"
    CLOSED = "closed"
    NOT_THIS_CALL = "not_this_call"
    NOT_ADMITTED = "not_admitted"
    ALONE = "alone"
    NOT_ASKED = "not_asked"
    NOT_OPENED = "not_opened"
    NO_YES = "no_yes"
    NOT_APPROVED = "not_approved"

    @property
    def known_before_look_up(self) -> bool:
        """Whether person, action and purpose alone decide it, so that it may be told freely.

        Everything else depends on the recording and is answered to the person as
        "no such recording, or not yours", with the rule on the ledger only.
        """
        return self in (Because.NO_ROLE, Because.EXCLUDED, Because.DENIED, Because.NOT_GRANTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """Yes.

    Attributes:
        rule: The grant.
        role: The hat under which.
    """

    rule: Rule
    role: RoleName


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """No, and the rule that says so."""

    rule: Rule
    because: Because


def may(  # noqa: PLR0917 - in the order in which people ask it
    person: Person,
    action: Action,
    recording: Recording,
    purpose: PurposeName,
    context: Context,
    access: Access,
) -> Allowed | Refused:
    """Decide about one recording."""
    grants = _grants(person, action, purpose, context.now, access)
    if isinstance(grants, Refused):
        return grants
    over = _term_over(recording, context)
    if over is not None:
        return over
    question = _Question(person, action, recording, purpose, context, access)
    furthest: tuple[int, Refused] | None = None
    for name, role in grants:
        grant = access.grants[name]
        failed = question.first_failure(name, grant)
        if failed is None:
            return Allowed(rule=Rule(name=name, source=grant.source, says=grant.says), role=role)
        if furthest is None or failed[0] > furthest[0]:
            furthest = failed
    assert furthest is not None  # noqa: S101 - `_grants` never returns an empty list
    return furthest[1]


def refused_at_once(
    person: Person, action: Action, purpose: PurposeName, now: datetime, access: Access
) -> Refused | None:
    """Return the refusal that holds for every recording, or None when it depends on the recording.

    Judged before any look-up, so that a person without a right learns nothing from the answer.
    """
    grants = _grants(person, action, purpose, now, access)
    return grants if isinstance(grants, Refused) else None


def excluding_roles(roles: Iterable[RoleName], access: Access) -> Rule | None:
    """Return the rule that keeps these hats from being worn by one person, or None (N5)."""
    worn = sorted(set(roles) & access.roles.keys())
    if len(worn) == 1:
        return None
    for name in worn:
        role = access.roles[name]
        for other in worn:
            if other in role.excludes:
                says = f"the {_spoken(name)} is never the {_spoken(other)} as well, on any hat"
                return Rule(name="role", source=role.source, says=says)
    return None


def _grants(
    person: Person, action: Action, purpose: PurposeName, now: datetime, access: Access
) -> Sequence[tuple[str, RoleName]] | Refused:
    """Return the names of the grants that could apply, each with the hat, or why there are none."""
    roles = _roles(person, now, access)
    if not roles:
        says = f"who has no role here has no access: {access.says}"
        return _refused(Because.NO_ROLE, "access", access.source, says, access.quote)
    exclusion = excluding_roles(roles, access)
    if exclusion is not None:
        return Refused(rule=exclusion, because=Because.EXCLUDED)
    denial = _denial(roles, action, purpose, access)
    if denial is not None:
        return Refused(rule=denial, because=Because.DENIED)
    grants = [
        (name, role)
        for name, grant in access.grants.items()
        if action in grant.actions and purpose in grant.purposes
        for role in roles
        if role in grant.roles
    ]
    if not grants:
        return _refused(Because.NOT_GRANTED, "access", access.source, access.says, access.quote)
    return grants


def _roles(person: Person, now: datetime, access: Access) -> list[RoleName]:
    """Return the roles of this policy that somebody wears now, in the order of the file."""
    worn = {hat.role for hat in person.hats if hat.worn_at(now)}
    return [RoleName(name) for name in access.roles if name in worn]


def _denial(roles: Iterable[RoleName], action: Action, purpose: PurposeName, access: Access) -> Rule | None:
    """Return the first denial that shuts one of the roles out."""
    for name, denial in access.denials.items():
        for role in roles:
            if denial.covers(role, purpose, action):
                return Rule(name=name, source=denial.source, says=denial.says, quote=denial.quote)
    return None


def _term_over(recording: Recording, context: Context) -> Refused | None:
    ends = [recording.due_at]
    if recording.extended_until is not None:
        ends.append(recording.extended_until)
    if context.hold is not None:
        ends.append(context.hold.until)
    if context.now < max(ends):
        return None
    return _refused(Because.TERM_OVER, "term", "AVG art. 5(1)(e)", "its term is over, so nobody has access")


@dataclass(frozen=True, slots=True)
class _Unmet:
    """A condition of the grant itself that does not hold."""

    because: Because
    why: str


@dataclass(frozen=True, slots=True)
class _Question:
    """One question, to be held against one grant after the other."""

    person: Person
    action: Action
    recording: Recording
    purpose: PurposeName
    context: Context
    access: Access

    def first_failure(self, name: str, grant: Grant) -> tuple[int, Refused] | None:
        """Return how far the grant came and what stopped it, or None when all of it holds."""
        checks: tuple[Callable[[Grant], Refused | _Unmet | None], ...] = (
            self._kept_for_this,
            self._not_closed,
            self._of_these_calls,
            self._admitted,
            self._together,
            self._asked,
            self._opened,
            self._agents_said_yes,
            self._approved,
        )
        for stage, check in enumerate(checks):
            failure = check(grant)
            if isinstance(failure, _Unmet):
                says = f"{failure.why}: {grant.says}"
                return stage, _refused(failure.because, name, grant.source, says)
            if failure is not None:
                return stage, failure
        return None

    def _kept_for_this(self, grant: Grant) -> Refused | None:
        now, hold = self.context.now, self.context.hold
        if now < self.recording.due_at:
            return None
        extended = self.recording.extended_until is not None and now < self.recording.extended_until
        held = hold is not None and now < hold.until
        if (extended and grant.in_extension) or (held and hold is not None and hold.reason in grant.on_hold):
            return None
        says = "after its term it is kept for another purpose only"
        return _refused(Because.KEPT_FOR_ELSE, "kept", "AVG art. 5(1)(b)", says)

    def _not_closed(self, grant: Grant) -> Refused | None:
        for closure in Closure:
            if self._is(closure) and closure not in grant.even_when:
                return _closed(closure)
        return None

    def _is(self, closure: Closure) -> bool:
        match closure:
            case Closure.RESTRICTED:
                return self.context.restricted
            case Closure.OBJECTED:
                return self.context.objected
            case Closure.REFUSED:
                return self.recording.refused
            case _:
                assert_never(closure)

    def _of_these_calls(self, grant: Grant) -> _Unmet | None:
        if self.recording.live and Calls.LIVE not in grant.calls:
            return _Unmet(Because.NOT_THIS_CALL, "the call is still going on")
        missed = [calls.value for calls in grant.calls if not self._reaches(calls, grant)]
        if missed:
            return _Unmet(Because.NOT_THIS_CALL, f"only calls that are {' and '.join(missed)}")
        if grant.recording_impossible and not self.context.recording_impossible:
            return _Unmet(Because.NOT_THIS_CALL, "recording is possible now")
        return None

    def _reaches(self, calls: Calls, grant: Grant) -> bool:
        incident, now = self.recording.incident, self.context.now
        counts = incident is not None and (not grant.incidents or incident.kind in grant.incidents)
        match calls:
            case Calls.ALL:
                return True
            case Calls.OWN:
                return self.person.id in self.recording.agents
            case Calls.SAMPLED:
                return self.context.drawn_until is not None and now < self.context.drawn_until
            case Calls.FLAGGED:
                return counts
            case Calls.KEPT:
                return counts and incident is not None and incident.stage is IncidentStage.KEPT
            case Calls.REQUESTED:
                return self.context.requested_until is not None and now < self.context.requested_until
            case Calls.LIVE:
                return self.recording.live
            case _:
                assert_never(calls)

    def _admitted(self, grant: Grant) -> Refused | _Unmet | None:
        """Refuse when somebody is there whom the grant does not name: to be there is to hear."""
        named = (*grant.together_with, *grant.may_attend)
        for other in self._others():
            roles = _roles(other, self.context.now, self.access)
            denial = _denial(roles, self.action, self.purpose, self.access)
            if denial is not None:
                return Refused(rule=denial, because=Because.NOT_ADMITTED)
            if not any(self._counts_as(other, role) for role in named):
                return _Unmet(Because.NOT_ADMITTED, "somebody is there who may not be")
        return None

    def _together(self, grant: Grant) -> _Unmet | None:
        others = {other.id: other for other in self._others()}
        if self._filled(grant.together_with, others):
            return None
        return _Unmet(Because.ALONE, f"only together with {_listed(grant.together_with, ' and ')}")

    def _filled(self, roles: Sequence[str], people: dict[PersonId, Person]) -> bool:
        """Return whether each role is filled by a person of its own (G8: one with two hats is one)."""
        if not roles:
            return True
        return any(
            self._filled(roles[1:], {id_: other for id_, other in people.items() if id_ != person.id})
            for person in people.values()
            if self._counts_as(person, roles[0])
        )

    def _asked(self, grant: Grant) -> _Unmet | None:
        if self._has_word(self.context.requests, grant.on_request_of):
            return None
        return _Unmet(Because.NOT_ASKED, f"only when asked by {_listed(grant.on_request_of)}")

    def _opened(self, grant: Grant) -> _Unmet | None:
        if self._has_word(self.context.openings, grant.via):
            return None
        return _Unmet(Because.NOT_OPENED, f"only through {_listed(grant.via)}")

    def _agents_said_yes(self, grant: Grant) -> _Unmet | None:
        given = {
            yes.by for yes in self.context.yes if yes.purpose == self.purpose and self.context.now < yes.until
        }
        agents = self.recording.agents
        if not grant.agents_yes or (agents and agents <= given):
            return None
        return _Unmet(Because.NO_YES, "only after the agent said yes")

    def _approved(self, grant: Grant) -> _Unmet | None:
        if self._has_word(self.context.approvals, grant.approval_by):
            return None
        return _Unmet(Because.NOT_APPROVED, f"only when approved by {_listed(grant.approval_by)}")

    def _has_word(self, words: Iterable[Word], roles: Sequence[str]) -> bool:
        """Return whether one of the roles, another person, gave their word on exactly this."""
        return not roles or any(
            word.to == self.person.id
            and word.by.id != self.person.id
            and word.action is self.action
            and word.purpose == self.purpose
            and self.context.now < word.until
            and any(self._counts_as(word.by, role) for role in roles)
            for word in words
        )

    def _others(self) -> Iterator[Person]:
        return (other for other in self.context.present if other.id != self.person.id)

    def _counts_as(self, person: Person, role: str) -> bool:
        """Return whether somebody fills a role of a condition: worn now, shut out by nothing."""
        roles = _roles(person, self.context.now, self.access)
        if role not in roles or excluding_roles(roles, self.access) is not None:
            return False
        if _denial(roles, self.action, self.purpose, self.access) is not None:
            return False
        return not self.access.roles[role].takes_calls or person.id in self.recording.agents


def _closed(closure: Closure) -> Refused:
    match closure:
        case Closure.RESTRICTED:
            return _refused(Because.CLOSED, "restricted", "AVG art. 18(2)", "restricted: kept, and not used")
        case Closure.OBJECTED:
            return _refused(Because.CLOSED, "objected", "AVG art. 21(1)", "objected to: kept, and not used")
        case Closure.REFUSED:
            return _refused(Because.CLOSED, "refused", "AVG art. 5(1)(a)", "the caller refused")
        case _:
            assert_never(closure)


def _refused(because: Because, name: str, source: str, says: str, quote: str | None = None) -> Refused:
    return Refused(rule=Rule(name=name, source=source, says=says, quote=quote), because=because)


def _listed(roles: Sequence[str], joint: str = " or ") -> str:
    return joint.join(f"the {_spoken(role)}" for role in roles)


def _spoken(role: str) -> str:
    return role.replace("_", " ")
