"""The recordings that a request may be about; what must not go before somebody looked is kept blind.

Theory of operation

When a request comes in, what it matches is written down here and nowhere else: no ledger entry and no
list names it, or says how many there are, and no end of a recording changes. Only when the term of
one of them is over does `purge` move its end to that of the blind hold, in silence, instead of
destroying it. From then on it is in no list either (`keeping_alone`): to everybody it is as gone as it
would be without the request, and the door answers so. When identity is not shown, when the request is
settled or the hold runs out, the end falls back to what is left, which is then.

What a blind hold kept is bridged for a hold that a person places on it meanwhile, see `bridged_until`.
A recording whose destruction had begun is never matched.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from policy.clock import from_ms, to_ms
from policy.situation import PersonId
from policy.vocabulary import RecordingId
from store.db import Db, Tx
from store.records import recordings
from store.records.recordings import RecordingRow

_TICK: Final = timedelta(milliseconds=1)
_LABEL: Final = b"consentline/v1/request-matches\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCall:
    """One recording that a request may be about.

    Attributes:
        keeps: Whether it is kept for the request while `over_at` is None, until `until`.
        named_at: When the call was, as whoever asked says; None until it is confirmed.
        matter: What it was about, as they say.
        hold_id: The hold that a person placed on it for the request, or None.
    """

    request_id: int
    recording_id: RecordingId
    keeps: bool
    placed_at: datetime
    until: datetime
    over_at: datetime | None
    confirmed_at: datetime | None
    confirmed_by: PersonId | None
    named_at: datetime | None
    matter: str | None
    rejected_at: datetime | None
    hold_id: int | None


def match(
    tx: Tx, request_id: int, ids: Iterable[RecordingId], at: datetime, *, keeps: bool, until: datetime
) -> None:
    """Write down what a request matches, the recordings whose destruction began left out."""
    tx.executemany(
        "INSERT INTO request_calls (request_id, recording_id, keeps, placed_at, until_at)"
        " SELECT ?, recording_id, ?, ?, ? FROM recordings WHERE recording_id = ? AND intended_at IS NULL",
        [(request_id, int(keeps), to_ms(at), to_ms(until), recording_id) for recording_id in ids],
    )


def commitment(salt: bytes, ids: Iterable[RecordingId]) -> str:
    """Return what the ledger keeps of a match: it can be proven later, and tells nothing before."""
    return hashlib.sha256(_LABEL + salt + b"".join(sorted(id_.encode() for id_ in ids))).hexdigest()


def of_request(db: Db, request_id: int) -> tuple[RequestCall, ...]:
    """Return what a request may be about, oldest call first."""
    found = db.rows(
        "SELECT request_calls.* FROM request_calls JOIN recordings USING (recording_id)"
        " WHERE request_id = ? ORDER BY recordings.started_at, recordings.rowid",
        (request_id,),
    )
    return tuple(_call(row) for row in found)


def confirmed(
    tx: Tx,
    request_id: int,
    recording_id: RecordingId,
    at: datetime,
    by: PersonId,
    *,
    named_at: datetime,
    matter: str,
) -> None:
    """Note that this is the call of whoever asks, by date, time and matter."""
    tx.execute(
        "UPDATE request_calls SET confirmed_at = ?, confirmed_by = ?, named_at = ?, matter = ?"
        " WHERE request_id = ? AND recording_id = ?",
        (to_ms(at), by, to_ms(named_at), matter, request_id, recording_id),
    )


def held_by(tx: Tx, request_id: int, recording_id: RecordingId, hold_id: int) -> None:
    """Note which hold a person placed for the request."""
    tx.execute(
        "UPDATE request_calls SET hold_id = ? WHERE request_id = ? AND recording_id = ?",
        (hold_id, request_id, recording_id),
    )


def rejected(tx: Tx, request_id: int, recording_id: RecordingId, at: datetime) -> None:
    """Note that this is not the call of whoever asks; what the request kept of it ends."""
    tx.execute(
        "UPDATE request_calls SET rejected_at = ? WHERE request_id = ? AND recording_id = ?",
        (to_ms(at), request_id, recording_id),
    )
    end(tx, request_id, at, only=recording_id)


def end(tx: Tx, request_id: int, at: datetime, *, only: RecordingId | None = None) -> None:
    """End what a request keeps, of one recording or of all."""
    tx.execute(
        "UPDATE request_calls SET over_at = min(until_at, max(placed_at, :at))"
        " WHERE request_id = :request AND over_at IS NULL AND (:only IS NULL OR recording_id = :only)",
        {"at": to_ms(at), "request": request_id, "only": only},
    )


def overdue(db: Db, at: datetime) -> dict[RecordingId, datetime]:
    """Return the recordings that would go now but for a request, and until when it keeps each."""
    found = db.rows(
        "SELECT recording_id, max(until_at) AS until FROM request_calls JOIN recordings USING (recording_id)"
        " WHERE keeps = 1 AND over_at IS NULL AND until_at > :at"
        " AND due_at <= :at AND intended_at IS NULL AND erased_at IS NULL GROUP BY recording_id",
        {"at": to_ms(at)},
    )
    return {RecordingId(row["recording_id"]): from_ms(row["until"]) for row in found}


def keeping_alone(db: Db, at: datetime) -> frozenset[RecordingId]:
    """Return the recordings that nothing but a blind hold keeps now: no list shows them."""
    found = db.rows(
        "SELECT DISTINCT recording_id FROM request_calls JOIN recordings r USING (recording_id)"
        " WHERE keeps = 1 AND over_at IS NULL AND request_calls.until_at > :at AND r.promised_at <= :at"
        " AND r.intended_at IS NULL AND r.erased_at IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM extensions e WHERE e.recording_id = r.recording_id"
        "  AND e.until_at > :at)"
        " AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.recording_id = r.recording_id"
        "  AND h.over_at IS NULL AND h.until_at > :at)",
        {"at": to_ms(at)},
    )
    return frozenset(RecordingId(row["recording_id"]) for row in found)


def shown(db: Db, *, limit: int | None = None) -> tuple[RecordingRow, ...]:
    """Return recordings as lists show them, oldest first: those left out that only a request keeps.

    Args:
        db: Where they are.
        limit: At most so many, the newest.
    """
    unseen = keeping_alone(db, db.clock.now())
    wanted = None if limit is None else limit + len(unseen)
    rows = [row for row in recordings.all_recordings(db, limit=wanted) if row.recording_id not in unseen]
    return tuple(rows if limit is None else rows[max(0, len(rows) - limit) :])


def bridged_until(
    db: Db, recording_id: RecordingId, at: datetime, *, ended: Mapping[int, datetime] | None = None
) -> datetime | None:
    """Return until when requests kept a recording so far, or None; never further than this moment.

    Args:
        db: Where the requests are.
        recording_id: A recording that is there.
        at: Now.
        ended: Requests that end with what is being decided, and when.
    """
    found = db.rows(
        "SELECT request_id, coalesce(over_at, until_at) AS ends_at FROM request_calls"
        " WHERE recording_id = ? AND keeps = 1",
        (recording_id,),
    )
    ends = [min(from_ms(row["ends_at"]), (ended or {}).get(row["request_id"], at + _TICK)) for row in found]
    return min(max(ends), at + _TICK) if ends else None


def _call(row: sqlite3.Row) -> RequestCall:
    def at(column: str) -> datetime | None:
        return None if row[column] is None else from_ms(row[column])

    return RequestCall(
        request_id=row["request_id"],
        recording_id=RecordingId(row["recording_id"]),
        keeps=bool(row["keeps"]),
        placed_at=from_ms(row["placed_at"]),
        until=from_ms(row["until_at"]),
        over_at=at("over_at"),
        confirmed_at=at("confirmed_at"),
        confirmed_by=row["confirmed_by"],
        named_at=at("named_at"),
        matter=row["matter"],
        rejected_at=at("rejected_at"),
        hold_id=row["hold_id"],
    )
