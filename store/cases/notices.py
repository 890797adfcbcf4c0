"""Notices: who has to be told what, and whether they were.

An outbox. A notice is written here before anybody is told, so that a crash loses none; it is marked as sent
when whoever carries it said so, so that one which a crash cut off in between is sent once more, and no other.
Same kind, role, subject and deadline is the same notice. It tells of nobody: a kind, the number of an
incident, a request or an order, and a moment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from policy.clock import from_ms, to_iso, to_ms
from policy.vocabulary import PolicyName
from store.db import Db, Tx
from store.logbook import ledger
from store.logbook.ledger import Json, Kind


class NoticeKind(Enum):
    """What somebody is told."""

    INCIDENT_FLAGGED = "incident_flagged"
    INCIDENT_DUE = "incident_due"
    ORDER_RECEIVED = "order_received"
    ORDER_DUE = "order_due"
    HANDOVER_OPEN = "handover_open"
    REQUEST_DUE = "request_due"
    REVIEW_DUE = "review_due"

    @property
    def subject(self) -> str:
        """Return what the number of such a notice is of, in a word."""
        return self.value.partition("_")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What a notice is about, and whom it is for; what makes two notices the same one.

    Attributes:
        role: Who, as the policy names them, or `fg` or `counsel`.
        about: The number of the incident, the request, the order, the hand-over.
        deadline_at: Until when something has to be done about it.
    """

    kind: NoticeKind
    policy: PolicyName
    role: str
    about: int
    deadline_at: datetime

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """Return what makes it the same notice, as it is stored."""
        return (self.kind.value, self.policy, self.role, self.about, to_ms(self.deadline_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Matter):
    """What somebody has to be told.

    Attributes:
        tell_at: From when on they are to be told.
        due_at: When the row about it has to be gone.
    """

    tell_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRow(Matter):
    """A notice as it is stored.

    Attributes:
        made_at: When it was due to be told.
        sent_at: When it was carried, or None.
        dropped_at: When there was nothing to tell any more, or None.
        tries: How often it was tried in vain.
        again_at: From when on it is tried, again.
        problem: Why it was not carried the last time, or None.
    """

    notice_id: int
    made_at: datetime
    sent_at: datetime | None
    dropped_at: datetime | None
    tries: int
    again_at: datetime
    problem: str | None

    def event(self) -> dict[str, Json]:
        """Return what whoever carries it is given: no personal data."""
        return {
            "notice": self.notice_id,
            "kind": self.kind.value,
            "policy": self.policy,
            "role": self.role,
            self.kind.subject: self.about,
            "deadline": to_iso(self.deadline_at),
        }

    def to_json(self) -> dict[str, Json]:
        """Return the notice as a program gets it."""
        return {
            **self.event(),
            "about": f"{self.kind.subject} {self.about}",
            "made_at": to_iso(self.made_at),
            "sent_at": _iso(self.sent_at),
            "dropped_at": _iso(self.dropped_at),
            "tries": self.tries,
            "problem": self.problem,
        }


def keep(tx: Tx, wanted: Iterable[Notice], at: datetime) -> None:
    """Write down what somebody has to be told by now; what is known already stays as it is."""
    tx.executemany(
        "INSERT OR IGNORE INTO notices (kind, policy, role, about, deadline_at, made_at, again_at, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(*notice.key, to_ms(at), to_ms(at), to_ms(notice.due_at)) for notice in wanted],
    )


def known(db: Db, notice: Notice) -> bool:
    """Tell whether a notice is written down, sent or not."""
    found = db.rows(
        "SELECT 1 FROM notices WHERE kind = ? AND policy = ? AND role = ? AND about = ? AND deadline_at = ?",
        notice.key,
    )
    return bool(found)


def waiting(db: Db) -> tuple[NoticeRow, ...]:
    """Return what is written down and neither sent nor dropped, oldest first."""
    found = db.rows(
        "SELECT * FROM notices WHERE sent_at IS NULL AND dropped_at IS NULL ORDER BY made_at, notice_id"
    )
    return tuple(_notice(row) for row in found)


def all_notices(db: Db) -> tuple[NoticeRow, ...]:
    """Return every notice that is kept, oldest first."""
    return tuple(_notice(row) for row in db.rows("SELECT * FROM notices ORDER BY notice_id"))


def sent(tx: Tx, notice: NoticeRow, at: datetime) -> None:
    """Note that a notice was carried; it is on the ledger."""
    tx.execute(
        "UPDATE notices SET sent_at = ?, problem = NULL WHERE notice_id = ?", (to_ms(at), notice.notice_id)
    )
    told = {**notice.event(), "result": "sent"}
    ledger.append(tx, Kind.NOTICE_SENT, at, actor="daemon", subject="", payload=told)


def failed(tx: Tx, notice: NoticeRow, problem: str, again_at: datetime) -> None:
    """Note that a notice was not carried, and when it is tried again."""
    tx.execute(
        "UPDATE notices SET tries = tries + 1, problem = ?, again_at = ? WHERE notice_id = ?",
        (problem, to_ms(again_at), notice.notice_id),
    )


def dropped(tx: Tx, notices: Iterable[NoticeRow], at: datetime) -> None:
    """Note that there is nothing to tell any more: it was decided before anybody was told."""
    tx.executemany(
        "UPDATE notices SET dropped_at = ? WHERE notice_id = ?",
        [(to_ms(at), notice.notice_id) for notice in notices],
    )


def any_due(db: Db, at: datetime) -> bool:
    """Tell whether the term of any of these rows is over."""
    return bool(db.rows("SELECT 1 FROM notices WHERE due_at <= ? LIMIT 1", (to_ms(at),)))


def forget_due(tx: Tx, at: datetime) -> int:
    """Erase the rows of notices whose term is over, and return how many."""
    return tx.execute("DELETE FROM notices WHERE due_at <= ?", (to_ms(at),)).rowcount


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else to_iso(moment)


def _notice(row: sqlite3.Row) -> NoticeRow:
    def at(column: str) -> datetime | None:
        return None if row[column] is None else from_ms(row[column])

    return NoticeRow(
        notice_id=row["notice_id"],
        kind=NoticeKind(row["kind"]),
        policy=PolicyName(row["policy"]),
        role=row["role"],
        about=row["about"],
        deadline_at=from_ms(row["deadline_at"]),
        made_at=from_ms(row["made_at"]),
        sent_at=at("sent_at"),
        dropped_at=at("dropped_at"),
        tries=row["tries"],
        again_at=from_ms(row["again_at"]),
        problem=row["problem"],
    )
