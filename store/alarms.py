"""Alarms: what a person has to look at, once each, until it is cleared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from policy.clock import from_ms, to_iso, to_ms
from policy.vocabulary import CallId
from store import ledger
from store.db import Db, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRow:
    """One alarm.

    Attributes:
        kind: A short word such as `clock_suspect`.
        text: One line for a person; no number and no name of a caller.
        call_id: The call it is about, if any.
        raised_at: First time.
        last_at: Last time.
        times: How often it was raised while open.
        cleared_at: When it was over, or None while it stands.
    """

    alarm_id: int
    kind: str
    text: str
    call_id: CallId | None
    raised_at: datetime
    last_at: datetime
    times: int
    cleared_at: datetime | None

    def to_json(self) -> dict[str, ledger.Json]:
        """Return the alarm as a program gets it."""
        return {
            "alarm_id": self.alarm_id,
            "kind": self.kind,
            "text": self.text,
            "call_id": self.call_id,
            "raised_at": to_iso(self.raised_at),
            "last_at": to_iso(self.last_at),
            "times": self.times,
            "cleared_at": None if self.cleared_at is None else to_iso(self.cleared_at),
        }


def raise_alarm(tx: Tx, kind: str, text: str, *, call_id: CallId | None = None, at: datetime) -> bool:
    """Raise an alarm; one that stands already, same kind, text and call, is only counted.

    Returns:
        Whether it is new; then it is on the ledger, too.
    """
    counted = tx.execute(
        "UPDATE alarms SET times = times + 1, last_at = ?"
        " WHERE kind = ? AND text = ? AND call_id IS ? AND cleared_at IS NULL",
        (to_ms(at), kind, text, call_id),
    ).rowcount
    if counted:
        return False
    tx.execute(
        "INSERT INTO alarms (kind, text, call_id, raised_at, last_at) VALUES (?, ?, ?, ?, ?)",
        (kind, text, call_id, to_ms(at), to_ms(at)),
    )
    ledger.append(
        tx,
        ledger.Kind.ALARM,
        at,
        actor="daemon",
        subject=call_id or "",
        payload={"alarm": kind, "text": text},
    )
    return True


def clear(tx: Tx, kind: str, *, at: datetime, actor: str = "daemon") -> int:
    """Clear every standing alarm of a kind, and say so on the ledger.

    Returns:
        How many there were.
    """
    cleared = tx.execute(
        "UPDATE alarms SET cleared_at = ? WHERE kind = ? AND cleared_at IS NULL", (to_ms(at), kind)
    ).rowcount
    if cleared:
        ledger.append(tx, ledger.Kind.ALARM_CLEARED, at, actor=actor, subject="", payload={"alarm": kind})
    return cleared


def standing(db: Db) -> tuple[AlarmRow, ...]:
    """Return the alarms that nobody has cleared, oldest first."""
    found = db.rows("SELECT * FROM alarms WHERE cleared_at IS NULL ORDER BY alarm_id")
    return tuple(
        AlarmRow(
            alarm_id=row["alarm_id"],
            kind=row["kind"],
            text=row["text"],
            call_id=row["call_id"],
            raised_at=from_ms(row["raised_at"]),
            last_at=from_ms(row["last_at"]),
            times=row["times"],
            cleared_at=None,
        )
        for row in found
    )
