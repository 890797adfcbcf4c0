"""When evidence has to be gone whose term is another than that of its call's data."""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = (
    """
    CREATE TABLE evidence_due (
        call_id TEXT NOT NULL REFERENCES calls,
        kind TEXT NOT NULL CHECK (kind IN ('decisions', 'ledger_payloads')),
        due_at INTEGER NOT NULL,
        PRIMARY KEY (call_id, kind)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX evidence_by_due ON evidence_due (due_at)",
    """
    CREATE TABLE notices_due (
        text_hash TEXT PRIMARY KEY REFERENCES notice_versions,
        due_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
)
