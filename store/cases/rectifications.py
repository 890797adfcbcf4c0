"""What was put right about a call: the old value lies in the file of the request, and goes with it.

The ledger has keyed hashes of both, which tell nothing to whoever reads it and prove either value to
whoever has it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from hashlib import sha256

from policy.clock import from_ms, to_iso, to_ms
from policy.situation import PersonId
from policy.vocabulary import CallId
from store.db import Db, Tx
from store.keyring.callers import SealedCaller
from store.logbook.ledger import Json


class Field(Enum):
    """What can be put right: the caller's number; or a statement is added (AVG art. 16)."""

    CALLER = "caller"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectification:
    """One value that was put right.

    Attributes:
        old: What stood there, a number masked; None: nothing.
        new: What stands there now, a number masked.
    """

    call_id: CallId
    field: Field
    old: str | None
    new: str
    rectified_at: datetime
    rectified_by: PersonId

    def to_json(self) -> dict[str, Json]:
        """Return it as a program gets it."""
        return {
            "call_id": self.call_id,
            "field": self.field.value,
            "old": self.old,
            "new": self.new,
            "rectified_at": to_iso(self.rectified_at),
            "rectified_by": self.rectified_by,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Hashes:
    """What the ledger keeps.

    Attributes:
        old: 64 hexadecimal digits; None: there was nothing.
    """

    old: str | None
    new: str


def put_caller_right(  # noqa: PLR0917 - one row
    tx: Tx, request_id: int, call_id: CallId, caller: SealedCaller, at: datetime, by: PersonId
) -> Hashes:
    """Give a call another caller's number; the old one, as it was kept, goes into the file."""
    row = tx.execute(
        "SELECT caller_masked, caller_sealed, caller_tag FROM calls WHERE call_id = ?", (call_id,)
    ).fetchone()
    _add(tx, request_id, call_id, Field.CALLER, row["caller_masked"], caller.masked, at, by)
    tx.execute(
        "UPDATE rectifications SET old_sealed = ? WHERE rectification_id = last_insert_rowid()",
        (row["caller_sealed"],),
    )
    tx.execute(
        "UPDATE calls SET caller_masked = ?, caller_sealed = ?, caller_tag = ? WHERE call_id = ?",
        (caller.masked, caller.sealed, caller.tag, call_id),
    )
    old = None if row["caller_tag"] is None else bytes(row["caller_tag"]).hex()
    return Hashes(old=old, new="" if caller.tag is None else caller.tag.hex())


def add_statement(  # noqa: PLR0917 - one row
    tx: Tx, request_id: int, call_id: CallId, text: str, at: datetime, by: PersonId, *, tag_key: bytes
) -> Hashes:
    """Add the data subject's own statement, which goes with every copy of the recording."""
    _add(tx, request_id, call_id, Field.STATEMENT, None, text, at, by)
    return Hashes(old=None, new=hmac.new(tag_key, b"statement\x00" + text.encode(), sha256).hexdigest())


def of_request(db: Db, request_id: int) -> tuple[Rectification, ...]:
    """Return what was put right on a request."""
    return _rows(db, "request_id = ?", request_id)


def of_call(db: Db, call_id: CallId) -> tuple[Rectification, ...]:
    """Return what was put right about a call, as far as the files are kept."""
    return _rows(db, "call_id = ?", call_id)


def _rows(db: Db, where: str, value: str | int) -> tuple[Rectification, ...]:
    found = db.rows(f"SELECT * FROM rectifications WHERE {where} ORDER BY rectification_id", (value,))  # noqa: S608 - ours
    return tuple(
        Rectification(
            call_id=row["call_id"],
            field=Field(row["field"]),
            old=row["old"],
            new=row["new"],
            rectified_at=from_ms(row["rectified_at"]),
            rectified_by=row["rectified_by"],
        )
        for row in found
    )


def _add(  # noqa: PLR0917 - one row
    tx: Tx,
    request_id: int,
    call_id: CallId,
    field: Field,
    old: str | None,
    new: str,
    at: datetime,
    by: PersonId,
) -> None:
    tx.execute(
        "INSERT INTO rectifications (request_id, call_id, field, old, new, rectified_at, rectified_by)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (request_id, call_id, field.value, old, new, to_ms(at), by),
    )
