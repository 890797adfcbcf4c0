"""Calls, decisions, and the policies and notices that were in force."""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = (
    """
    CREATE TABLE settings (
        name TEXT PRIMARY KEY,
        value BLOB NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE policy_versions (
        content_hash TEXT PRIMARY KEY CHECK (length(content_hash) = 64),
        name TEXT NOT NULL,
        text BLOB NOT NULL,
        first_used_at INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE notice_versions (
        text_hash TEXT PRIMARY KEY CHECK (length(text_hash) = 64),
        words TEXT NOT NULL,
        language TEXT NOT NULL CHECK (length(language) = 2),
        first_used_at INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE calls (
        call_id TEXT PRIMARY KEY,
        number TEXT,
        policy TEXT,
        policy_hash TEXT REFERENCES policy_versions,
        way TEXT NOT NULL CHECK (way IN ('ari', 'agi', 'mark')),
        channel TEXT,
        language TEXT,
        caller_sealed BLOB,
        caller_key_id TEXT REFERENCES reading_keys (key_id),
        caller_tag BLOB,
        caller_masked TEXT,
        started_at INTEGER NOT NULL,
        ended_at INTEGER,
        outcome TEXT CHECK (outcome IN ('not_refused', 'accepted', 'announced', 'refused',
            'notice_incomplete', 'caller_gone', 'gate_unavailable', 'out_of_scope', 'error')),
        data_due_at INTEGER NOT NULL,
        data_erased_at INTEGER,
        CHECK (data_erased_at IS NULL OR (number IS NULL AND channel IS NULL AND language IS NULL
            AND caller_sealed IS NULL AND caller_tag IS NULL AND caller_masked IS NULL))
    ) STRICT
    """,
    "CREATE INDEX calls_going_on ON calls (call_id) WHERE ended_at IS NULL",
    "CREATE INDEX calls_by_start ON calls (started_at)",
    "CREATE INDEX calls_by_caller ON calls (caller_tag) WHERE caller_tag IS NOT NULL",
    "CREATE INDEX calls_by_due ON calls (data_due_at) WHERE data_erased_at IS NULL",
    """
    CREATE TABLE decisions (
        decision_id INTEGER PRIMARY KEY,
        call_id TEXT NOT NULL REFERENCES calls,
        outcome TEXT NOT NULL CHECK (outcome IN ('not_refused', 'accepted', 'announced', 'refused',
            'notice_incomplete', 'caller_gone', 'gate_unavailable', 'out_of_scope', 'error')),
        policy_hash TEXT REFERENCES policy_versions,
        text_hash TEXT REFERENCES notice_versions,
        language TEXT,
        audio_sha256 TEXT CHECK (length(audio_sha256) = 64),
        prompt_duration_ms INTEGER,
        heard_ms INTEGER NOT NULL,
        finished INTEGER NOT NULL CHECK (finished IN (0, 1)),
        window_over INTEGER NOT NULL CHECK (window_over IN (0, 1)),
        digit TEXT,
        digit_offset_ms INTEGER,
        hung_up INTEGER NOT NULL CHECK (hung_up IN (0, 1)),
        recording_id TEXT UNIQUE,
        decided_at INTEGER NOT NULL,
        way TEXT NOT NULL CHECK (way IN ('ari', 'agi', 'mark')),
        CHECK (recording_id IS NULL OR outcome IN ('not_refused', 'accepted', 'announced')),
        CHECK (recording_id IS NULL OR audio_sha256 IS NOT NULL),
        UNIQUE (call_id, decided_at, outcome)
    ) STRICT
    """,
    """
    CREATE TRIGGER decisions_are_evidence BEFORE UPDATE ON decisions
    BEGIN SELECT RAISE(ABORT, 'a decision is never changed'); END
    """,
)
