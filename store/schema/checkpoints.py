"""Checkpoints of the ledger, the keys that sign them, how far each target has them, and payloads' terms."""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = (
    """
    CREATE TABLE checkpoint_keys (
        entry INTEGER PRIMARY KEY REFERENCES ledger (seq),
        vkey TEXT NOT NULL UNIQUE
    ) STRICT
    """,
    """
    CREATE TABLE checkpoints (
        size INTEGER PRIMARY KEY CHECK (size >= 1),
        note TEXT NOT NULL
    ) STRICT
    """,
    *(
        f"""
        CREATE TRIGGER {table}_are_never_{done} BEFORE {how} ON {table}
        BEGIN SELECT RAISE(ABORT, 'checkpoints only grow'); END
        """
        for table in ("checkpoint_keys", "checkpoints")
        for how, done in (("UPDATE", "changed"), ("DELETE", "cut"))
    ),
    # A checkpoint is of the log as it is, never of an earlier one: it cannot be smuggled in later.
    """
    CREATE TRIGGER checkpoints_are_of_the_whole_log BEFORE INSERT ON checkpoints
    WHEN NEW.size <> (SELECT size FROM ledger_head)
    BEGIN SELECT RAISE(ABORT, 'a checkpoint is of the whole log'); END
    """,
    """
    CREATE TABLE checkpoint_targets (
        target TEXT PRIMARY KEY,
        size INTEGER NOT NULL REFERENCES checkpoints,
        delivered_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE ledger_terms (
        seq INTEGER PRIMARY KEY REFERENCES ledger,
        due_at INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE INDEX ledger_terms_by_due ON ledger_terms (due_at)",
)
