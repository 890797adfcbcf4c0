"""Which calls a request is about: a number is a line, not a person, so each call is confirmed by itself.

Nothing of it is seen before identity was checked. A call is confirmed by the date and time that whoever
asks names, held against the recording's own, and by what it was about, which somebody who does not
listen puts on record. Confirming opens the recording to who fulfils requests, until the request has
to be decided; with an objection it closes it to everybody else (AVG art. 18(1)(d) and 21(1)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from casework import holds
from casework.requests import must_be_open, tell
from casework.ruling import Caseworker
from policy import deadlines, rules
from policy.access import Action, Closure
from policy.clock import to_iso
from policy.errors import ConsentlineError, NotFound, StateConflict
from policy.rights import NEEDS_IT_KEPT, AskingKeeps, Right
from policy.situation import PersonId
from policy.vocabulary import RecordingId
from store.access import asking, confirmations, door
from store.access.door import NO_SUCH, Question
from store.cases import request_calls, requests
from store.cases.request_calls import RequestCall
from store.cases.requests import RequestRow, Stage
from store.db import Tx
from store.files.archive import Archive
from store.logbook.ledger import Json, Kind
from store.persons import people
from store.records import recordings, versions
from store.records.recordings import RecordingRow
from store.retention import closures, keeping

TOLERANCE: Final = timedelta(minutes=60)
"""How far beside the call the time may lie that somebody remembers."""

HOLD: Final = "access_request"
_ERASES: Final = frozenset({Right.ERASURE, Right.OBJECTION, Right.WITHDRAWAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One recording that a request may be about, as it is shown once identity was checked.

    Attributes:
        agents: Who held the call.
    """

    call: RequestCall
    row: RecordingRow
    agents: tuple[PersonId, ...]

    def to_json(self) -> dict[str, Json]:
        """Return it as a program gets it."""
        call, row = self.call, self.row
        return {
            "recording_id": row.recording_id,
            "started_at": to_iso(row.started_at),
            "duration_ms": row.duration_ms,
            "agents": list(self.agents),
            "state": row.state.value,
            "promised_at": to_iso(row.promised_at),
            "kept_until_at": to_iso(call.until) if call.keeps and call.over_at is None else None,
            "confirmed_at": None if call.confirmed_at is None else to_iso(call.confirmed_at),
            "confirmed_by": call.confirmed_by,
            "named_at": None if call.named_at is None else to_iso(call.named_at),
            "matter": call.matter,
            "rejected_at": None if call.rejected_at is None else to_iso(call.rejected_at),
            "hold": call.hold_id,
        }


def candidates(archive: Archive, row: RequestRow) -> tuple[Candidate, ...]:
    """Return what a request may be about; nothing before identity was shown."""
    if row.identity_at is None or row.stage is Stage.NOT_IDENTIFIED:
        return ()
    return tuple(
        Candidate(
            call=call,
            row=recordings.get_recording(archive.db, call.recording_id),
            agents=tuple(sorted(people.agents_of_recording(archive.db, call.recording_id))),
        )
        for call in request_calls.of_request(archive.db, row.request_id)
    )


def confirm(
    archive: Archive,
    question: Question,
    row: RequestRow,
    recording: str,
    *,
    named_at: datetime,
    matter: str,
    keep: bool = False,
) -> Candidate:
    """Confirm that this recording is a call of whoever asks, and let it be opened for the request.

    Args:
        archive: Where it is.
        question: Of whoever settles the request.
        row: The request.
        recording: The recording's id, or whatever was typed.
        named_at: When the call was, as whoever asks says.
        matter: What it was about, as they say.
        keep: Keep it until the request is settled, also where asking alone does not (G6).

    Raises:
        StateConflict: If identity was not checked, time and call do not agree, or it is decided already.
        NotFound: If the request is not about such a recording, or no request opens it.
        AccessRefused: If they may not decide to keep it.
    """
    at, policy = archive.clock.now(), question.policy
    door.enter(archive, question, at)
    found = _undecided(archive, row, recording)
    _must_agree(found, named_at)
    keeping.keep_for_requests(archive, at)
    wants_kept = row.right in NEEDS_IT_KEPT and (
        keep or policy.rights.asking_keeps is AskingKeeps.UNTIL_SETTLED
    )
    unseen = found.recording_id in request_calls.keeping_alone(archive.db, at)
    if unseen and not wants_kept:
        source = policy.rights.source_of("asking_keeps") or "rights"
        raise StateConflict(
            f"{policy.identity.organisation} {source}: its own term is over,"
            " and asking does not by itself give a longer one",
            hint="somebody who decides on holds by law can keep it for this request: --keep",
        )
    if row.right in _ERASES:
        question = replace(question, action=Action.ERASE)
    hold_id = _hold(archive, question, row, found.recording_id, needed=unseen) if wants_kept else None
    at = archive.clock.now()  # what was held just now is held now
    until = deadlines.over_at(max(row.decide_by, deadlines.day_of(at)))
    try:
        asking.confirm(archive, question, found.recording_id, row.reference, until, at)
    except ConsentlineError:
        if hold_id is not None:  # nothing half done
            holds.release(archive, hold_id, _by(question), why=f"request {row.reference}: not confirmed")
        raise
    with archive.db.write() as tx:
        request_calls.confirmed(
            tx, row.request_id, found.recording_id, at, question.person, named_at=named_at, matter=matter
        )
        if hold_id is not None:
            request_calls.held_by(tx, row.request_id, found.recording_id, hold_id)
        if heard_as(archive, row, found) is Right.OBJECTION:
            because = f"objection, request {row.reference}"
            closures.close(
                tx, found.recording_id, Closure.OBJECTED, at, because=because, actor=question.actor
            )
    return _candidate(archive, row, found.recording_id)


