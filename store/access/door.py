"""The door: whether somebody may do what they ask with a recording, and what is told to them.

Theory of operation

Who asks has proved it with their own passphrase before anything here is called. Then, in order:

    at once     person, action and purpose alone decide: refused with rule and article, freely told
    look-up     what is so about the recording, in a fixed number of queries
    may()       decides
    ledger      the access, committed before its epoch wrap comes off (I5)

What depends on the recording is answered to who may not know with one and the same sentence,
whether it is somebody else's, closed, over, of another organisation, or was never there: the
queries are the same ones, and so is the ledger's work. The rule that really refused stands on
the ledger only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NoReturn

from policy.access import Access, Action, PurposeName, RoleName
from policy.clock import from_ms, to_iso, to_ms
from policy.errors import ConsentlineError, NotFound, RefusedByPolicy, StateConflict
from policy.load import Policies
from policy.model import Policy
from policy.permission import Allowed, Because, Refused, Rule, may, refused_at_once
from policy.retention import DataKind
from policy.situation import Person, PersonId
from policy.vocabulary import RecordingId, RecordingState
from store.access import accesses, situation
from store.access.accesses import Opened
from store.access.situation import Asked, Facts
from store.db import Db
from store.files.archive import Archive
from store.keyring.shares import AccessId
from store.keys import mask_number
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.records import calls, decisions

NO_SUCH: Final = "no such recording, or not yours"
LARGEST_REASON_CHARACTERS: Final = 300
LARGEST_CASE_CHARACTERS: Final = 40

_RECORDING_ID: Final = re.compile(r"[0-9a-f]{32}")
_NOT_AN_ID: Final = RecordingId("")
_DIGITS: Final = re.compile(r"\+?\d(?:[ .-]?\d){6,}")
_CASE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./_-]*")
_OPENS_AUDIO: Final = (Action.LISTEN, Action.EXPORT, Action.HAND_OVER, Action.RETRIEVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Who asks what, for what, and why.

    Attributes:
        person: Who would do it; whose passphrase was proved, but where a word is asked for.
        login: The OS login that asks.
        actor: Who asks, as the ledger names them.
        company: Who else proved theirs, and is there.
        policy: Under which organisation's policy.
        reason: In their own words; long numbers in it are masked before it is kept.
        case: The number of a file, or None.
    """

    person: PersonId
    login: str
    actor: str
    company: tuple[PersonId, ...] = ()
    policy: Policy
    action: Action
    purpose: PurposeName
    reason: str
    case: str | None = None

    @property
    def access(self) -> Access | None:
        """Who may hear what, under that policy."""
        return self.policy.access

    def to_json(self) -> dict[str, Json]:
        """Return what the ledger keeps of it."""
        return {
            "person": self.person,
            "with": list(self.company),
            "policy": self.policy.name,
            "policy_hash": self.policy.content_hash,
            "action": self.action.value,
            "purpose": self.purpose,
            "reason": self.reason,
            "case": self.case,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A question that was answered yes.

    Attributes:
        rule: The grant.
        role: The hat under which.
    """

    facts: Facts
    rule: Rule
    role: RoleName


def checked_reason(reason: str) -> str:
    """Return a reason as it is kept: numbers of seven digits and more masked.

    Raises:
        ConsentlineError: If it says nothing, or too much.
    """
    text = " ".join(reason.split())
    if not text or len(text) > LARGEST_REASON_CHARACTERS or not text.isprintable():
        raise ConsentlineError(
            f"reason: must be 1 to {LARGEST_REASON_CHARACTERS} characters, got {len(text)}",
            hint="say why in a few words; it stays on the ledger",
        )
    return masked(text)


def masked(text: str) -> str:
    """Return words that a person typed as they are kept: numbers of seven digits and more masked."""
    return _DIGITS.sub(lambda match: mask_number(match[0]), text)


def checked_case(case: str | None) -> str | None:
    """Return a file number.

    Raises:
        ConsentlineError: If it cannot be one.
    """
    if case is not None and (len(case) > LARGEST_CASE_CHARACTERS or _CASE.fullmatch(case) is None):
        raise ConsentlineError(
            f"case: must be a file number of at most {LARGEST_CASE_CHARACTERS} letters, digits and . / _ -"
        )
    return case


def policy_for(db: Db, policies: Policies, person: PersonId, named: str | None) -> Policy:
    """Return the policy under which somebody asks: the one named, or the only one they have a hat in.

    Raises:
        NotFound: If no policy has that name.
        RefusedByPolicy: If they have no hat anywhere here.
        ConsentlineError: If they have hats under several and name none.
    """
    if named is not None:
        return policies.named(named)
    found = db.rows("SELECT DISTINCT policy FROM hats WHERE person_id = ? ORDER BY policy", (person,))
    theirs = [row["policy"] for row in found if row["policy"] in policies.by_name]
    if len(theirs) == 1:
        return policies.named(theirs[0])
    if theirs:
        raise ConsentlineError(
            f"policy: must be named, {person} has hats under {', '.join(theirs)}", hint="add --policy NAME"
        )
    if len(policies.by_name) == 1:
        (only,) = policies.by_name.values()
        return only
    raise RefusedByPolicy(f"person {person}: has no role under any policy here, so no access")


def enter(archive: Archive, question: Question, at: datetime) -> Asked:
    """Return who asks what, unless it is refused whatever the recording.

    Raises:
        RefusedByPolicy: With rule, article and the sentence of the text; it is on the ledger.
    """
    staff = situation.staff_of(archive.db, question.policy.name)
    asked = Asked(
        policy=question.policy.name,
        person=_person(staff, question.person),
        company=tuple(_person(staff, one) for one in question.company),
        action=question.action,
        purpose=question.purpose,
        staff=staff,
    )
    refused = _at_once(asked, question, at)
    if refused is None:
        return asked
    note_refusal(archive, question, refused, at, known=None)
    raise RefusedByPolicy(refused.rule.in_words(question.policy.identity.organisation))


def look_up(archive: Archive, recording: str, asked: Asked, at: datetime) -> Facts | None:
    """Return what is so about one recording, or None; the work is the same for both."""
    wanted = RecordingId(recording) if _RECORDING_ID.fullmatch(recording) else _NOT_AN_ID
    return situation.look_up(archive.db, (wanted,), asked, at).get(wanted)


def decide(archive: Archive, question: Question, recording: str, at: datetime) -> Passed:
    """Return that somebody may do what they ask, and under which grant.

    Args:
        archive: Where the recording is.
        question: Who asks what.
        recording: The recording's id, or whatever they typed.
        at: Now.

    Raises:
        RefusedByPolicy: If it is refused whatever the recording; told freely.
        NotFound: If there is no such recording, or it is refused for a reason that lies in it.
        StateConflict: If they may, and it is not there to be opened: not sealed yet, or gone.
    """
    asked = enter(archive, question, at)
    facts = look_up(archive, recording, asked, at)
    decided = _may(asked, facts, question.policy)
    if isinstance(decided, Refused):
        refuse(archive, question, decided, at, facts)
    assert facts is not None and isinstance(decided, Allowed)  # noqa: S101 - `_may` refuses what is not there
    problem = _not_there(question.action, facts)
    if problem is not None:
        gone = Refused(rule=_rule("not_sealed", problem), because=Because.NOT_THIS_CALL)
        note_refusal(archive, question, gone, at, known=facts.row.recording_id)
        raise StateConflict(f"recording {facts.row.recording_id}: {problem}")
    return Passed(facts=facts, rule=decided.rule, role=decided.role)


def refuse(
    archive: Archive, question: Question, refused: Refused, at: datetime, facts: Facts | None
) -> NoReturn:
    """Put on the ledger why, and tell nothing.

    Raises:
        NotFound: Always, in the same words.
    """
    note_refusal(archive, question, refused, at, known=None if facts is None else facts.row.recording_id)
    raise NotFound(NO_SUCH)


def open_access(archive: Archive, question: Question, passed: Passed, at: datetime) -> tuple[AccessId, int]:
    """Put an access on the ledger (I5) and return what it is known by, with the entry's number."""
    access_id = AccessId(archive.randomness.token(16).hex())
    opened = Opened(
        access_id=access_id,
        recording_id=passed.facts.row.recording_id,
        policy=question.policy.name,
        policy_hash=question.policy.content_hash,
        person=question.person,
        login=question.login,
        role=passed.role,
        company=tuple(sorted({other.id for other in passed.facts.context.present} - {question.person})),
        action=question.action,
        purpose=question.purpose,
        reason=question.reason,
        case=question.case,
        rule=passed.rule.name,
        due_at=due_at(question.policy, question.action, at),
    )
    with archive.db.write() as tx:  # I5: committed before anything is unwrapped
        entry = accesses.open_access(tx, opened, at=at, actor=question.actor)
    return access_id, entry


def manifest(
    archive: Archive, question: Question, passed: Passed, at: datetime, entry: int
) -> Mapping[str, Json]:
    """Return call, evidence and hashes, and who opened it why, as it goes with a copy."""
    row = passed.facts.row
    parts = archive.db.rows(
        "SELECT from_ms, to_ms FROM part_erasures WHERE recording_id = ? AND erased_at IS NOT NULL"
        " ORDER BY from_ms",
        (row.recording_id,),
    )
    purpose = question.policy.all_purposes.get(question.purpose)
    return {
        "organisation": question.policy.identity.organisation,
        "recording": row.to_json(),
        "call": calls.get_call(archive.db, row.call_id).to_json(),
        "evidence": [evidence.to_json() for evidence in decisions.of_call(archive.db, row.call_id)],
        "erased_parts_ms": [[part["from_ms"], part["to_ms"]] for part in parts],
        "content_type": row.content_type,
        "sealed_sha256": row.sealed_sha256,
        "released": {
            "person": question.person,
            "role": passed.role,
            "with": sorted({other.id for other in passed.facts.context.present}),
            "action": question.action.value,
            "purpose": question.purpose,
            "purpose_in_words": None if purpose is None else purpose.description,
            "reason": question.reason,
            "case": question.case,
            "rule": passed.rule.name,
            "article": passed.rule.source,
            "policy_hash": question.policy.content_hash,
            "at": to_iso(at),
            "ledger_entry": entry,
        },
        "original_kept_until": to_iso(row.due_at),
    }


def due_at(policy: Policy, action: Action, at: datetime) -> datetime:
    """Return when the row about an access has to be gone."""
    handed_out = action in (Action.EXPORT, Action.HAND_OVER)
    term = policy.retention.term(DataKind.EXPORTS if handed_out else DataKind.LEDGER_PAYLOADS)
    return term.after(from_ms(to_ms(at)), policy.working_days)


def note_refusal(
    archive: Archive, question: Question, refused: Refused, at: datetime, *, known: RecordingId | None
) -> None:
    """Put a refusal with its true rule on the ledger."""
    told: dict[str, Json] = {
        **question.to_json(),
        "result": "refused",
        "because": refused.because.value,
        "rule": refused.rule.name,
        "article": refused.rule.source,
    }
    with archive.db.write() as tx:
        ledger.append(tx, Kind.ACCESS_REFUSED, at, actor=question.actor, subject=known or "", payload=told)


def _not_there(action: Action, facts: Facts) -> str | None:
    """Return why what may be done cannot be done, or None when it can."""
    state = facts.row.state
    if action in _OPENS_AUDIO and state is not RecordingState.SEALED:
        return f"must be sealed, is {state.value}"
    if facts.row.intended_at is not None:
        return f"is {state.value} already"
    hold = facts.context.hold
    if action is Action.ERASE and hold is not None:  # X6: who decided on the hold decides on its end
        return f"is held for {hold.reason} until {to_iso(hold.until)}; release the hold first"
    return None


def _may(asked: Asked, facts: Facts | None, policy: Policy) -> Allowed | Refused:
    if facts is None or policy.access is None:
        return Refused(rule=_rule("unknown", NO_SUCH), because=Because.NOT_THIS_CALL)
    return may(asked.person, asked.action, facts.recording, asked.purpose, facts.context, policy.access)


def _at_once(asked: Asked, question: Question, at: datetime) -> Refused | None:
    if question.access is None:
        says = "the policy names nobody who has access"
        return Refused(rule=_rule("access", says), because=Because.NOT_GRANTED)
    return refused_at_once(asked.person, asked.action, asked.purpose, at, question.access)


def _person(staff: Mapping[PersonId, Person], person: PersonId) -> Person:
    return staff.get(person) or Person(id=person, hats=())


def _rule(name: str, says: str) -> Rule:
    return Rule(name=name, source="access", says=says)
