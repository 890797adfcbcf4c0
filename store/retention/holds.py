"""Holds: why one recording is kept beyond its term, who decided, and until when (X6).

Rows only; what a hold does to its recording's end is decided in `store/retention/keeping.py`.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from policy import terms
from policy.clock import from_ms, maybe_from_ms, to_iso, to_ms
from policy.errors import NotFound
from policy.situation import PersonId
from policy.vocabulary import RecordingId
from store.db import Db, Tx
from store.logbook import ledger
from store.logbook.ledger import Json, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """Who decided something about a recording, and why.

    Attributes:
        role: The hat under which.
        actor: As the ledger names them, such as `person:an login:an`.
        why: In their own words; it goes with the data of the call.
    """

    by: PersonId
    role: str
    actor: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """One hold.

    Attributes:
        deviates: The text promises a fixed end, and the law holds all the same.
        until: Its end, if nobody releases it before.
        over_at: When it ended, by itself or released; None while it runs.
        released_by: Who released it; None where it ran out.
    """

    hold_id: int
    recording_id: RecordingId
    reason: str
    deviates: bool
    decided_by: PersonId
    role: str
    why: str
    placed_at: datetime
    until: datetime
    over_at: datetime | None
    released_by: str | None

    @property
    def term(self) -> terms.Hold:
        """The hold as the rules of keeping know it."""
        released_at = self.over_at if self.released_by is not None else None
        return terms.Hold(
            reason=self.reason, placed_at=self.placed_at, until=self.until, released_at=released_at
        )

    @property
    def in_words(self) -> str:
        """Return it in a few words: `threat until 2026-12-01T10:00:00.000Z, decided by an`."""
        words = f"{self.reason} until {to_iso(self.until)}, decided by {self.decided_by}"
        if self.over_at is not None:
            how = "ran out" if self.released_by is None else f"released by {self.released_by}"
            words += f", {how} {to_iso(self.over_at)}"
        return words + (", deviates from the text" if self.deviates else "")

    def to_json(self) -> dict[str, Json]:
        """Return the hold as a program gets it."""
        return {
            "hold_id": self.hold_id,
            "recording_id": self.recording_id,
            "reason": self.reason,
            "deviates": self.deviates,
            "decided_by": self.decided_by,
            "role": self.role,
            "why": self.why,
            "placed_at": to_iso(self.placed_at),
            "until_at": to_iso(self.until),
            "over_at": None if self.over_at is None else to_iso(self.over_at),
            "released_by": self.released_by,
        }


def of_recording(db: Db, recording_id: RecordingId) -> tuple[HoldRow, ...]:
    """Return every hold ever placed on a recording, in order."""
    found = db.rows("SELECT * FROM holds WHERE recording_id = ? ORDER BY hold_id", (recording_id,))
    return tuple(_hold(row) for row in found)


def all_holds(db: Db, *, running: bool = False) -> tuple[HoldRow, ...]:
    """Return holds in the order in which they were placed; of recordings long gone, none."""
    only = " WHERE over_at IS NULL" if running else ""
    found = db.rows(f"SELECT * FROM holds{only} ORDER BY hold_id")  # noqa: S608 - ours
    return tuple(_hold(row) for row in found)


def get_hold(db: Db, hold_id: int) -> HoldRow:
    """Return one hold.

    Raises:
        NotFound: If there is no such hold.
    """
    found = db.rows("SELECT * FROM holds WHERE hold_id = ?", (hold_id,))
    if not found:
        raise NotFound(f"no hold {hold_id}", hint="see: consentline holds list")
    return _hold(found[0])


def add(tx: Tx, recording_id: RecordingId, hold: terms.Hold, ruling: Ruling, *, deviates: bool) -> int:
    """Add the row of a hold and return its number; `keeping.place_hold` alone calls this."""
    inserted = tx.execute(
        "INSERT INTO holds (recording_id, reason, deviates, decided_by, role, why, placed_at, until_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            recording_id,
            hold.reason,
            int(deviates),
            ruling.by,
            ruling.role,
            ruling.why,
            to_ms(hold.placed_at),
            to_ms(hold.until),
        ),
    )
    assert inserted.lastrowid is not None  # noqa: S101 - sqlite3 gives one for every INSERT
    return inserted.lastrowid


def released(tx: Tx, hold_id: int, at: datetime, by: PersonId) -> None:
    """Note that somebody ended a hold; `keeping.release_hold` alone calls this."""
    tx.execute("UPDATE holds SET over_at = ?, released_by = ? WHERE hold_id = ?", (to_ms(at), by, hold_id))


def note_ended(tx: Tx, at: datetime) -> int:
    """Put on record which holds ran out by then; their recordings' ends follow from them already.

    Returns:
        How many.
    """
    found = tx.execute(
        "SELECT * FROM holds WHERE over_at IS NULL AND until_at <= ? ORDER BY hold_id", (to_ms(at),)
    ).fetchall()
    for hold in (_hold(row) for row in found):
        tx.execute("UPDATE holds SET over_at = until_at WHERE hold_id = ?", (hold.hold_id,))
        told: dict[str, Json] = {"hold": hold.hold_id, "reason": hold.reason, "until": to_iso(hold.until)}
        ledger.append(tx, Kind.HOLD_ENDED, at, actor="daemon", subject=hold.recording_id, payload=told)
    return len(found)


def _hold(row: sqlite3.Row) -> HoldRow:
    return HoldRow(
        hold_id=row["hold_id"],
        recording_id=row["recording_id"],
        reason=row["reason"],
        deviates=bool(row["deviates"]),
        decided_by=row["decided_by"],
        role=row["role"],
        why=row["why"],
        placed_at=from_ms(row["placed_at"]),
        until=from_ms(row["until_at"]),
        over_at=maybe_from_ms(row["over_at"]),
        released_by=row["released_by"],
    )
