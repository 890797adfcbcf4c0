"""Recordings, the keys they are sealed to, and the slots that guard those."""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = (
    """
    CREATE TABLE recordings (
        recording_id TEXT PRIMARY KEY
            CHECK (length(recording_id) = 32 AND recording_id NOT GLOB '*[^0-9a-f]*'),
        call_id TEXT NOT NULL REFERENCES calls,
        policy TEXT NOT NULL,
        policy_hash TEXT NOT NULL REFERENCES policy_versions,
        state TEXT NOT NULL CHECK (state IN ('recording', 'captured', 'sealed', 'empty',
            'withdrawn', 'purging', 'purged', 'lost')),
        started_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        due_rule TEXT NOT NULL,
        epoch_length TEXT NOT NULL CHECK (epoch_length IN ('day', 'hour')),
        bridged_at INTEGER,
        bridge_id TEXT,
        captured_at INTEGER,
        duration_ms INTEGER,
        quarantined_at INTEGER,
        problem TEXT,
        sealed_at INTEGER,
        sealed_bytes INTEGER,
        sealed_sha256 TEXT CHECK (length(sealed_sha256) = 64),
        content_type TEXT,
        lost_at INTEGER,
        intended_at INTEGER,
        withdrawn_by TEXT CHECK (withdrawn_by IN ('caller_key', 'agent_key', 'operator',
            'second_gate', 'dialplan')),
        erased_at INTEGER,
        erased_because TEXT CHECK (erased_because IN ('due', 'withdrawn', 'request', 'objection',
            'out_of_scope', 'incident_dropped', 'controller_lost', 'empty', 'ghost')),
        lateness_ms INTEGER CHECK (lateness_ms >= 0),
        CHECK ((state IN ('withdrawn', 'purging', 'purged', 'empty')) = (intended_at IS NOT NULL)),
        CHECK ((bridged_at IS NULL) = (bridge_id IS NULL)),
        CHECK ((intended_at IS NULL) = (erased_because IS NULL)),
        CHECK (erased_at IS NULL OR intended_at IS NOT NULL),
        CHECK (state <> 'purged' OR erased_at IS NOT NULL),
        CHECK (state <> 'sealed' OR (sealed_at IS NOT NULL AND sealed_sha256 IS NOT NULL))
    ) STRICT
    """,
    "CREATE INDEX recordings_by_call ON recordings (call_id)",
    "CREATE INDEX recordings_unsealed ON recordings (state) WHERE state IN ('recording', 'captured')",
    "CREATE INDEX recordings_by_due ON recordings (due_at) WHERE erased_at IS NULL",
    # I1, said once more where no code path can go round it.
    """
    CREATE TRIGGER recordings_need_a_permitting_decision BEFORE INSERT ON recordings
    WHEN NOT EXISTS (SELECT 1 FROM decisions WHERE recording_id = NEW.recording_id
        AND call_id = NEW.call_id AND outcome IN ('not_refused', 'accepted', 'announced'))
    BEGIN SELECT RAISE(ABORT, 'no decision permits this recording'); END
    """,
    """
    CREATE TRIGGER recordings_stay_erased BEFORE UPDATE ON recordings
    WHEN OLD.erased_at IS NOT NULL AND (NEW.erased_at IS NOT OLD.erased_at OR NEW.state <> OLD.state)
    BEGIN SELECT RAISE(ABORT, 'an erased recording stays erased'); END
    """,
    """
    CREATE TABLE reading_keys (
        key_id TEXT PRIMARY KEY,
        policy TEXT NOT NULL,
        public_half BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        retired_at INTEGER
    ) STRICT
    """,
    "CREATE UNIQUE INDEX reading_keys_in_use ON reading_keys (policy) WHERE retired_at IS NULL",
    """
    CREATE TABLE key_slots (
        key_id TEXT NOT NULL REFERENCES reading_keys,
        person TEXT NOT NULL,
        salt BLOB NOT NULL,
        n INTEGER NOT NULL,
        r INTEGER NOT NULL,
        p INTEGER NOT NULL,
        wrapped BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        PRIMARY KEY (key_id, person)
    ) STRICT
    """,
    """
    CREATE TABLE envelopes (
        recording_id TEXT NOT NULL REFERENCES recordings,
        key_id TEXT NOT NULL REFERENCES reading_keys,
        epoch_key TEXT NOT NULL,
        wrapped BLOB NOT NULL,
        PRIMARY KEY (recording_id, key_id)
    ) STRICT
    """,
    "CREATE INDEX envelopes_by_epoch_key ON envelopes (epoch_key)",
)
