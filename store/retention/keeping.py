"""What keeps a recording and until when: its promise, an extension, holds; and what closes it.

    promised_at     what its caller was told; a changed policy may shorten it, nothing lengthens it
    extension       once, decided before the promise was over; then it goes all the same (G4)
    holds           each with a reason the policy knows, who decided, and an end (X6)
    requests        kept unseen what they may be about, and bridge it to such a hold
    due_at          follows from these three by `policy.terms.kept_until`, and is what purge obeys

Whatever is decided here is committed with the new end, its ledger entry and the envelopes' move
to the epoch of that end, see `store/retention/moves.py`. A hold that is released or runs out falls back at
once to the end that is left, which may be now.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from policy import situation, terms
from policy.clock import from_ms, to_iso, to_ms
from policy.errors import StateConflict
from policy.vocabulary import RecordingId
from store.cases import request_calls
from store.db import Db, Tx
from store.files.archive import Archive
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.records import recordings
from store.records.recordings import RecordingRow
from store.retention import closures, holds, incidents, moves
from store.retention.holds import HoldRow, Ruling
from store.steps import Step, straight_on


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that keeps or closes one recording now; what `policy.permission.may` asks about it.

    Attributes:
        promised_at: End of the term it was promised.
        extended_until: End of its extension, or None.
        due_at: When it goes if nothing more is decided.
        incident: What it is flagged or kept for, or None.
        hold: The running hold that ends last, or None.
        holds: Every hold ever placed on it.
        restricted: Whether it is restricted (AVG art. 18).
        objected: Whether somebody objected (AVG art. 21).
    """

    promised_at: datetime
    extended_until: datetime | None
    due_at: datetime
    incident: situation.Incident | None
    hold: situation.Hold | None
    holds: tuple[HoldRow, ...]
    restricted: bool
    objected: bool

    @property
    def must_stay(self) -> bool:
        """Whether an incident or a hold is open, so that a withdrawal may have to restrict."""
        return self.incident is not None or self.hold is not None


def state_of(db: Db, recording_id: RecordingId) -> State:
    """Return what keeps or closes a recording at this moment.

    Raises:
        NotFound: If there is no such recording.
    """
    row, now = recordings.get_recording(db, recording_id), db.clock.now()
    every = holds.of_recording(db, recording_id)
    running = [hold for hold in every if hold.over_at is None and hold.placed_at <= now < hold.until]
    last = max(running, key=lambda hold: hold.until, default=None)
    closed = closures.of_recording(db, recording_id)
    return State(
        promised_at=row.promised_at,
        extended_until=extended_until(db, recording_id),
        due_at=row.due_at,
        incident=incidents.open_incident(db, recording_id),
        hold=None if last is None else situation.Hold(reason=last.reason, until=last.until),
        holds=every,
        restricted=closures.Closure.RESTRICTED in closed,
        objected=closures.Closure.OBJECTED in closed,
    )


def extended_until(db: Db, recording_id: RecordingId) -> datetime | None:
    """Return the end of a recording's extension, or None."""
    found = db.rows("SELECT until_at FROM extensions WHERE recording_id = ?", (recording_id,))
    return from_ms(found[0]["until_at"]) if found else None


def place_hold(
    archive: Archive,
    recording_id: RecordingId,
    hold: terms.Hold,
    ruling: Ruling,
    *,
    deviates: bool = False,
    step: Step = straight_on,
) -> HoldRow:
    """Keep a recording until the hold ends, at least.

    Args:
        archive: Where it is.
        recording_id: A recording that nobody has begun to erase.
        hold: From `policy.terms.place_hold`, which says what the policy allows.
        ruling: Who decided.
        deviates: From `policy.terms.deviates_from_the_text`.
        step: For crash tests.

    Raises:
        NotFound: If there is no such recording.
        StateConflict: If its erasure began, or its term is over.
    """
    row = _kept(archive, recording_id, hold.placed_at)
    ends = {recording_id: _end(archive.db, row.promised_at, recording_id, change=hold)}
    placed: list[int] = []

    def note(tx: Tx) -> None:
        placed.append(holds.add(tx, recording_id, hold, ruling, deviates=deviates))
        told = _told(ruling, hold=placed[0], reason=hold.reason, until=to_iso(hold.until), deviates=deviates)
        ledger.append(
            tx,
            Kind.HOLD_PLACED,
            hold.placed_at,
            actor=ruling.actor,
            subject=recording_id,
            payload=told | _moved(row, ends),
        )

    moves.run(archive, ends, note, step=step)
    return holds.get_hold(archive.db, placed[0])


