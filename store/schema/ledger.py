"""The ledger as a Merkle log that only grows, and the alarms."""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = (
    """
    CREATE TABLE ledger (
        seq INTEGER PRIMARY KEY CHECK (seq >= 0),
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        commitment BLOB NOT NULL CHECK (length(commitment) = 32),
        leaf BLOB NOT NULL CHECK (length(leaf) = 32)
    ) STRICT
    """,
    "CREATE INDEX ledger_by_time ON ledger (at)",
    """
    CREATE TABLE ledger_payloads (
        seq INTEGER PRIMARY KEY REFERENCES ledger,
        subject TEXT,
        salt BLOB CHECK (length(salt) = 32),
        body BLOB,
        CHECK ((salt IS NULL) = (body IS NULL)),
        CHECK ((subject IS NULL) = (body IS NULL))
    ) STRICT
    """,
    "CREATE INDEX ledger_payloads_by_subject ON ledger_payloads (subject) WHERE subject <> ''",
    """
    CREATE TABLE ledger_nodes (
        level INTEGER NOT NULL CHECK (level >= 1),
        number INTEGER NOT NULL CHECK (number >= 0),
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        PRIMARY KEY (level, number)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE ledger_head (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        size INTEGER NOT NULL CHECK (size >= 0),
        peaks BLOB NOT NULL CHECK (length(peaks) % 32 = 0),
        root BLOB NOT NULL CHECK (length(root) = 32)
    ) STRICT
    """,
    # The root of an empty log is the hash of nothing (RFC 6962, 2.1).
    """
    INSERT INTO ledger_head (only_row, size, peaks, root)
    VALUES (1, 0, x'', x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    """,
    """
    CREATE TRIGGER ledger_is_never_changed BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END
    """,
    """
    CREATE TRIGGER ledger_is_never_cut BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END
    """,
    """
    CREATE TRIGGER ledger_grows_at_its_end BEFORE INSERT ON ledger
    WHEN NEW.seq <> (SELECT size FROM ledger_head)
    BEGIN SELECT RAISE(ABORT, 'the ledger grows at its end'); END
    """,
    """
    CREATE TRIGGER ledger_payloads_only_expire BEFORE UPDATE ON ledger_payloads
    WHEN NEW.seq <> OLD.seq OR NEW.body IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'a payload only expires'); END
    """,
    """
    CREATE TRIGGER ledger_payloads_are_never_cut BEFORE DELETE ON ledger_payloads
    BEGIN SELECT RAISE(ABORT, 'a payload only expires'); END
    """,
    """
    CREATE TRIGGER ledger_nodes_are_never_changed BEFORE UPDATE ON ledger_nodes
    BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END
    """,
    """
    CREATE TRIGGER ledger_nodes_are_never_cut BEFORE DELETE ON ledger_nodes
    BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END
    """,
    """
    CREATE TRIGGER ledger_head_only_grows BEFORE UPDATE ON ledger_head
    WHEN NEW.size <> OLD.size + 1
    BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END
    """,
    """
    CREATE TRIGGER ledger_head_stays BEFORE DELETE ON ledger_head
    BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END
    """,
    """
    CREATE TABLE alarms (
        alarm_id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        call_id TEXT,
        raised_at INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        times INTEGER NOT NULL DEFAULT 1 CHECK (times >= 1),
        cleared_at INTEGER
    ) STRICT
    """,
    "CREATE INDEX alarms_open ON alarms (kind) WHERE cleared_at IS NULL",
)
