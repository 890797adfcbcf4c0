"""Confirmations: which recordings a data subject's request is about, once identity and call were checked.

A grant whose calls are `requested` reaches a recording while such a confirmation runs, and no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from policy.clock import from_ms, to_iso, to_ms
from policy.situation import PersonId
from policy.vocabulary import RecordingId
from store.db import Db, Tx
from store.logbook import ledger
from store.logbook.ledger import Json, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """One confirmation, before it is stored.

    Attributes:
        reference: The number of the request's file.
        confirmed_by: Who checked identity and call.
        until: From when on it opens nothing.
        due_at: When the row about it has to be gone.
    """

    recording_id: RecordingId
    reference: str
    confirmed_by: PersonId
    until: datetime
    due_at: datetime


def confirm(tx: Tx, confirmation: Confirmation, *, at: datetime, actor: str) -> int:
    """Store a confirmation, and return its number."""
    inserted = tx.execute(
        "INSERT INTO confirmations (recording_id, reference, confirmed_by, confirmed_at, until, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            confirmation.recording_id,
            confirmation.reference,
            confirmation.confirmed_by,
            to_ms(at),
            to_ms(confirmation.until),
            to_ms(confirmation.due_at),
        ),
    )
    told: dict[str, Json] = {
        "reference": confirmation.reference,
        "person": confirmation.confirmed_by,
        "until": to_iso(confirmation.until),
    }
    ledger.append(
        tx, Kind.REQUEST_CONFIRMED, at, actor=actor, subject=confirmation.recording_id, payload=told
    )
    return int(inserted.lastrowid or 0)


def end(tx: Tx, reference: str, at: datetime, *, only: RecordingId | None = None) -> None:
    """End what was confirmed for a request: from now on it opens nothing."""
    tx.execute(
        "UPDATE confirmations SET until = :at WHERE reference = :reference AND until > :at"
        " AND (:only IS NULL OR recording_id = :only)",
        {"at": to_ms(at), "reference": reference, "only": only},
    )


def last_until(tx: Tx, reference: str, until: datetime) -> None:
    """Let what was confirmed for a request open until another moment: its decision was put off."""
    tx.execute("UPDATE confirmations SET until = ? WHERE reference = ?", (to_ms(until), reference))


def requested_until(
    db: Db, recording_ids: Sequence[RecordingId], now: datetime
) -> dict[RecordingId, datetime]:
    """Return until when a confirmed request runs on each of these recordings; the others are left out."""
    marks = ", ".join("?" * len(recording_ids))
    found = db.rows(
        # The marks are as many as there are ids; the ids themselves are bound.
        "SELECT recording_id, max(until) AS until FROM confirmations"  # noqa: S608
        f" WHERE recording_id IN ({marks}) AND until > ? GROUP BY recording_id",
        (*recording_ids, to_ms(now)),
    )
    return {RecordingId(row["recording_id"]): from_ms(row["until"]) for row in found}


def any_due(db: Db, at: datetime) -> bool:
    """Tell whether the term of any of these rows is over."""
    return bool(db.rows("SELECT 1 FROM confirmations WHERE due_at <= ? LIMIT 1", (to_ms(at),)))


def forget_due(tx: Tx, at: datetime) -> int:
    """Erase the confirmations whose term is over, and return how many."""
    return tx.execute("DELETE FROM confirmations WHERE due_at <= ?", (to_ms(at),)).rowcount