def release_hold(archive: Archive, hold_id: int, ruling: Ruling, *, step: Step = straight_on) -> HoldRow:
    """End a hold now; the recording falls back at once to the end that is left.

    Raises:
        NotFound: If there is no such hold.
        StateConflict: If it is over already, or the recording's erasure began.
    """
    held = holds.get_hold(archive.db, hold_id)
    now = archive.clock.now()
    if held.over_at is not None or held.until <= now:
        raise StateConflict(f"hold {hold_id}: is over since {to_iso(held.over_at or held.until)}")
    row = _kept(archive, held.recording_id, now)
    released = terms.Hold(
        reason=held.reason, placed_at=held.placed_at, until=held.until, released_at=from_ms(to_ms(now))
    )
    end = _end(archive.db, row.promised_at, row.recording_id, change=released, instead_of=hold_id)
    ends = {row.recording_id: end}

    def note(tx: Tx) -> None:
        holds.released(tx, hold_id, now, ruling.by)
        told = _told(ruling, hold=hold_id, reason=held.reason) | _moved(row, ends)
        ledger.append(tx, Kind.HOLD_RELEASED, now, actor=ruling.actor, subject=row.recording_id, payload=told)

    moves.run(archive, ends, note, step=step)
    return holds.get_hold(archive.db, hold_id)


def keep_for_requests(archive: Archive, at: datetime, *, step: Step = straight_on) -> int:
    """Keep, instead of purging it, what is due and a request came for in time; nobody is told.

    Returns:
        How many.
    """
    ends = request_calls.overdue(archive.db, at)
    if ends:
        step("keep what a request came for in time")
        moves.run(archive, ends, lambda tx: None, step=step)
    return len(ends)


def end_request(
    archive: Archive,
    request_id: int,
    recording_ids: Collection[RecordingId],
    note: Callable[[Tx], None],
    at: datetime,
    *,
    step: Step = straight_on,
) -> None:
    """End what a request kept of these recordings; each falls back at once to the end that is left.

    Args:
        archive: Where they are.
        request_id: The request.
        recording_ids: Of its calls.
        note: Ends it on record, at that moment, and says why, before the ends change.
        at: Now, as `note` has it: nothing keeps a recording longer than that.
        step: For crash tests.
    """
    now = from_ms(to_ms(at))
    ends: dict[RecordingId, datetime] = {}
    for recording_id in recording_ids:
        row = recordings.find_recording(archive.db, recording_id)
        if row is None or row.intended_at is not None or row.erased_at is not None:
            continue
        end = _end(archive.db, row.promised_at, recording_id, ended={request_id: now})
        if end < row.due_at:
            ends[recording_id] = end
    moves.run(archive, ends, note, step=step)


def extend(
    archive: Archive,
    recording_id: RecordingId,
    name: str,
    until: datetime,
    ruling: Ruling,
    *,
    also: Callable[[Tx], None] | None = None,
    step: Step = straight_on,
) -> datetime:
    """Lengthen the term of a recording, once.

    Args:
        archive: Where it is.
        recording_id: A recording whose first term still runs.
        name: Of the extension.
        until: From `policy.terms.extended_until`.
        ruling: Who decided.
        also: Committed with it.
        step: For crash tests.

    Returns:
        When the recording has to be gone now.

    Raises:
        NotFound: If there is no such recording.
        StateConflict: If it was extended before, its term is over, or its erasure began.
    """
    now = archive.clock.now()
    row = _kept(archive, recording_id, now)
    if extended_until(archive.db, recording_id) is not None:
        raise StateConflict(f"recording {recording_id}: was extended once, and that is all the policy gives")
    if now >= row.promised_at:
        over = to_iso(row.promised_at)
        raise StateConflict(f"recording {recording_id}: its first term is over since {over}")
    ends = {recording_id: _end(archive.db, max(row.promised_at, until), recording_id)}

    def note(tx: Tx) -> None:
        tx.execute(
            "INSERT INTO extensions (recording_id, name, decided_by, role, why, decided_at, until_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (recording_id, name, ruling.by, ruling.role, ruling.why, to_ms(now), to_ms(until)),
        )
        told = _told(ruling, extension=name, until=to_iso(until)) | _moved(row, ends)
        ledger.append(tx, Kind.TERM_EXTENDED, now, actor=ruling.actor, subject=recording_id, payload=told)
        if also is not None:
            also(tx)

    moves.run(archive, ends, note, step=step)
    return ends[recording_id]


