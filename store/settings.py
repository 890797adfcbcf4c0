"""Values that belong to this installation and outlive the process.

`tag_key` finds a caller's calls again without their number being stored; it is made with the
database and never leaves it.
"""

from __future__ import annotations

from typing import Final

from store.db import Db, Tx
from store.keys import TAG_KEY_BYTES

_TAG_KEY: Final = "tag_key"


def get(db: Db, name: str) -> bytes | None:
    """Return a value, or None when it was never set."""
    found = db.rows("SELECT value FROM settings WHERE name = ?", (name,))
    return bytes(found[0]["value"]) if found else None


def put(tx: Tx, name: str, value: bytes) -> None:
    """Set a value."""
    tx.execute(
        "INSERT INTO settings (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def drop(tx: Tx, name: str) -> None:
    """Remove a value; one that was never set is passed over."""
    tx.execute("DELETE FROM settings WHERE name = ?", (name,))


def tag_key(db: Db) -> bytes:
    """Return the 32-byte key of caller tags, made when first asked for."""
    known = get(db, _TAG_KEY)
    if known is not None:
        return known
    with db.write() as tx:
        tx.execute(
            "INSERT OR IGNORE INTO settings (name, value) VALUES (?, ?)",
            (_TAG_KEY, tx.randomness.token(TAG_KEY_BYTES)),
        )
        return bytes(tx.execute("SELECT value FROM settings WHERE name = ?", (_TAG_KEY,)).fetchone()["value"])
