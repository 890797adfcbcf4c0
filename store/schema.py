"""The tables, as numbered migrations that are never edited once they have run anywhere.

Every table is STRICT, every closed set is a CHECK, and what may only grow is guarded by
triggers: a slip of our own is stopped here, while a person with the file in hand is found
by `ledger.verify`. Times are Unix milliseconds. Migrations only add; SQL is written out.
"""

from __future__ import annotations

from typing import Final

from sqlite_utils import Database, Migrations

migrations: Final = Migrations("consentline")

_EVIDENCE: Final = (
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

_RECORDINGS: Final = (
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

_LEDGER: Final = (
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

_ALARMS: Final = (
    "ALTER TABLE alarms ADD COLUMN cause TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE alarms ADD COLUMN told_at INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE alarms ADD COLUMN is_told INTEGER NOT NULL DEFAULT 1 CHECK (is_told IN (0, 1))",
    "ALTER TABLE alarms ADD COLUMN settled_by TEXT",
    "UPDATE alarms SET cause = text, told_at = raised_at",
    "CREATE INDEX alarms_by_cause ON alarms (kind, cause)",
    """
    CREATE TABLE alarm_subjects (
        subject TEXT NOT NULL,
        alarm_id INTEGER NOT NULL REFERENCES alarms ON DELETE CASCADE,
        PRIMARY KEY (subject, alarm_id)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX alarm_subjects_by_alarm ON alarm_subjects (alarm_id)",
)


_COUNTS: Final = (
    """
    CREATE TABLE counts (
        policy TEXT NOT NULL,
        day TEXT NOT NULL CHECK (day GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
        kind TEXT NOT NULL CHECK (kind IN ('inbound', 'outbound', 'call_back', 'internal')),
        number INTEGER NOT NULL CHECK (number >= 1),
        PRIMARY KEY (policy, day, kind)
    ) STRICT, WITHOUT ROWID
    """,
)


@migrations(name="0001_calls_and_decisions")
def _calls_and_decisions(database: Database) -> None:
    _run(database, _EVIDENCE)


@migrations(name="0002_recordings_and_keys")
def _recordings_and_keys(database: Database) -> None:
    _run(database, _RECORDINGS)


@migrations(name="0003_ledger_and_alarms")
def _ledger_and_alarms(database: Database) -> None:
    _run(database, _LEDGER)


@migrations(name="0004_alarms_by_cause")
def _alarms_by_cause(database: Database) -> None:
    _run(database, _ALARMS)


@migrations(name="0005_counts")
def _counts(database: Database) -> None:
    _run(database, _COUNTS)


def _run(database: Database, statements: tuple[str, ...]) -> None:
    for statement in statements:
        database.execute(statement)