def promise_less(
    archive: Archive,
    promises: Mapping[RecordingId, datetime],
    *,
    actor: str,
    because: str,
    also: Callable[[Tx], None] | None = None,
    step: Step = straight_on,
) -> int:
    """Shorten what recordings were promised; nothing is lengthened, whatever is asked.

    What would have had to be gone already has to be gone now. A decision that a named person
    made about one recording, an extension or a hold, stands.

    Args:
        archive: Where they are.
        promises: The end that each would have now.
        actor: Who, for the ledger.
        because: The rule that says so, in words; it takes the place of the old one.
        also: Committed with it.
        step: For crash tests.

    Returns:
        How many were shortened.

    Raises:
        NotFound: If there is no such recording.
        StateConflict: If the end of one was decided meanwhile.
    """
    now = from_ms(to_ms(archive.clock.now()))
    every = [recordings.get_recording(archive.db, recording_id) for recording_id in promises]
    rows = [row for row in every if max(promises[row.recording_id], now) < row.promised_at]
    shorter = {row.recording_id: max(promises[row.recording_id], now) for row in rows}
    ends = {key: _end(archive.db, promised_at, key) for key, promised_at in shorter.items()}

    def note(tx: Tx) -> None:
        for row in rows:
            promised_at = shorter[row.recording_id]
            recordings.promise_less(tx, row.recording_id, promised_at, because)
            told: dict[str, Json] = {
                "because": because,
                "promised_before": to_iso(row.promised_at),
                "promised": to_iso(promised_at),
            }
            ledger.append(
                tx,
                Kind.PROMISE_SHORTENED,
                now,
                actor=actor,
                subject=row.recording_id,
                payload=told | _moved(row, ends),
            )
        if also is not None:
            also(tx)

    moves.run(archive, ends, note, step=step)
    return len(rows)


def _end(
    db: Db,
    term_ends: datetime,
    recording_id: RecordingId,
    *,
    change: terms.Hold | None = None,
    instead_of: int | None = None,
    ended: Mapping[int, datetime] | None = None,
) -> datetime:
    """Return when a recording goes whose term ends then, by its extension and its holds.

    Args:
        db: Where both are.
        term_ends: As promised, or by an extension that is being given.
        recording_id: The recording.
        change: A hold that is being placed, or one as it is after its release.
        instead_of: The number of the hold that `change` is.
        ended: Requests that end with it, and when.
    """
    bridged = request_calls.bridged_until(db, recording_id, db.clock.now(), ended=ended)
    term_ends = max(term_ends, bridged or term_ends)
    extended = extended_until(db, recording_id)
    every = [hold.term for hold in holds.of_recording(db, recording_id) if hold.hold_id != instead_of]
    if change is not None:
        every.append(change)
    return terms.kept_until(term_ends if extended is None else max(term_ends, extended), every)


def _kept(archive: Archive, recording_id: RecordingId, at: datetime) -> RecordingRow:
    """Return a recording about whose end something can still be decided."""
    row = recordings.get_recording(archive.db, recording_id)
    if row.intended_at is not None:
        because = "no reason" if row.erased_because is None else row.erased_because.value
        raise StateConflict(f"recording {recording_id}: its erasure has begun ({because}), nothing keeps it")
    if row.due_at <= at:
        raise StateConflict(f"recording {recording_id}: its term is over since {to_iso(row.due_at)}")
    return row


def _moved(row: RecordingRow, ends: Mapping[RecordingId, datetime]) -> dict[str, Json]:
    return {"due_before": to_iso(row.due_at), "due": to_iso(ends[row.recording_id])}


def _told(ruling: Ruling, **told: Json) -> dict[str, Json]:
    return {"role": ruling.role, "why": ruling.why, **told}
