"""Evidence on terms of its own: decisions, the ledger's words about a call, and the words of notices.

A policy may give them another term than the call's data. Each counts from the start of the call, and
none goes before the recording that it vouches for. Of two gates in one call the earlier end counts.
The words of a notice end after the last call that heard them, and while a decision names them they stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from policy.clock import to_ms
from policy.model import Policy
from policy.retention import DataKind
from policy.terms import data_due_at
from policy.vocabulary import CallId
from store.db import Db, Tx
from store.logbook import ledger

OF_CALLS: Final = (DataKind.DECISIONS, DataKind.LEDGER_PAYLOADS)
"""What belongs to one call and may have a term of its own."""

_DUE: Final = (
    "SELECT call_id, kind FROM evidence_due e WHERE due_at <= ? AND NOT EXISTS"
    " (SELECT 1 FROM recordings r WHERE r.call_id = e.call_id AND r.erased_at IS NULL)"
)
_NOTICES: Final = (
    "SELECT text_hash FROM notices_due n WHERE due_at <= ? AND NOT EXISTS"
    " (SELECT 1 FROM decisions d WHERE d.text_hash = n.text_hash)"
)


def promise(tx: Tx, call_id: CallId, policy: Policy, started_at: datetime) -> None:
    """Note the ends that a policy promises for this call's evidence, where they are its own."""
    for kind in OF_CALLS:
        if getattr(policy.retention, kind.value) is None:
            continue
        due_at = to_ms(data_due_at(policy, kind, started_at))
        tx.execute(
            "INSERT INTO evidence_due (call_id, kind, due_at) VALUES (?, ?, ?)"
            " ON CONFLICT (call_id, kind) DO UPDATE SET due_at = min(due_at, excluded.due_at)",
            (call_id, kind.value, due_at),
        )


def promise_notice(tx: Tx, text_hash: str, policy: Policy, started_at: datetime) -> None:
    """Note until when the words of a notice stay: the latest end of any call that heard them."""
    due_at = to_ms(data_due_at(policy, DataKind.NOTICE_VERSIONS, started_at))
    tx.execute(
        "INSERT INTO notices_due (text_hash, due_at) SELECT text_hash, ? FROM notice_versions"
        " WHERE text_hash = ? ON CONFLICT (text_hash) DO UPDATE SET due_at = max(due_at, excluded.due_at)",
        (due_at, text_hash),
    )


def has_its_own(tx: Tx, call_id: CallId, kind: DataKind) -> bool:
    """Return whether a kind of this call's evidence does not go with the call's data."""
    found = tx.execute("SELECT 1 FROM evidence_due WHERE call_id = ? AND kind = ?", (call_id, kind.value))
    return found.fetchone() is not None


def are_due(db: Db, *, at: datetime) -> bool:
    """Return whether there is something for `erase` to do."""
    return bool(db.rows(f"{_DUE} LIMIT 1", (to_ms(at),)) or db.rows(f"{_NOTICES} LIMIT 1", (to_ms(at),)))


def erase(tx: Tx, *, at: datetime) -> None:
    """Erase what is due; again is harmless. The caller empties the write-ahead log afterwards."""
    due = [
        (CallId(row["call_id"]), DataKind(row["kind"])) for row in tx.execute(_DUE, (to_ms(at),)).fetchall()
    ]
    for call_id, kind in due:
        if kind is DataKind.DECISIONS:
            tx.execute("DELETE FROM decisions WHERE call_id = ?", (call_id,))
        tx.execute("DELETE FROM evidence_due WHERE call_id = ? AND kind = ?", (call_id, kind.value))
    wordless = (call_id for call_id, kind in due if kind is DataKind.LEDGER_PAYLOADS)
    ledger.expire(tx, list(_subjects(tx, wordless)), at, "retention.ledger_payloads")
    for row in tx.execute(_NOTICES, (to_ms(at),)).fetchall():
        for table in ("notices_due", "notice_versions"):
            tx.execute(f"DELETE FROM {table} WHERE text_hash = ?", (row["text_hash"],))  # noqa: S608 - our own


def _subjects(tx: Tx, call_ids: Iterable[CallId]) -> Iterator[str]:
    for call_id in call_ids:
        found = tx.execute("SELECT recording_id FROM recordings WHERE call_id = ?", (call_id,))
        yield from (call_id, *(row["recording_id"] for row in found.fetchall()))