def reject(archive: Archive, question: Question, row: RequestRow, recording: str) -> Candidate:
    """Put on record that this is no call of whoever asks; what the request kept of it ends now.

    Raises:
        StateConflict: If identity was not checked, or it was confirmed.
        NotFound: If the request is not about such a recording.
    """
    at = archive.clock.now()
    door.enter(archive, question, at)
    found = _undecided(archive, row, recording)

    def note(tx: Tx) -> None:
        request_calls.rejected(tx, row.request_id, found.recording_id, at)
        confirmations.end(tx, row.reference, at, only=found.recording_id)
        told: dict[str, Json] = {"request": row.request_id}
        tell(tx, Kind.REQUEST_CALL_REJECTED, question, at, told, subject=found.recording_id)

    keeping.end_request(archive, row.request_id, (found.recording_id,), note, at)
    return _candidate(archive, row, found.recording_id)


def heard_as(archive: Archive, row: RequestRow, found: RecordingRow) -> Right:
    """Return as what a request about a recording is answered, by the policy its caller was told of."""
    return rules.heard_as(versions.promised_to(archive.db, found.policy_hash), row.right)


def must_be_identified(row: RequestRow) -> None:
    """Refuse what comes before identity.

    Raises:
        StateConflict: If identity was not shown, or the request is decided.
    """
    must_be_open(row)
    if row.stage is not Stage.IDENTIFIED:
        raise StateConflict(
            f"request {row.request_id}: identity is shown before anything is seen or released"
            f" (AVG art. 12(2) and 12(6)); it is {row.stage.value}",
            hint=f"consentline request identity {row.request_id} --confirmed --by ...",
        )


def _undecided(archive: Archive, row: RequestRow, recording: str) -> RecordingRow:
    """Return a recording of a request of which nobody has said yet whose it is.

    Raises:
        StateConflict: If identity was not shown, or somebody has.
        NotFound: If the request is not about such a recording.
    """
    must_be_identified(row)
    for call in request_calls.of_request(archive.db, row.request_id):
        if call.recording_id != recording:
            continue
        if call.confirmed_at is not None or call.rejected_at is not None:
            whose = "confirmed" if call.confirmed_at is not None else "put on record as not theirs"
            raise StateConflict(
                f"recording {call.recording_id}: is {whose} for request {row.request_id} already"
            )
        return recordings.get_recording(archive.db, call.recording_id)
    raise NotFound(NO_SUCH)


def _must_agree(found: RecordingRow, named_at: datetime) -> None:
    lasted = timedelta(milliseconds=found.duration_ms or 0)
    if not found.started_at - TOLERANCE <= named_at <= found.started_at + lasted + TOLERANCE:
        raise StateConflict(
            f"recording {found.recording_id}: a call is confirmed by its date and time"
            f" (AVG art. 12(2), 15(4)), and {named_at:%Y-%m-%d %H:%M}Z is more than an hour beside it",
            hint="a number is a line, not a person: ask again when the call was",
        )


def _hold(
    archive: Archive, question: Question, row: RequestRow, recording_id: RecordingId, *, needed: bool
) -> int | None:
    """Place the hold by law; one that was placed for an earlier request is not placed anew.

    Raises:
        StateConflict: If that keeps it no more, and nothing else does.
    """
    earlier = [hold for hold in keeping.state_of(archive.db, recording_id).holds if hold.reason == HOLD]
    if earlier and not needed:
        return None
    return holds.place(archive, recording_id, HOLD, _by(question), why=f"request {row.reference}").hold_id


def _by(question: Question) -> Caseworker:
    return Caseworker(id=question.person, actor=question.actor)


def _candidate(archive: Archive, row: RequestRow, recording_id: RecordingId) -> Candidate:
    fresh = requests.get_request(archive.db, row.request_id)
    return next(one for one in candidates(archive, fresh) if one.row.recording_id == recording_id)
