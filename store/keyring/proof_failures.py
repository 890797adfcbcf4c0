"""Failed proofs of a passphrase in a row: of whom, at whose login, how many, and when the last one was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from policy.clock import from_ms, to_ms
from policy.situation import PersonId
from store.db import Db, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """Whose slot is tried, and from where: each pair is counted by itself.

    Attributes:
        beside: At whose login they sit, to unlock together; None: at their own.
    """

    person: PersonId
    beside: PersonId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """How often it failed since it last succeeded."""

    tried: Tried
    in_a_row: int
    last_at: datetime


def put(tx: Tx, failures: Failures) -> None:
    """Note another failure."""
    tried = failures.tried
    tx.execute(
        "INSERT INTO proof_failures (person, beside, in_a_row, last_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (person, beside) DO UPDATE"
        " SET in_a_row = excluded.in_a_row, last_at = excluded.last_at",
        (tried.person, tried.beside or "", failures.in_a_row, to_ms(failures.last_at)),
    )


def clear(tx: Tx, tried: Tried) -> None:
    """Forget them, after one that succeeded."""
    tx.execute(
        "DELETE FROM proof_failures WHERE person = ? AND beside = ?", (tried.person, tried.beside or "")
    )


def standing(db: Db) -> tuple[Failures, ...]:
    """Return all that stand."""
    return tuple(
        Failures(
            tried=Tried(
                person=PersonId(row["person"]), beside=PersonId(row["beside"]) if row["beside"] else None
            ),
            in_a_row=row["in_a_row"],
            last_at=from_ms(row["last_at"]),
        )
        for row in db.rows("SELECT person, beside, in_a_row, last_at FROM proof_failures")
    )
