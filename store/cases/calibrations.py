"""Calibration cases: one call with its agents' yes, scored by several people apart from each other (R5).

open  -> every scorer has filled in their form  -> compared, for as long as the forms are kept
      -> an agent takes the yes back            -> over, at any time; its forms are erased
      -> the yes or the recording ends before every scorer was done   -> over, forms erased
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from policy.access import PurposeName
from policy.clock import from_ms, to_iso, to_ms
from policy.errors import NotFound
from policy.situation import PersonId
from policy.vocabulary import PolicyName, RecordingId
from store.cases import reviews
from store.db import Db, Tx
from store.logbook import ledger
from store.logbook.ledger import Json, Kind


class Ended(Enum):
    """Why a case is over."""

    YES_TAKEN_BACK = "yes_taken_back"
    YES_OVER = "yes_over"
    RECORDING_GONE = "recording_gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A case, before it is stored.

    Attributes:
        agent: For whom the call was drawn.
        scorers: Who will score it, each once.
        due_at: When the row about it has to be gone.
    """

    policy: PolicyName
    purpose: PurposeName
    recording_id: RecordingId
    draw_id: int
    agent: PersonId
    opened_by: PersonId
    scorers: Sequence[PersonId]
    reason: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """A case as it is stored.

    Attributes:
        scored: Who has filled in their form.
        ended_because: Why it is over, or None.
    """

    calibration_id: int
    policy: PolicyName
    purpose: PurposeName
    recording_id: RecordingId
    draw_id: int
    agent: PersonId
    opened_by: PersonId
    opened_at: datetime
    scorers: tuple[PersonId, ...]
    scored: frozenset[PersonId]
    ended_at: datetime | None
    ended_because: Ended | None
    due_at: datetime

    @property
    def complete(self) -> bool:
        """Whether everybody has scored."""
        return self.scored == frozenset(self.scorers)

    def to_json(self) -> dict[str, Json]:
        """Return the case as a program gets it; nobody's scores are in it."""
        return {
            "case": self.calibration_id,
            "policy": self.policy,
            "purpose": self.purpose,
            "recording_id": self.recording_id,
            "agent": self.agent,
            "opened_by": self.opened_by,
            "opened_at": to_iso(self.opened_at),
            "scorers": list(self.scorers),
            "scored": sorted(self.scored),
            "state": self.ended_because.value
            if self.ended_because
            else "scored"
            if self.complete
            else "open",
            "due_at": to_iso(self.due_at),
        }


def open_case(tx: Tx, opened: Opened, *, at: datetime, actor: str) -> int:
    """Store a case, and return its number.

    Raises:
        sqlite3.IntegrityError: If one is open on it for this purpose, which the caller looked for.
    """
    inserted = tx.execute(
        "INSERT INTO calibrations (policy, purpose, recording_id, draw_id, agent, opened_by, reason,"
        " opened_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            opened.policy,
            opened.purpose,
            opened.recording_id,
            opened.draw_id,
            opened.agent,
            opened.opened_by,
            opened.reason,
            to_ms(at),
            to_ms(opened.due_at),
        ),
    )
    calibration_id = int(inserted.lastrowid or 0)
    tx.executemany(
        "INSERT INTO calibration_scorers (calibration_id, person) VALUES (?, ?)",
        [(calibration_id, person) for person in opened.scorers],
    )
    told: dict[str, Json] = {
        "calibration": calibration_id,
        "person": opened.opened_by,
        "policy": opened.policy,
        "purpose": opened.purpose,
        "reason": opened.reason,
        "agent": opened.agent,
        "scorers": list(opened.scorers),
    }
    ledger.append(tx, Kind.CALIBRATION_OPENED, at, actor=actor, subject=opened.recording_id, payload=told)
    return calibration_id


def get_case(db: Db, calibration_id: int) -> CaseRow:
    """Return one case.

    Raises:
        NotFound: If there is no such case.
    """
    found = _cases(db, db.rows("SELECT * FROM calibrations WHERE calibration_id = ?", (calibration_id,)))
    if not found:
        raise no_such_case()
    return found[0]


def no_such_case() -> NotFound:
    """Return what is said of a case that is not there, or is not the asker's: the same."""
    return NotFound("no such calibration case, or not yours")


def of_policy(db: Db, policy: PolicyName) -> tuple[CaseRow, ...]:
    """Return every case of a policy that is kept, in order."""
    return _cases(
        db, db.rows("SELECT * FROM calibrations WHERE policy = ? ORDER BY calibration_id", (policy,))
    )


