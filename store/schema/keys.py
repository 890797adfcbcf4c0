"""People's own keys, the reading keys of roles, who holds them, and envelopes by path."""

from __future__ import annotations

from typing import Final

from sqlite_utils import Database

from policy.errors import StateConflict

STATEMENTS: Final = (
    "DROP TABLE envelopes",
    "DROP TABLE key_slots",
    "ALTER TABLE calls DROP COLUMN caller_key_id",
    "DROP TABLE reading_keys",
    """
    CREATE TABLE reading_keys (
        key_id TEXT PRIMARY KEY CHECK (length(key_id) = 64),
        policy TEXT NOT NULL,
        role TEXT NOT NULL CHECK (role <> '' AND role NOT GLOB '*[^a-z0-9_]*'),
        public_half BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        retired_at INTEGER
    ) STRICT
    """,
    "CREATE UNIQUE INDEX reading_keys_in_use ON reading_keys (policy, role) WHERE retired_at IS NULL",
    """
    CREATE TABLE key_paths (
        policy TEXT NOT NULL,
        purpose TEXT NOT NULL CHECK (purpose IN ('recording', 'caller-number')),
        path TEXT NOT NULL CHECK (path <> '' AND path NOT GLOB '*[^a-z0-9_+]*'),
        PRIMARY KEY (policy, purpose, path)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE person_keys (
        person TEXT PRIMARY KEY REFERENCES people (person_id),
        key_id TEXT NOT NULL UNIQUE CHECK (length(key_id) = 64),
        public_half BLOB NOT NULL,
        salt BLOB NOT NULL,
        n INTEGER NOT NULL,
        r INTEGER NOT NULL,
        p INTEGER NOT NULL,
        wrapped BLOB NOT NULL,
        enrolled_at INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE key_grants (
        key_id TEXT NOT NULL REFERENCES reading_keys,
        person TEXT NOT NULL REFERENCES person_keys,
        sealed BLOB NOT NULL,
        is_custodian INTEGER NOT NULL CHECK (is_custodian IN (0, 1)),
        granted_at INTEGER NOT NULL,
        PRIMARY KEY (key_id, person)
    ) STRICT
    """,
    "CREATE INDEX key_grants_by_person ON key_grants (person)",
    """
    CREATE TABLE envelopes (
        recording_id TEXT NOT NULL REFERENCES recordings,
        path TEXT NOT NULL,
        role TEXT NOT NULL,
        key_id TEXT NOT NULL REFERENCES reading_keys,
        epoch_key TEXT NOT NULL,
        wrapped BLOB NOT NULL,
        PRIMARY KEY (recording_id, path, role)
    ) STRICT
    """,
    "CREATE INDEX envelopes_by_epoch_key ON envelopes (epoch_key)",
    "CREATE INDEX envelopes_by_key ON envelopes (key_id, recording_id, path, role)",
)


def must_be_new(database: Database) -> None:
    """Refuse a database whose recordings were sealed before roles had keys of their own.

    Only a person with their passphrase could re-seal those, and no migration has one.

    Raises:
        StateConflict: If there is a reading key of that kind.
    """
    (count,) = database.execute("SELECT count(*) FROM reading_keys").fetchone()
    if count:
        raise StateConflict(
            "database: was made before each role had a key of its own, and cannot be carried over",
            hint="export what is needed with the version that made it, then make a new installation: init",
        )
