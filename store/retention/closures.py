"""What closes a recording to nearly everybody while it is kept: restriction (AVG art. 18), objection (21).

A closed recording is kept as long as it would be, and no longer; it only is not used, but by the
grants that name its closure (`even_when`).
"""

from __future__ import annotations

from datetime import datetime

from policy.access import Closure
from policy.clock import to_ms
from policy.errors import StateConflict
from policy.vocabulary import RecordingId
from store.db import Db, Tx
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.records import recordings

__all__ = ["Closure", "all_restricted", "close", "in_words", "lift", "of_recording"]


def of_recording(db: Db, recording_id: RecordingId) -> frozenset[Closure]:
    """Return what closes a recording now."""
    found = db.rows(
        "SELECT closure FROM closures WHERE recording_id = ? AND lifted_at IS NULL", (recording_id,)
    )
    return frozenset(Closure(row["closure"]) for row in found)


def in_words(db: Db, recording_id: RecordingId) -> tuple[str, ...]:
    """Return each closure that holds now, with its reason."""
    found = db.rows(
        "SELECT closure, because FROM closures WHERE recording_id = ? AND lifted_at IS NULL"
        " ORDER BY closure_id",
        (recording_id,),
    )
    return tuple(f"{row['closure']} ({row['because']})" for row in found)


def all_restricted(db: Db) -> frozenset[RecordingId]:
    """Return every recording that is restricted now."""
    found = db.rows("SELECT recording_id FROM closures WHERE closure = 'restricted' AND lifted_at IS NULL")
    return frozenset(RecordingId(row["recording_id"]) for row in found)


def close(
    tx: Tx, recording_id: RecordingId, closure: Closure, at: datetime, *, because: str, actor: str
) -> bool:
    """Close a recording; closing it again changes nothing.

    Args:
        tx: The transaction.
        recording_id: A recording that nobody has begun to erase.
        closure: `RESTRICTED` or `OBJECTED`; a refused call has no recording.
        at: Now.
        because: Why, in words without personal data.
        actor: As the ledger names them.

    Returns:
        Whether it was open to this closure before.

    Raises:
        NotFound: If there is no such recording.
        StateConflict: If its erasure began.
    """
    if recordings.find(tx, recording_id).intended_at is not None:
        raise StateConflict(f"recording {recording_id}: its erasure has begun, so there is nothing to close")
    inserted = tx.execute(
        "INSERT INTO closures (recording_id, closure, because, closed_by, closed_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (recording_id, closure.value, because, actor, to_ms(at)),
    ).rowcount
    if inserted:
        told: dict[str, Json] = {"closure": closure.value, "because": because}
        ledger.append(tx, Kind.RECORDING_CLOSED, at, actor=actor, subject=recording_id, payload=told)
    return bool(inserted)


def lift(tx: Tx, recording_id: RecordingId, closure: Closure, at: datetime, *, actor: str) -> None:
    """Open a recording again.

    Raises:
        StateConflict: If that does not close it now.
    """
    lifted = tx.execute(
        "UPDATE closures SET lifted_at = ?, lifted_by = ?"
        " WHERE recording_id = ? AND closure = ? AND lifted_at IS NULL",
        (to_ms(at), actor, recording_id, closure.value),
    ).rowcount
    if not lifted:
        raise StateConflict(f"recording {recording_id}: is not {closure.value}")
    told: dict[str, Json] = {"closure": closure.value}
    ledger.append(tx, Kind.RECORDING_REOPENED, at, actor=actor, subject=recording_id, payload=told)
