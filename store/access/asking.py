"""Asking for somebody's word, and giving it: what is worth nothing is not taken.

A word is taken only where, with every other condition of one grant met, it would open the door and
its lack keeps it shut. So nobody learns by asking whether there is a recording that is not theirs:
asking about it, or about one that is not there, is answered with the same sentence as opening it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from policy.access import Access, Action, Grant
from policy.clock import from_ms, to_iso, to_ms
from policy.errors import ConsentlineError, RefusedByPolicy
from policy.model import Policy
from policy.permission import Allowed, Because, Refused, Rule, may
from policy.retention import DataKind
from policy.situation import Context, Person, PersonId, Word, Yes
from store.access import confirmations, door, words
from store.access.confirmations import Confirmation
from store.access.door import Question
from store.access.situation import Asked, Facts
from store.access.words import Said, WordKind, WordRow
from store.files.archive import Archive

_KEYS: Final[Mapping[WordKind, str]] = {
    WordKind.REQUEST: "on_request_of",
    WordKind.OPENING: "via",
    WordKind.APPROVAL: "approval_by",
    WordKind.COMPANY: "together_with",
    WordKind.YES: "agents_yes",
}
"""Which condition of a grant each kind of word meets."""

_MARGIN: Final = timedelta(seconds=1)
LONGEST_REQUEST: Final = timedelta(days=183)
"""A request is decided on within a month, or two more (AVG art. 12(3)); more only while it stands still."""
_WORDS_LACKING: Final = frozenset(
    {Because.ALONE, Because.NOT_ASKED, Because.NOT_OPENED, Because.NOT_APPROVED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A word that is wanted for somebody's question.

    Attributes:
        question: Of whoever would do it: the receiver of the word.
        giver: Whose word.
        recording: The recording's id, or whatever was typed.
    """

    kind: WordKind
    question: Question
    giver: PersonId
    recording: str


def ask(archive: Archive, wanted: Wanted, at: datetime) -> WordRow:
    """Ask for a word.

    Raises:
        RefusedByPolicy: If no such word is needed for that, or not theirs; told freely.
        NotFound: If it would be worth nothing for that recording, or there is none.
    """
    facts = judge(archive, wanted, at)
    with archive.db.write() as tx:
        word_id = words.ask(tx, _said(wanted, facts, at), at=at, actor=wanted.question.actor)
        return words.find(tx, word_id)


def give(archive: Archive, wanted: Wanted, at: datetime, *, until: datetime | None) -> WordRow:
    """Give a word unasked, which needs no key.

    Raises:
        RefusedByPolicy: If no such word is needed for that, or not theirs; told freely.
        NotFound: If it would be worth nothing for that recording, or there is none.
    """
    facts = judge(archive, wanted, at)
    with archive.db.write() as tx:
        said = _said(wanted, facts, at)
        ends = ends_at(wanted.kind, facts, at, until)
        return words.find(tx, words.give(tx, said, until=ends, at=at, actor=wanted.question.actor))


def judge(archive: Archive, wanted: Wanted, at: datetime) -> Facts:
    """Return what is so about the recording on which a word is wanted, where it would count.

    Raises:
        RefusedByPolicy: If no such word is needed for that, or not theirs; told freely.
        NotFound: If it would be worth nothing for that recording, or there is none.
    """
    question = wanted.question
    asked = door.enter(archive, question, at)
    giver = asked.staff.get(wanted.giver) or Person(id=wanted.giver, hats=())
    access = question.access
    if access is None or not _may_give(giver, wanted.kind, asked, access, at):
        refused = _refused(wanted)
        door.note_refusal(archive, question, refused, at, known=None)
        raise RefusedByPolicy(refused.rule.in_words(question.policy.identity.organisation))
    facts = door.look_up(archive, wanted.recording, asked, at)
    if facts is None or not _counts(asked, facts, giver, wanted.kind, access):
        door.refuse(archive, question, _refused(wanted), at, facts)
    return facts


def ends_at(kind: WordKind, facts: Facts, at: datetime, until: datetime | None) -> datetime:
    """Return when a word ends: when was asked for, and never after the recording or its kind's longest.

    Raises:
        ConsentlineError: If that is over already.
    """
    _must_be_ahead(until, at)
    return min(until or at + kind.longest, at + kind.longest, facts.row.due_at)


def of_word(row: WordRow, policy: Policy, *, login: str, actor: str) -> Wanted:
    """Return a stored word as the question that it is about, asked by its giver's login."""
    question = Question(
        person=row.receiver,
        login=login,
        actor=actor,
        policy=policy,
        action=row.action,
        purpose=row.purpose,
        reason=row.reason,
    )
    return Wanted(kind=row.kind, question=question, giver=row.giver, recording=row.recording_id)


def confirm(  # noqa: PLR0917 - in the order in which it is said
    archive: Archive, question: Question, recording: str, reference: str, until: datetime, at: datetime
) -> datetime:
    """Put on record that identity and call of a data subject's request were confirmed.

    `casework/request_calls.py` alone calls this: there is no confirmation without a request.

    Args:
        archive: Where the recording is.
        question: Of whoever fulfils the request: what they would do, such as `export`.
        recording: The recording's id, or whatever was typed.
        reference: The number of the request's file.
        until: From when on it opens nothing: the day after the request has to be decided.
        at: Now.

    Returns:
        Until when it counts.

    Raises:
        RefusedByPolicy: If this person fulfils no requests here; told freely.
        NotFound: If there is no such recording, or none that a request opens.
    """
    asked = door.enter(archive, question, at)
    facts = door.look_up(archive, recording, asked, at)
    access = question.access
    if facts is None or access is None or not _would_open(asked, facts, access):
        rule = Rule(name="requested", source="access", says="no request opens this")
        door.refuse(archive, question, Refused(rule=rule, because=Because.NOT_THIS_CALL), at, facts)
    _must_be_ahead(until, at)
    ends = min(until, at + LONGEST_REQUEST)
    term = question.policy.retention.term(DataKind.REQUESTS)
    confirmation = Confirmation(
        recording_id=facts.row.recording_id,
        reference=reference,
        confirmed_by=question.person,
        until=ends,
        due_at=term.after(from_ms(to_ms(ends)), question.policy.working_days),
    )
    with archive.db.write() as tx:
        confirmations.confirm(tx, confirmation, at=at, actor=question.actor)
    return ends


