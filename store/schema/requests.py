"""Requests of data subjects: what they asked, the calls it may be about, and what was decided."""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = (
    # Neither name nor address of who asked: those lie with the organisation, under `reference`.
    """
    CREATE TABLE requests (
        request_id INTEGER PRIMARY KEY,
        reference TEXT NOT NULL UNIQUE,
        policy TEXT NOT NULL,
        policy_hash TEXT NOT NULL REFERENCES policy_versions,
        "right" TEXT NOT NULL CHECK ("right" IN ('access', 'rectification', 'erasure', 'restriction',
            'objection', 'portability', 'withdrawal')),
        party TEXT NOT NULL CHECK (party IN ('caller', 'agent')),
        on_behalf TEXT,
        language TEXT NOT NULL CHECK (language IN ('nl', 'en')),
        number_masked TEXT,
        since INTEGER,
        before INTEGER,
        agent TEXT,
        matched_salt BLOB NOT NULL CHECK (length(matched_salt) = 32),
        received_on TEXT NOT NULL,
        taken_at INTEGER NOT NULL,
        taken_by TEXT NOT NULL,
        stage TEXT NOT NULL CHECK (stage IN ('received', 'awaiting_identity', 'identified',
            'not_identified', 'fulfilled', 'refused', 'closed')),
        decide_by TEXT NOT NULL,
        keeps_until INTEGER,
        paused_at INTEGER,
        paused_days INTEGER NOT NULL DEFAULT 0 CHECK (paused_days >= 0),
        identity_check TEXT,
        identity_by TEXT,
        identity_at INTEGER,
        extended_at INTEGER,
        extended_by TEXT,
        extended_why TEXT,
        decided_at INTEGER,
        decided_by TEXT,
        ground TEXT,
        why TEXT,
        due_at INTEGER,
        CHECK ((stage = 'awaiting_identity') = (paused_at IS NOT NULL)),
        CHECK ((stage IN ('fulfilled', 'refused', 'closed')) = (decided_at IS NOT NULL)),
        CHECK ((decided_at IS NULL) = (decided_by IS NULL)),
        CHECK ((stage = 'refused') = (ground IS NOT NULL)),
        CHECK ((decided_at IS NULL) = (due_at IS NULL)),
        CHECK (stage NOT IN ('identified', 'fulfilled') OR identity_at IS NOT NULL)
    ) STRICT
    """,
    "CREATE INDEX requests_open ON requests (decide_by) WHERE decided_at IS NULL",
    "CREATE INDEX requests_by_due ON requests (due_at) WHERE due_at IS NOT NULL",
    """
    CREATE TRIGGER requests_are_decided_once BEFORE UPDATE ON requests
    WHEN OLD.decided_at IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'a request is decided once'); END
    """,
    # A recording that a request may be about. While `keeps` runs, it is kept and nobody is told.
    """
    CREATE TABLE request_calls (
        request_id INTEGER NOT NULL REFERENCES requests ON DELETE CASCADE,
        recording_id TEXT NOT NULL REFERENCES recordings,
        keeps INTEGER NOT NULL CHECK (keeps IN (0, 1)),
        placed_at INTEGER NOT NULL,
        until_at INTEGER NOT NULL CHECK (until_at > placed_at),
        over_at INTEGER CHECK (over_at BETWEEN placed_at AND until_at),
        confirmed_at INTEGER,
        confirmed_by TEXT,
        named_at INTEGER,
        matter TEXT,
        rejected_at INTEGER,
        hold_id INTEGER REFERENCES holds ON DELETE SET NULL,
        PRIMARY KEY (request_id, recording_id),
        CHECK (confirmed_at IS NULL OR rejected_at IS NULL),
        CHECK ((confirmed_at IS NULL) = (confirmed_by IS NULL)),
        CHECK ((confirmed_at IS NULL) = (named_at IS NULL)),
        CHECK ((confirmed_at IS NULL) = (matter IS NULL))
    ) STRICT
    """,
    "CREATE INDEX request_calls_by_recording ON request_calls (recording_id)",
    """
    CREATE TRIGGER request_calls_come_before_the_end BEFORE INSERT ON request_calls
    WHEN EXISTS (SELECT 1 FROM recordings WHERE recording_id = NEW.recording_id AND intended_at IS NOT NULL)
    BEGIN SELECT RAISE(ABORT, 'no hold once erasure began'); END
    """,
    """
    CREATE TRIGGER request_calls_only_end BEFORE UPDATE ON request_calls
    WHEN NEW.keeps <> OLD.keeps OR NEW.placed_at <> OLD.placed_at OR NEW.until_at <> OLD.until_at
        OR (OLD.over_at IS NOT NULL AND NEW.over_at IS NOT OLD.over_at)
    BEGIN SELECT RAISE(ABORT, 'what a request keeps only ends'); END
    """,
    # What was put right: the old value stays in the file of the request, for that file's term.
    """
    CREATE TABLE rectifications (
        rectification_id INTEGER PRIMARY KEY,
        request_id INTEGER NOT NULL REFERENCES requests ON DELETE CASCADE,
        call_id TEXT NOT NULL REFERENCES calls,
        field TEXT NOT NULL CHECK (field IN ('caller', 'statement')),
        old TEXT,
        old_sealed BLOB,
        new TEXT NOT NULL,
        rectified_at INTEGER NOT NULL,
        rectified_by TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX rectifications_by_call ON rectifications (call_id)",
    # As in `keeping`, and one more that keeps: a request that came in time.
    "DROP TRIGGER recordings_are_kept_by_something",
    """
    CREATE TRIGGER recordings_are_kept_by_something BEFORE UPDATE OF due_at ON recordings
    WHEN NEW.due_at > NEW.promised_at
        AND NOT EXISTS (SELECT 1 FROM extensions WHERE recording_id = NEW.recording_id
            AND until_at >= NEW.due_at)
        AND NOT EXISTS (SELECT 1 FROM holds WHERE recording_id = NEW.recording_id
            AND coalesce(over_at, until_at) >= NEW.due_at)
        AND NOT EXISTS (SELECT 1 FROM request_calls WHERE recording_id = NEW.recording_id
            AND keeps = 1 AND coalesce(over_at, until_at) >= NEW.due_at)
    BEGIN SELECT RAISE(ABORT, 'nothing keeps this recording so long'); END
    """,
)
