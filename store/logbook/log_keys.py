"""The keys that sign one log: each with the sizes of the log at which it signs.

    entry e0   first key taken into use                  signs from size e0 + 1 on
    entry e1   next key taken into use       \\
    entry e1+1 a checkpoint, size e1 + 2     /            signed by both: the old key vouches for the new
               every later checkpoint                     by the new key alone

The entries stand in the log, so whoever believes one of the keys finds the others: forwards by the
checkpoint that the older one signed, backwards by the log that the younger one signed. What the
old key signs at a larger size is worth nothing, whoever has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from policy.clock import from_ms
from store.db import Db, Tx
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.logbook.notes import VerifierKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One key, and the sizes at which it signs.

    Attributes:
        first: The smallest size of a checkpoint that it signs.
        last: The largest; None: it is in use.
    """

    key: VerifierKey
    first: int
    last: int | None

    def covers(self, size: int) -> bool:
        """Tell whether a checkpoint of this size is this key's to sign."""
        return self.first <= size and (self.last is None or size <= self.last)

    def to_json(self) -> dict[str, Json]:
        """Return the span as a program gets it."""
        return {"vkey": self.key.text, "first_size": self.first, "last_size": self.last}


def spans_of(taken: Sequence[tuple[int, VerifierKey]]) -> tuple[Span, ...]:
    """Return the keys with their sizes.

    Args:
        taken: Each key with the entry that took it into use, in the order of the log.
    """
    return tuple(
        Span(
            key=key,
            first=entry + (1 if number == 0 else 2),
            last=taken[number + 1][0] + 2 if number + 1 < len(taken) else None,
        )
        for number, (entry, key) in enumerate(taken)
    )


def spans_in(db: Db) -> tuple[Span, ...]:
    """Return every key that ever signed this log, the first first.

    Raises:
        IntegrityError: If what is stored is no key.
    """
    found = db.rows("SELECT entry, vkey FROM checkpoint_keys ORDER BY entry")
    return spans_of([(row["entry"], VerifierKey.parse(row["vkey"])) for row in found])


def key_in_use(db: Db) -> VerifierKey | None:
    """Return the key that signs now, or None where none was made yet."""
    known = spans_in(db)
    return known[-1].key if known else None


def in_use_since(db: Db) -> datetime | None:
    """Return when the key that signs now was taken into use, or None where none was."""
    found = db.rows("SELECT at FROM ledger WHERE seq = (SELECT max(entry) FROM checkpoint_keys)")
    return from_ms(found[0]["at"]) if found else None


def add(tx: Tx, key: VerifierKey, *, at: datetime, actor: str) -> None:
    """Take a key into use; it is on the ledger with its public half."""
    seq = ledger.append(
        tx, Kind.CHECKPOINT_KEY_ADDED, at, actor=actor, subject="", payload={"vkey": key.text}
    )
    tx.execute("INSERT INTO checkpoint_keys (entry, vkey) VALUES (?, ?)", (seq, key.text))
