"""Hand-overs: what is to leave the house, to whom, by whose word; until it is closed.

    asked -> approved by the second person -> packaged, anew if that failed -> handed over, or abandoned

What was approved is what is handed over: recipient, authority, content and ground do not change. The copy
that was made is named by its digest, in the access that made it (`store/access/accesses.py`).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from policy.access import PurposeName
from policy.clock import from_ms, to_iso, to_ms
from policy.errors import NotFound
from policy.sharing import Content
from policy.situation import PersonId
from policy.vocabulary import PolicyName, RecordingId
from store.db import Db, Tx
from store.keyring.shares import AccessId
from store.logbook import ledger
from store.logbook.ledger import Json, Kind


class RecipientKind(Enum):
    """Who gets it."""

    POLICE = "police"
    THIRD_PARTY = "third_party"


class Outcome(Enum):
    """How it ended."""

    HANDED_OVER = "handed_over"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """What is asked for, before it is stored.

    Attributes:
        incident_id: That it is about, or None.
        content: Data from the call, or the call itself.
        authority: Who gets it, such as `Politie Noord-Nederland`.
        officer: Who receives it there, or None.
        legal_basis: Which law asks for it or lets it, or None.
        report_number: Of the report that was filed (aangifte), or None.
        agreement: How and when the resident agreed, or None.
        reason: Why, in the words of who asked.
        second: Whose word it needs.
        word_id: That word.
        hold_id: What keeps the recording meanwhile, or None where the policy knows no such hold.
    """

    policy: PolicyName
    recording_id: RecordingId
    incident_id: int | None
    recipient: RecipientKind
    content: Content
    purpose: PurposeName
    authority: str
    officer: str | None
    legal_basis: str | None
    report_number: str | None
    agreement: str | None
    reason: str
    asked_by: PersonId
    second: PersonId
    word_id: int
    hold_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverRow(Handover):
    """A hand-over as it is stored.

    Attributes:
        approved_at: When the second person gave their word, or None.
        access_id: Of the last time that it was packaged, or None.
        how: How it was handed over, or why it was not; None until it is closed.
        due_at: When the row has to be gone; None until it is closed.
    """

    handover_id: int
    asked_at: datetime
    approved_at: datetime | None
    access_id: AccessId | None
    closed_at: datetime | None
    closed_by: PersonId | None
    outcome: Outcome | None
    how: str | None
    due_at: datetime | None

    @property
    def stage(self) -> str:
        """Return how far it is, in a word."""
        if self.outcome is not None:
            return self.outcome.value
        if self.access_id is not None:
            return "packaged"
        return "asked" if self.approved_at is None else "approved"

    def to_json(self) -> dict[str, Json]:
        """Return the hand-over as a program gets it."""
        return {
            "handover": self.handover_id,
            "stage": self.stage,
            "policy": self.policy,
            "recording_id": self.recording_id,
            "incident": self.incident_id,
            "recipient": self.recipient.value,
            "content": self.content.value,
            "authority": self.authority,
            "officer": self.officer,
            "legal_basis": self.legal_basis,
            "report_number": self.report_number,
            "agreement": self.agreement,
            "purpose": self.purpose,
            "reason": self.reason,
            "asked_by": self.asked_by,
            "asked_at": to_iso(self.asked_at),
            "second": self.second,
            "word": self.word_id,
            "approved_at": _iso(self.approved_at),
            "hold": self.hold_id,
            "access": self.access_id,
            "closed_by": self.closed_by,
            "closed_at": _iso(self.closed_at),
            "how": self.how,
        }


def add(tx: Tx, handover: Handover, at: datetime, *, actor: str) -> int:
    """Store a hand-over that was asked for, and return its number; it is on the ledger."""
    inserted = tx.execute(
        "INSERT INTO handovers (policy, recording_id, incident_id, recipient, content, purpose, authority,"
        " officer, legal_basis, report_number, agreement, reason, asked_by, asked_at, second, word_id,"
        " hold_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            handover.policy,
            handover.recording_id,
            handover.incident_id,
            handover.recipient.value,
            handover.content.value,
            handover.purpose,
            handover.authority,
            handover.officer,
            handover.legal_basis,
            handover.report_number,
            handover.agreement,
            handover.reason,
            handover.asked_by,
            to_ms(at),
            handover.second,
            handover.word_id,
            handover.hold_id,
        ),
    )
    row = find(tx, int(inserted.lastrowid or 0))
    _tell(
        tx,
        Kind.HANDOVER_ASKED,
        row,
        at,
        actor,
        incident=row.incident_id,
        authority=row.authority,
        legal_basis=row.legal_basis,
        second=row.second,
        hold=row.hold_id,
    )
    return row.handover_id


def approved(tx: Tx, handover_id: int, at: datetime, *, actor: str) -> None:
    """Note when the second person gave their word."""
    tx.execute("UPDATE handovers SET approved_at = ? WHERE handover_id = ?", (to_ms(at), handover_id))
    row = find(tx, handover_id)
    _tell(tx, Kind.HANDOVER_APPROVED, row, at, actor, second=row.second)


def packaged(tx: Tx, handover_id: int, access_id: AccessId, at: datetime, *, actor: str) -> None:
    """Note which access packages it; how that ended is told there."""
    tx.execute("UPDATE handovers SET access_id = ? WHERE handover_id = ?", (access_id, handover_id))
    _tell(tx, Kind.HANDOVER_PACKAGED, find(tx, handover_id), at, actor, access=access_id)


def close(
    tx: Tx,
    handover_id: int,
    outcome: Outcome,
    at: datetime,
    *,
    by: PersonId,
    actor: str,
    how: str,
    due_at: datetime,
) -> HandoverRow:
    """Close a hand-over."""
    tx.execute(
        "UPDATE handovers SET closed_at = ?, closed_by = ?, outcome = ?, how = ?, due_at = ?"
        " WHERE handover_id = ?",
        (to_ms(at), by, outcome.value, how, to_ms(due_at), handover_id),
    )
    row = find(tx, handover_id)
    _tell(tx, Kind.HANDOVER_CLOSED, row, at, actor, outcome=outcome.value)
    return row


def inherit_hold(tx: Tx, heir: HandoverRow, row: HandoverRow) -> None:
    """Let a hold go on for another hand-over of the same recording, which ends it when it is closed."""
    tx.execute("UPDATE handovers SET hold_id = ? WHERE handover_id = ?", (row.hold_id, heir.handover_id))


def find(tx: Tx, handover_id: int) -> HandoverRow:
    """Return one hand-over as this transaction sees it.

    Raises:
        NotFound: If there is none.
    """
    row = tx.execute("SELECT * FROM handovers WHERE handover_id = ?", (handover_id,)).fetchone()
    if row is None:
        raise NotFound(f"no handover {handover_id}")
    return _handover(row)


def get(db: Db, handover_id: int) -> HandoverRow | None:
    """Return one hand-over, or None."""
    found = db.rows("SELECT * FROM handovers WHERE handover_id = ?", (handover_id,))
    return _handover(found[0]) if found else None


def every(db: Db, *, running: bool = False) -> tuple[HandoverRow, ...]:
    """Return the hand-overs, oldest first; `running`: only those that are not closed."""
    which = " WHERE closed_at IS NULL" if running else ""
    found = db.rows(f"SELECT * FROM handovers{which} ORDER BY handover_id")  # noqa: S608 - our own words
    return tuple(_handover(row) for row in found)


def any_due(db: Db, at: datetime) -> bool:
    """Tell whether the term of any of these rows is over."""
    return bool(db.rows("SELECT 1 FROM handovers WHERE due_at <= ? LIMIT 1", (to_ms(at),)))


def forget_due(tx: Tx, at: datetime) -> int:
    """Erase the rows of hand-overs whose term is over, and return how many."""
    return tx.execute("DELETE FROM handovers WHERE due_at <= ?", (to_ms(at),)).rowcount


def _tell(tx: Tx, kind: Kind, row: HandoverRow, at: datetime, actor: str, **more: Json) -> None:
    told: dict[str, Json] = {
        "handover": row.handover_id,
        "policy": row.policy,
        "recipient": row.recipient.value,
        "content": row.content.value,
        **more,
    }
    ledger.append(tx, kind, at, actor=actor, subject=row.recording_id, payload=told)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else to_iso(moment)


def _handover(row: sqlite3.Row) -> HandoverRow:
    def at(column: str) -> datetime | None:
        return None if row[column] is None else from_ms(row[column])

    return HandoverRow(
        handover_id=row["handover_id"],
        policy=PolicyName(row["policy"]),
        recording_id=RecordingId(row["recording_id"]),
        incident_id=row["incident_id"],
        recipient=RecipientKind(row["recipient"]),
        content=Content(row["content"]),
        purpose=PurposeName(row["purpose"]),
        authority=row["authority"],
        officer=row["officer"],
        legal_basis=row["legal_basis"],
        report_number=row["report_number"],
        agreement=row["agreement"],
        reason=row["reason"],
        asked_by=PersonId(row["asked_by"]),
        asked_at=from_ms(row["asked_at"]),
        second=PersonId(row["second"]),
        word_id=row["word_id"],
        hold_id=row["hold_id"],
        approved_at=at("approved_at"),
        access_id=None if row["access_id"] is None else AccessId(row["access_id"]),
        closed_at=at("closed_at"),
        closed_by=None if row["closed_by"] is None else PersonId(row["closed_by"]),
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        how=row["how"],
        due_at=at("due_at"),
    )
