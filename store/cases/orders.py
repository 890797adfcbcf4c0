"""Compulsory orders: what an authority demands by law, and the deviation by which it is given all the same.

    registered -> deviation of the college, recorded by one person -> confirmed by another -> packaged
               -> closed: handed over, opposed, or taken back by the authority

An order changes no policy: what a policy never does is done once, for one recording, by a decision that
stands here with its reasons, and that the compliance report shows (`between`).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from policy.clock import from_ms, to_iso, to_ms
from policy.errors import NotFound
from policy.sharing import Content
from policy.situation import PersonId
from policy.vocabulary import PolicyName, RecordingId
from store.db import Db, Tx
from store.keyring.shares import AccessId
from store.logbook import ledger
from store.logbook.ledger import Json, Kind


class OrderOutcome(Enum):
    """How it ended."""

    HANDED_OVER = "handed_over"
    OPPOSED = "opposed"
    TAKEN_BACK = "taken_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order that was received, before it is stored.

    Attributes:
        authority: Who demands it, such as `Officier van Justitie, arrondissement Oost-Nederland`.
        reference: The order's own number.
        legal_basis: By which law, such as `Sv art. 126nd`.
        content: What it demands.
        answer_by: Until when it has to be answered.
        hold_id: What keeps the recording meanwhile, or None where something else does.
    """

    policy: PolicyName
    recording_id: RecordingId
    authority: str
    reference: str
    legal_basis: str
    content: Content
    answer_by: datetime
    registered_by: PersonId
    role: str
    hold_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """A deviation from the policy for one order.

    Attributes:
        finding: Why, in words.
        approved_by: The body that decided, such as `college van B en W`.
        approved_on: When it did.
        until: From when on it opens nothing.
        recorded_by: Who put it on record.
        confirmed_by: Who confirmed that, another person; None until somebody did.
    """

    finding: str
    approved_by: str
    approved_on: date
    until: datetime
    recorded_by: PersonId
    recorded_at: datetime
    confirmed_by: PersonId | None = None
    confirmed_at: datetime | None = None

    def to_json(self) -> dict[str, Json]:
        """Return the deviation as a program gets it."""
        return {
            "finding": self.finding,
            "approved_by": self.approved_by,
            "approved_on": self.approved_on.isoformat(),
            "until": to_iso(self.until),
            "recorded_by": self.recorded_by,
            "recorded_at": to_iso(self.recorded_at),
            "confirmed_by": self.confirmed_by,
            "confirmed_at": _iso(self.confirmed_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow(Order):
    """An order as it is stored.

    Attributes:
        deviation: By which it may be obeyed, or None.
        access_id: Of the last time that it was packaged, or None.
        due_at: When the row has to be gone; None until it is closed.
    """

    order_id: int
    registered_at: datetime
    deviation: Deviation | None
    access_id: AccessId | None
    closed_at: datetime | None
    closed_by: PersonId | None
    outcome: OrderOutcome | None
    how: str | None
    due_at: datetime | None

    @property
    def stage(self) -> str:
        """Return how far it is, in a word."""
        if self.outcome is not None:
            return self.outcome.value
        if self.access_id is not None:
            return "packaged"
        if self.deviation is None:
            return "registered"
        return "confirmed" if self.deviation.confirmed_at is not None else "deviation_recorded"

    def to_json(self) -> dict[str, Json]:
        """Return the order as a program gets it."""
        return {
            "order": self.order_id,
            "stage": self.stage,
            "policy": self.policy,
            "recording_id": self.recording_id,
            "authority": self.authority,
            "reference": self.reference,
            "legal_basis": self.legal_basis,
            "content": self.content.value,
            "answer_by_at": to_iso(self.answer_by),
            "registered_by": self.registered_by,
            "role": self.role,
            "registered_at": to_iso(self.registered_at),
            "hold": self.hold_id,
            "deviation": None if self.deviation is None else self.deviation.to_json(),
            "access": self.access_id,
            "closed_by": self.closed_by,
            "closed_at": _iso(self.closed_at),
            "how": self.how,
        }


def add(tx: Tx, order: Order, at: datetime, *, actor: str) -> int:
    """Store an order, and return its number; it is on the ledger."""
    inserted = tx.execute(
        "INSERT INTO orders (policy, recording_id, authority, reference, legal_basis, content, answer_by_at,"
        " registered_by, registered_role, registered_at, hold_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            order.policy,
            order.recording_id,
            order.authority,
            order.reference,
            order.legal_basis,
            order.content.value,
            to_ms(order.answer_by),
            order.registered_by,
            order.role,
            to_ms(at),
            order.hold_id,
        ),
    )
    row = find(tx, int(inserted.lastrowid or 0))
    _tell(
        tx,
        Kind.ORDER_REGISTERED,
        row,
        at,
        actor,
        authority=row.authority,
        reference=row.reference,
        legal_basis=row.legal_basis,
        answer_by=to_iso(row.answer_by),
    )
    return row.order_id


def record_deviation(tx: Tx, order_id: int, deviation: Deviation, *, actor: str) -> OrderRow:
    """Put on record by which deviation an order may be obeyed, not confirmed yet."""
    tx.execute(
        "UPDATE orders SET finding = ?, approved_by = ?, approved_on = ?, deviates_until = ?,"
        " deviation_by = ?, deviation_at = ? WHERE order_id = ?",
        (
            deviation.finding,
            deviation.approved_by,
            deviation.approved_on.isoformat(),
            to_ms(deviation.until),
            deviation.recorded_by,
            to_ms(deviation.recorded_at),
            order_id,
        ),
    )
    row = find(tx, order_id)
    told = {"approved_by": deviation.approved_by, "approved_on": deviation.approved_on.isoformat()}
    _tell(tx, Kind.DEVIATION_RECORDED, row, deviation.recorded_at, actor, **told, finding=deviation.finding)
    return row


def confirm_deviation(tx: Tx, order_id: int, by: PersonId, at: datetime, *, actor: str) -> OrderRow:
    """Note that a second person confirmed the deviation."""
    tx.execute(
        "UPDATE orders SET confirmed_by = ?, confirmed_at = ? WHERE order_id = ?", (by, to_ms(at), order_id)
    )
    row = find(tx, order_id)
    _tell(tx, Kind.DEVIATION_CONFIRMED, row, at, actor, person=by)
    return row


def packaged(tx: Tx, order_id: int, access_id: AccessId, at: datetime, *, actor: str) -> None:
    """Note which access packages what it demands."""
    tx.execute("UPDATE orders SET access_id = ? WHERE order_id = ?", (access_id, order_id))
    _tell(tx, Kind.ORDER_PACKAGED, find(tx, order_id), at, actor, access=access_id)


def close(
    tx: Tx,
    order_id: int,
    outcome: OrderOutcome,
    at: datetime,
    *,
    by: PersonId,
    actor: str,
    how: str,
    due_at: datetime,
) -> OrderRow:
    """Close an order."""
    tx.execute(
        "UPDATE orders SET closed_at = ?, closed_by = ?, outcome = ?, how = ?, due_at = ? WHERE order_id = ?",
        (to_ms(at), by, outcome.value, how, to_ms(due_at), order_id),
    )
    row = find(tx, order_id)
    _tell(tx, Kind.ORDER_CLOSED, row, at, actor, outcome=outcome.value)
    return row


def find(tx: Tx, order_id: int) -> OrderRow:
    """Return one order as this transaction sees it.

    Raises:
        NotFound: If there is none.
    """
    row = tx.execute("SELECT * FROM orders WHERE order_id = ?", (order_id,)).fetchone()
    if row is None:
        raise NotFound(f"no order {order_id}")
    return _order(row)


def get(db: Db, order_id: int) -> OrderRow | None:
    """Return one order, or None."""
    found = db.rows("SELECT * FROM orders WHERE order_id = ?", (order_id,))
    return _order(found[0]) if found else None


def every(db: Db, *, running: bool = False) -> tuple[OrderRow, ...]:
    """Return the orders, oldest first; `running`: only those that are not closed."""
    which = " WHERE closed_at IS NULL" if running else ""
    found = db.rows(f"SELECT * FROM orders{which} ORDER BY order_id")  # noqa: S608 - our own words
    return tuple(_order(row) for row in found)


def between(db: Db, policy: PolicyName, since: datetime, until: datetime) -> tuple[OrderRow, ...]:
    """Return an organisation's orders that something happened to in a period, for its compliance report.

    Args:
        db: Where they are; an order stands there for the term of what was handed out.
        policy: Whose.
        since: From this moment on.
        until: Up to but not including this one.
    """
    found = db.rows(
        "SELECT * FROM orders WHERE policy = :policy AND registered_at < :until"
        " AND coalesce(closed_at, :until) >= :since ORDER BY order_id",
        {"policy": policy, "since": to_ms(since), "until": to_ms(until)},
    )
    return tuple(_order(row) for row in found)


def any_due(db: Db, at: datetime) -> bool:
    """Tell whether the term of any of these rows is over."""
    return bool(db.rows("SELECT 1 FROM orders WHERE due_at <= ? LIMIT 1", (to_ms(at),)))


def forget_due(tx: Tx, at: datetime) -> int:
    """Erase the rows of orders whose term is over, and return how many."""
    return tx.execute("DELETE FROM orders WHERE due_at <= ?", (to_ms(at),)).rowcount


def _tell(tx: Tx, kind: Kind, row: OrderRow, at: datetime, actor: str, **more: Json) -> None:
    told: dict[str, Json] = {
        "order": row.order_id,
        "policy": row.policy,
        "content": row.content.value,
        **more,
    }
    ledger.append(tx, kind, at, actor=actor, subject=row.recording_id, payload=told)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else to_iso(moment)


def _order(row: sqlite3.Row) -> OrderRow:
    def at(column: str) -> datetime | None:
        return None if row[column] is None else from_ms(row[column])

    def person(column: str) -> PersonId | None:
        return None if row[column] is None else PersonId(row[column])

    deviation = None
    if row["deviation_at"] is not None:
        deviation = Deviation(
            finding=row["finding"],
            approved_by=row["approved_by"],
            approved_on=date.fromisoformat(row["approved_on"]),
            until=from_ms(row["deviates_until"]),
            recorded_by=PersonId(row["deviation_by"]),
            recorded_at=from_ms(row["deviation_at"]),
            confirmed_by=person("confirmed_by"),
            confirmed_at=at("confirmed_at"),
        )
    return OrderRow(
        order_id=row["order_id"],
        policy=PolicyName(row["policy"]),
        recording_id=RecordingId(row["recording_id"]),
        authority=row["authority"],
        reference=row["reference"],
        legal_basis=row["legal_basis"],
        content=Content(row["content"]),
        answer_by=from_ms(row["answer_by_at"]),
        registered_by=PersonId(row["registered_by"]),
        role=row["registered_role"],
        registered_at=from_ms(row["registered_at"]),
        hold_id=row["hold_id"],
        deviation=deviation,
        access_id=None if row["access_id"] is None else AccessId(row["access_id"]),
        closed_at=at("closed_at"),
        closed_by=person("closed_by"),
        outcome=None if row["outcome"] is None else OrderOutcome(row["outcome"]),
        how=row["how"],
        due_at=at("due_at"),
    )
