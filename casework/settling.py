"""How a request of a data subject ends: fulfilled, refused on a ground, or closed.

    access, portability      a copy was made of each confirmed call; its digest comes with the decision
    erasure                  each confirmed recording is destroyed, by the one path there is
    withdrawal               the same under consent; while an incident or hold is open, as the policy says
    objection                granted: destroyed; refused: open again
    restriction              closed to everybody but the grants that say so (AVG art. 18)
    rectification            a number put right, or a statement added (AVG art. 16)

Whatever the end: what the request kept goes back to its own term, the hold placed for it is released,
what was confirmed opens nothing any more, and the file gets its term. The parts that destroy come
before the decision is noted: cut off in between, the same command finishes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from casework import erasure, holds
from casework.request_calls import Candidate, candidates, heard_as, must_be_identified
from casework.requests import kept_ids, must_be_open, tell
from casework.ruling import Caseworker
from policy import rules
from policy.access import Action, Closure
from policy.clock import to_iso, to_ms
from policy.deadlines import over_at
from policy.errors import ConsentlineError, StateConflict
from policy.numbers import normalise
from policy.refusals import RefusalGround
from policy.retention import DataKind
from policy.rights import Right
from policy.terms import data_due_at
from policy.vocabulary import ErasedBecause, RecordingId, TakenBack, WithdrawnBy
from store import settings
from store.access import confirmations, door
from store.access.accesses import Copy
from store.access.door import Question
from store.cases import rectifications, request_calls, requests
from store.cases.rectifications import Field
from store.cases.requests import RequestRow, Stage
from store.db import Tx
from store.files.archive import Archive
from store.keyring import reading_keys
from store.keyring.callers import seal_caller
from store.keyring.shares import Purpose
from store.logbook.ledger import Json, Kind
from store.records import recordings
from store.retention import closures, destruction, keeping, withdrawals
from store.retention.destruction import Doom

SHORTEST_NUMBER = 3
COPIES = (Right.ACCESS, Right.PORTABILITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """What fulfilling a request takes besides the request.

    Attributes:
        copies: What was handed out, for access and portability.
        partly: The parts erased before are all that goes, for erasure (E9).
        hold: A reason by law to keep a restricted recording, or None: it goes on its term.
        field, value: What is put right, for rectification.
    """

    copies: tuple[Copy, ...] = ()
    partly: bool = False
    hold: str | None = None
    field: Field | None = None
    value: str | None = None


def to_be_copied(archive: Archive, question: Question, row: RequestRow) -> tuple[Candidate, ...]:
    """Return the recordings of which a copy is to be made, once a request may be fulfilled that way.

    Raises:
        StateConflict: If identity or calls were not confirmed, or this right gives no copy.
    """
    door.enter(archive, question, archive.clock.now())
    confirmed = _confirmed(archive, row)
    if row.right not in COPIES:
        raise StateConflict(f"request {row.request_id}: {row.right.value} gives no copy; leave --to out")
    _must_be_portable(question, row)
    there = tuple(one for one in confirmed if one.row.intended_at is None)
    if not there:
        raise StateConflict(
            f"request {row.request_id}: none of its calls is there any more",
            hint=f"consentline request refuse {row.request_id} --ground not_found",
        )
    return there


def fulfil(archive: Archive, question: Question, row: RequestRow, how: How) -> RequestRow:
    """Do what was asked, and note that it is done.

    Raises:
        StateConflict: If identity or calls were not confirmed, or what it takes is missing.
        ConsentlineError: If something that has to go cannot go.
    """
    at = archive.clock.now()
    door.enter(archive, question, at)
    confirmed = _confirmed(archive, row)
    told: dict[str, Json] = {"calls": len(confirmed)}
    match row.right:
        case Right.ACCESS | Right.PORTABILITY:
            _must_be_portable(question, row)
            told["copies"] = _copies(row, how.copies)
        case Right.RECTIFICATION:
            _rectify(archive, question, row, confirmed, how)
        case Right.RESTRICTION:
            _restrict(archive, question, row, confirmed, how.hold)
        case _:
            told["erased"] = _erase(archive, question, row, confirmed, partly=how.partly)
    return _decide(archive, question, row, Stage.FULFILLED, told)


def refuse(archive: Archive, question: Question, row: RequestRow, ground: RefusalGround) -> RequestRow:
    """Refuse a request on a ground; what an objection closed is open again.

    Raises:
        StateConflict: If it is decided, or identity was not checked and the ground asks for it.
        ConsentlineError: If the ground is none for this right.
    """
    at = archive.clock.now()
    door.enter(archive, question, at)
    must_be_open(row)
    if not ground.fits(row.right):
        fitting = ", ".join(one.value for one in RefusalGround if one.fits(row.right))
        raise ConsentlineError(
            f"request {row.request_id}: {ground.value} is no ground to refuse {row.right.value},"
            f" expected one of: {fitting}"
        )
    if not ground.before_identity:
        must_be_identified(row)
    if ground is RefusalGround.IDENTITY and row.stage is not Stage.NOT_IDENTIFIED:
        raise StateConflict(
            f"request {row.request_id}: identity is checked, and not shown, before it is refused for that"
            f" (AVG art. 12(2) and 12(6)); it is {row.stage.value}"
        )
    told: dict[str, Json] = {"ground": ground.value, "article": ground.article(row.right)}
    return _decide(archive, question, row, Stage.REFUSED, told, ground=ground)


def close(archive: Archive, question: Question, row: RequestRow) -> RequestRow:
    """Close a request that nobody has to decide on: taken back, or a second one about the same.

    Raises:
        StateConflict: If it is decided.
    """
    door.enter(archive, question, archive.clock.now())
    must_be_open(row)
    return _decide(archive, question, row, Stage.CLOSED, {})


# ---------------------------------------------------------------- the end of each


def _decide(
    archive: Archive,
    question: Question,
    row: RequestRow,
    stage: Stage,
    told: dict[str, Json],
    *,
    ground: RefusalGround | None = None,
) -> RequestRow:
    at = archive.clock.now()
    _release_holds(archive, question, row)
    due_at = data_due_at(question.policy, DataKind.REQUESTS, at)
    result: dict[str, Json] = {
        "request": row.request_id,
        "right": row.right.value,
        "result": stage.value,
        "late": at >= over_at(row.decide_by) and row.paused_at is None,
        "file_until": to_iso(due_at),
    }

    def note(tx: Tx) -> None:
        requests.decide(
            tx, row.request_id, at, question.person, stage, why=question.reason, ground=ground, due_at=due_at
        )
        request_calls.end(tx, row.request_id, at)
        confirmations.end(tx, row.reference, at)
        if stage is not Stage.FULFILLED:
            for recording_id in _objected(archive, row):
                closures.lift(tx, recording_id, Closure.OBJECTED, at, actor=question.actor)
        tell(tx, Kind.REQUEST_SETTLED, question, at, result | told)

    keeping.end_request(archive, row.request_id, kept_ids(archive, row.request_id), note, at)
    return requests.get_request(archive.db, row.request_id)


def _objected(archive: Archive, row: RequestRow) -> Sequence[RecordingId]:
    return [
        one.row.recording_id
        for one in candidates(archive, row)
        if one.call.confirmed_at is not None
        and one.row.intended_at is None
        and heard_as(archive, row, one.row) is Right.OBJECTION
        and Closure.OBJECTED in closures.of_recording(archive.db, one.row.recording_id)
    ]


def _release_holds(archive: Archive, question: Question, row: RequestRow) -> None:
    by = Caseworker(id=question.person, actor=question.actor)
    for call in request_calls.of_request(archive.db, row.request_id):
        if call.hold_id is None:
            continue
        found = recordings.get_recording(archive.db, call.recording_id)
        running = any(
            hold.hold_id == call.hold_id and hold.over_at is None and archive.clock.now() < hold.until
            for hold in keeping.state_of(archive.db, call.recording_id).holds
        )
        if running and found.intended_at is None:
            holds.release(archive, call.hold_id, by, why=f"request {row.reference}: settled")


def _confirmed(archive: Archive, row: RequestRow) -> tuple[Candidate, ...]:
    must_be_identified(row)
    confirmed = tuple(one for one in candidates(archive, row) if one.call.confirmed_at is not None)
    if not confirmed:
        raise StateConflict(
            f"request {row.request_id}: each call is confirmed by date, time and subject before anything is"
            " released (AVG art. 12(2) and 15(4)); none is",
            hint=f"consentline request confirm {row.request_id} RECORDING --at ... --subject ...",
        )
    return confirmed


def _must_be_portable(question: Question, row: RequestRow) -> None:
    if row.right is Right.PORTABILITY and not rules.portable(question.policy):
        grounds = ", ".join(sorted(ground.value for ground in question.policy.recording_grounds))
        raise StateConflict(
            f"request {row.request_id}: portability reaches what rests on consent or agreement"
            f" (AVG art. 20(1)(a)), recordings here rest on {grounds}",
            hint=f"consentline request refuse {row.request_id} --ground not_applicable; access gives a copy",
        )


def _copies(row: RequestRow, copies: Sequence[Copy]) -> list[Json]:
    if not copies:
        raise StateConflict(
            f"request {row.request_id}: {row.right.value} is fulfilled by a copy", hint="add --to FILE.zip"
        )
    return [{"kind": copy.kind, "bytes": copy.size_bytes, "sha256": copy.sha256} for copy in copies]


def _erase(
    archive: Archive, question: Question, row: RequestRow, confirmed: Sequence[Candidate], *, partly: bool
) -> int:
    """Destroy what has to go, and return how many went."""
    if partly:
        return _parts_erased(archive, row, confirmed)
    gone = 0
    for one in confirmed:
        if one.row.intended_at is not None:
            continue
        match heard_as(archive, row, one.row):
            case Right.WITHDRAWAL:
                gone += _take_back(archive, one.row.recording_id)
            case heard:
                because = ErasedBecause.OBJECTION if heard is Right.OBJECTION else ErasedBecause.REQUEST
                asked = replace(question, action=Action.ERASE)
                erasure.erase(archive, asked, one.row.recording_id, because=because)
                gone += 1
    return gone


def _take_back(archive: Archive, recording_id: RecordingId) -> int:
    taken = withdrawals.take_back(archive, recording_id, WithdrawnBy.OPERATOR)
    if taken is TakenBack.RESTRICTED:
        return 0
    doom = Doom(recording_id=recording_id, because=ErasedBecause.WITHDRAWN, by=WithdrawnBy.OPERATOR)
    destruction.destroy(archive, doom)
    return 1


def _parts_erased(archive: Archive, row: RequestRow, confirmed: Sequence[Candidate]) -> int:
    for one in confirmed:
        since = one.call.confirmed_at
        found = archive.db.rows(
            "SELECT max(erased_at) AS at FROM part_erasures WHERE recording_id = ?", (one.row.recording_id,)
        )
        last = found[0]["at"]
        if since is None or last is None or last < to_ms(since):
            raise StateConflict(
                f"request {row.request_id}: nothing of recording {one.row.recording_id}"
                " was erased since it was confirmed",
                hint="consentline erase RECORDING --from ... --to ... first",
            )
    return 0


def _restrict(
    archive: Archive, question: Question, row: RequestRow, confirmed: Sequence[Candidate], hold: str | None
) -> None:
    by = Caseworker(id=question.person, actor=question.actor)
    because = f"restriction, request {row.reference}"
    for one in confirmed:
        recording_id = one.row.recording_id
        if hold is not None and not any(
            held.reason == hold and held.over_at is None
            for held in keeping.state_of(archive.db, recording_id).holds
        ):
            holds.place(archive, recording_id, hold, by, why=because)
        with archive.db.write() as tx:
            now = archive.clock.now()
            closures.close(tx, recording_id, Closure.RESTRICTED, now, because=because, actor=question.actor)


def _rectify(
    archive: Archive, question: Question, row: RequestRow, confirmed: Sequence[Candidate], how: How
) -> None:
    if how.field is None or how.value is None:
        raise StateConflict(
            f"request {row.request_id}: rectification takes what is put right",
            hint="--field caller|statement and the new value in --value",
        )
    if how.field is Field.CALLER and len(normalise(how.value)) < SHORTEST_NUMBER:
        raise ConsentlineError(f"request {row.request_id}: --value must be a telephone number")
    db, at, tag_key = archive.db, archive.clock.now(), settings.tag_key(archive.db)
    for one in confirmed:
        call_id = one.row.call_id
        with db.write() as tx:
            if how.field is Field.CALLER:
                caller = seal_caller(
                    call_id,
                    normalise(how.value),
                    to=reading_keys.sealed_to(db, row.policy, Purpose.CALLER_NUMBER),
                    tag_key=tag_key,
                    randomness=archive.randomness,
                )
                hashes = rectifications.put_caller_right(
                    tx, row.request_id, call_id, caller, at, question.person
                )
            else:
                hashes = rectifications.add_statement(
                    tx, row.request_id, call_id, how.value, at, question.person, tag_key=tag_key
                )
            told: dict[str, Json] = {
                "request": row.request_id,
                "field": how.field.value,
                "old_keyed_hash": hashes.old,
                "new_keyed_hash": hashes.new,
            }
            tell(tx, Kind.DATA_RECTIFIED, question, at, told, subject=call_id)
