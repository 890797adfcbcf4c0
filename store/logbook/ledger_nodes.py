"""The tree as it is stored, for whoever proves something over it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from policy.errors import IntegrityError
from store.db import Db, Params, Tx
from store.logbook.proofs import Nodes

_LEAF = "SELECT leaf AS hash FROM ledger WHERE seq = ?"
_NODE = "SELECT hash FROM ledger_nodes WHERE level = ? AND number = ?"


def nodes(db: Db) -> Nodes:
    """Return the stored tree as committed; a node that is missing raises `IntegrityError`."""
    return _stored(db.rows)


def nodes_in(tx: Tx) -> Nodes:
    """Return the stored tree as this transaction sees it; a node that is missing raises `IntegrityError`."""
    return _stored(lambda sql, params: tx.execute(sql, params).fetchall())


def _stored(rows: Callable[[str, Params], Sequence[sqlite3.Row]]) -> Nodes:
    def node(level: int, number: int) -> bytes:
        found = rows(_LEAF, (number,)) if level == 0 else rows(_NODE, (level, number))
        if not found:
            first, last = number << level, ((number + 1) << level) - 1
            raise IntegrityError(
                f"ledger: the node over entries {first} to {last} is missing",
                hint="run: consentline ledger verify",
            )
        return bytes(found[0]["hash"])

    return node