def open_on(db: Db, recording_id: RecordingId, purpose: PurposeName) -> CaseRow | None:
    """Return the case that is not over on a recording for a purpose, or None."""
    found = db.rows(
        "SELECT * FROM calibrations WHERE recording_id = ? AND purpose = ? AND ended_at IS NULL",
        (recording_id, purpose),
    )
    return next(iter(_cases(db, found)), None)


def end_lapsed(db: Db, at: datetime) -> int:
    """End the cases whose yes or recording ended, erase their forms, and return how many ended."""
    over = [(case, because) for case in _running(db) if (because := _over(db, case, at)) is not None]
    if not over:
        return 0
    with db.write() as tx:
        for case, because in over:
            tx.execute(
                "UPDATE calibrations SET ended_at = ?, ended_because = ? WHERE calibration_id = ?",
                (to_ms(at), because.value, case.calibration_id),
            )
            told: dict[str, Json] = {"calibration": case.calibration_id, "because": because.value}
            ledger.append(
                tx, Kind.CALIBRATION_ENDED, at, actor="daemon", subject=case.recording_id, payload=told
            )
            reviews.forget_calibration(tx, case.calibration_id, at)
    db.forget_deleted()
    return len(over)


def any_due(db: Db, at: datetime) -> bool:
    """Tell whether the term of any of these rows is over."""
    return bool(db.rows("SELECT 1 FROM calibrations WHERE due_at <= ? LIMIT 1", (to_ms(at),)))


def forget_due(tx: Tx, at: datetime) -> int:
    """Erase the cases whose term is over, with the forms that are left in them, and return how many."""
    found = tx.execute("SELECT calibration_id FROM calibrations WHERE due_at <= ?", (to_ms(at),)).fetchall()
    for row in found:
        reviews.forget_calibration(tx, row["calibration_id"], at)
    return tx.execute("DELETE FROM calibrations WHERE due_at <= ?", (to_ms(at),)).rowcount


def _running(db: Db) -> tuple[CaseRow, ...]:
    return _cases(db, db.rows("SELECT * FROM calibrations WHERE ended_at IS NULL ORDER BY calibration_id"))


def _over(db: Db, case: CaseRow, at: datetime) -> Ended | None:
    """Return why a case is over, or None while it is not."""
    words = db.rows(
        "SELECT giver, taken_back_at, until FROM words WHERE recording_id = ? AND purpose = ?"
        " AND kind = 'yes' AND given_at IS NOT NULL",
        (case.recording_id, case.purpose),
    )
    standing = {row["giver"] for row in words if row["taken_back_at"] is None}
    if {row["giver"] for row in words if row["taken_back_at"] is not None} - standing:
        return Ended.YES_TAKEN_BACK
    if case.complete:
        return None
    if db.rows(
        "SELECT 1 FROM recordings WHERE recording_id = ? AND intended_at IS NOT NULL", (case.recording_id,)
    ):
        return Ended.RECORDING_GONE
    running = {row["giver"] for row in words if row["taken_back_at"] is None and row["until"] > to_ms(at)}
    return None if running and {row["giver"] for row in words} <= running else Ended.YES_OVER


def _cases(db: Db, rows: Sequence[sqlite3.Row]) -> tuple[CaseRow, ...]:
    return tuple(_case(db, row) for row in rows)


def _case(db: Db, row: sqlite3.Row) -> CaseRow:
    number = row["calibration_id"]
    scorers = db.rows(
        "SELECT person FROM calibration_scorers WHERE calibration_id = ? ORDER BY person", (number,)
    )
    scored = db.rows("SELECT scored_by FROM review_forms WHERE calibration_id = ?", (number,))
    return CaseRow(
        calibration_id=number,
        policy=PolicyName(row["policy"]),
        purpose=PurposeName(row["purpose"]),
        recording_id=RecordingId(row["recording_id"]),
        draw_id=row["draw_id"],
        agent=PersonId(row["agent"]),
        opened_by=PersonId(row["opened_by"]),
        opened_at=from_ms(row["opened_at"]),
        scorers=tuple(PersonId(one["person"]) for one in scorers),
        scored=frozenset(PersonId(one["scored_by"]) for one in scored),
        ended_at=None if row["ended_at"] is None else from_ms(row["ended_at"]),
        ended_because=None if row["ended_because"] is None else Ended(row["ended_because"]),
        due_at=from_ms(row["due_at"]),
    )