def _must_be_ahead(until: datetime | None, at: datetime) -> None:
    if until is not None and until <= at:
        raise ConsentlineError(f"until: must lie ahead, got {to_iso(until)}")


def _would_open(asked: Asked, facts: Facts, access: Access) -> bool:
    context = replace(facts.context, requested_until=facts.context.now + _MARGIN)
    decided = may(asked.person, asked.action, facts.recording, asked.purpose, context, access)
    return isinstance(decided, Allowed) or decided.because in _WORDS_LACKING


def _may_give(giver: Person, kind: WordKind, asked: Asked, access: Access, at: datetime) -> bool:
    """Return whether this person's word could ever meet a condition of such a question."""
    worn = {hat.role for hat in giver.hats if hat.worn_at(at)}
    return giver.id != asked.person.id and any(
        worn & set(_givers(kind, grant, access)) for grant in _grants(asked, access, at)
    )


def _givers(kind: WordKind, grant: Grant, access: Access) -> Sequence[str]:
    if kind is WordKind.YES:
        return [name for name, role in access.roles.items() if role.takes_calls] if grant.agents_yes else ()
    roles: Sequence[str] = getattr(grant, _KEYS[kind])
    return roles


def _grants(asked: Asked, access: Access, at: datetime) -> Iterator[Grant]:
    worn = {hat.role for hat in asked.person.hats if hat.worn_at(at)}
    for grant in access.grants.values():
        if asked.action in grant.actions and asked.purpose in grant.purposes and worn & set(grant.roles):
            yield grant


def _counts(asked: Asked, facts: Facts, giver: Person, kind: WordKind, access: Access) -> bool:
    """Return whether this word opens a grant that stays shut without it, all else being met."""
    context = replace(facts.context, present=(), requests=(), openings=(), approvals=(), yes=())
    with_it = _with(context, giver, kind, asked)
    for grant in _grants(asked, access, context.now):
        # Of several agents each says yes for themselves; here it is this one's that counts.
        recording = facts.recording
        if kind is WordKind.YES:
            if giver.id not in recording.agents:
                continue
            recording = replace(recording, agents=frozenset({giver.id}))
        alone = _only(access, grant, kind)

        def opens(so: Context, access: Access = alone, recording: Any = recording) -> bool:
            return isinstance(may(asked.person, asked.action, recording, asked.purpose, so, access), Allowed)

        if opens(with_it) and not opens(context):
            return True
    return False


def _only(access: Access, grant: Grant, kind: WordKind) -> Access:
    """Return an access of one grant with no condition on other people but the one this word meets."""
    own = _KEYS[kind]
    others = {key: () for key in _KEYS.values() if key not in (own, "agents_yes")}
    if own != "agents_yes":
        others["agents_yes"] = False  # type: ignore[assignment]  # one condition is a bool, the others are tuples
    return access.model_copy(update={"grants": {"asked": grant.model_copy(update=others)}})


def _with(context: Context, giver: Person, kind: WordKind, asked: Asked) -> Context:
    until = context.now + _MARGIN
    word = Word(by=giver, to=asked.person.id, action=asked.action, purpose=asked.purpose, until=until)
    match kind:
        case WordKind.REQUEST:
            return replace(context, requests=(word,))
        case WordKind.OPENING:
            return replace(context, openings=(word,))
        case WordKind.APPROVAL:
            return replace(context, approvals=(word,))
        case WordKind.COMPANY:
            return replace(context, present=(giver,))
        case WordKind.YES:
            return replace(context, yes=(Yes(by=giver.id, purpose=asked.purpose, until=until),))


def _said(wanted: Wanted, facts: Facts, at: datetime) -> Said:
    question = wanted.question
    term = question.policy.retention.term(DataKind.APPROVALS)
    ends = max(at + words.ASK_LASTS, ends_at(wanted.kind, facts, at, None))
    return Said(
        kind=wanted.kind,
        policy=question.policy.name,
        recording_id=facts.row.recording_id,
        giver=wanted.giver,
        receiver=question.person,
        action=question.action,
        purpose=question.purpose,
        reason=question.reason,
        due_at=term.after(from_ms(to_ms(ends)), question.policy.working_days),
    )


def _refused(wanted: Wanted) -> Refused:
    what = f"to {wanted.question.action.value} for {wanted.question.purpose}"
    says = f"no {wanted.kind.value} of {wanted.giver} is needed, or of use, {what}"
    access = wanted.question.access
    source = "access" if access is None else access.source
    return Refused(rule=Rule(name="word", source=source, says=says), because=Because.NOT_THIS_CALL)


def standing_parts(facts: Facts, person: PersonId, action: Action, purpose: str) -> tuple[WordRow, ...]:
    """Return the words by which somebody passed on their part of the key for just this."""
    return tuple(
        word
        for word in facts.words
        if word.kind in (WordKind.OPENING, WordKind.COMPANY)
        and word.receiver == person
        and word.action is action
        and word.purpose == purpose
    )
