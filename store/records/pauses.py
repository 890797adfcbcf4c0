"""The stretches of a recording in which nothing may be heard, and who asked for them.

One that was never ended goes to the end of the recording: nobody knows when the number was over. They go
with the data of their call (`store/retention/call_data.py`).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policy.clock import to_ms
from policy.vocabulary import CallId, RecordingId, ResumedBecause
from store.db import Db, Tx
from store.logbook import ledger
from store.logbook.ledger import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRow:
    """One stretch.

    Attributes:
        from_sample: What the spool's files surely held when it began.
        until_sample: What they held when it ended, the writer's buffer left out; None: it goes to the end.
        lasted_ms: By the machine's own steady clock; None while it lasts.
        muted: Whether Asterisk said, at both ends, that it obeyed.
    """

    pause_id: int
    recording_id: RecordingId
    call_id: CallId
    from_sample: int
    until_sample: int | None
    lasted_ms: int | None
    muted: bool


def begin(tx: Tx, recording_id: RecordingId, *, from_sample: int, at: datetime, actor: str) -> int:
    """Note that a recording is paused, and return the number of the pause.

    Raises:
        sqlite3.IntegrityError: If there is no such recording, or it is paused.
    """
    inserted = tx.execute(
        "INSERT INTO pauses (recording_id, paused_at, from_sample) VALUES (?, ?, ?)",
        (recording_id, to_ms(at), from_sample),
    ).lastrowid
    assert inserted is not None  # noqa: S101 - sqlite3 gives one for every INSERT
    told: dict[str, ledger.Json] = {"pause": inserted}
    ledger.append(tx, Kind.RECORDING_PAUSED, at, actor=actor, subject=recording_id, payload=told)
    return inserted


def end(
    tx: Tx,
    pause_id: int,
    *,
    until_sample: int,
    lasted_ms: int,
    because: ResumedBecause,
    muted: bool,
    at: datetime,
    actor: str,
) -> None:
    """Note that a recording goes on, and why.

    Raises:
        sqlite3.IntegrityError: If that was noted before.
    """
    tx.execute(
        "UPDATE pauses SET resumed_at = ?, until_sample = max(from_sample, ?), lasted_ms = ?, because = ?,"
        " muted = ? WHERE pause_id = ?",
        (to_ms(at), until_sample, lasted_ms, because.value, muted, pause_id),
    )
    row = tx.execute("SELECT recording_id FROM pauses WHERE pause_id = ?", (pause_id,)).fetchone()
    told: dict[str, ledger.Json] = {
        "pause": pause_id,
        "because": because.value,
        "lasted_ms": lasted_ms,
        "muted": muted,
    }
    ledger.append(tx, Kind.RECORDING_RESUMED, at, actor=actor, subject=row["recording_id"], payload=told)


def of_recording(db: Db, recording_id: RecordingId) -> tuple[PauseRow, ...]:
    """Return the pauses of a recording, in order."""
    found = db.rows(_EVERY + " WHERE recording_id = ? ORDER BY pause_id", (recording_id,))
    return tuple(_row(row) for row in found)


def going_on(db: Db) -> tuple[PauseRow, ...]:
    """Return every pause that was not ended of a recording that may still run."""
    found = db.rows(_EVERY + " WHERE resumed_at IS NULL AND r.state = 'recording' ORDER BY pause_id")
    return tuple(_row(row) for row in found)


_EVERY: Final = "SELECT pauses.*, r.call_id FROM pauses JOIN recordings r USING (recording_id)"


def _row(row: sqlite3.Row) -> PauseRow:
    return PauseRow(
        pause_id=row["pause_id"],
        recording_id=RecordingId(row["recording_id"]),
        call_id=CallId(row["call_id"]),
        from_sample=row["from_sample"],
        until_sample=row["until_sample"],
        lasted_ms=row["lasted_ms"],
        muted=bool(row["muted"]),
    )
