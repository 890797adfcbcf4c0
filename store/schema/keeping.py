"""What keeps a recording and until when, what closes it, and the incidents behind both."""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = (
    "ALTER TABLE recordings ADD COLUMN promised_at INTEGER NOT NULL DEFAULT 0",
    "UPDATE recordings SET promised_at = due_at",
    """
    CREATE TRIGGER recordings_begin_as_promised BEFORE INSERT ON recordings
    WHEN NEW.promised_at <> NEW.due_at
    BEGIN SELECT RAISE(ABORT, 'a recording begins with the end it was promised'); END
    """,
    """
    CREATE TRIGGER recordings_promise_no_longer BEFORE UPDATE ON recordings
    WHEN NEW.promised_at > OLD.promised_at
    BEGIN SELECT RAISE(ABORT, 'a promise is never lengthened'); END
    """,
    """
    CREATE TABLE holds (
        hold_id INTEGER PRIMARY KEY,
        recording_id TEXT NOT NULL REFERENCES recordings,
        reason TEXT NOT NULL,
        deviates INTEGER NOT NULL CHECK (deviates IN (0, 1)),
        decided_by TEXT NOT NULL,
        role TEXT NOT NULL,
        why TEXT NOT NULL,
        placed_at INTEGER NOT NULL,
        until_at INTEGER NOT NULL CHECK (until_at > placed_at),
        over_at INTEGER CHECK (over_at BETWEEN placed_at AND until_at),
        released_by TEXT,
        CHECK (released_by IS NULL OR over_at IS NOT NULL)
    ) STRICT
    """,
    "CREATE INDEX holds_by_recording ON holds (recording_id)",
    "CREATE INDEX holds_running ON holds (until_at) WHERE over_at IS NULL",
    """
    CREATE TRIGGER holds_come_before_the_end BEFORE INSERT ON holds
    WHEN EXISTS (SELECT 1 FROM recordings WHERE recording_id = NEW.recording_id AND intended_at IS NOT NULL)
    BEGIN SELECT RAISE(ABORT, 'no hold once erasure began'); END
    """,
    """
    CREATE TRIGGER holds_only_end BEFORE UPDATE ON holds
    WHEN OLD.over_at IS NOT NULL OR NEW.recording_id <> OLD.recording_id OR NEW.reason <> OLD.reason
        OR NEW.placed_at <> OLD.placed_at OR NEW.until_at <> OLD.until_at
    BEGIN SELECT RAISE(ABORT, 'a hold only ends'); END
    """,
    """
    CREATE TABLE extensions (
        recording_id TEXT PRIMARY KEY REFERENCES recordings,
        name TEXT NOT NULL,
        decided_by TEXT NOT NULL,
        role TEXT NOT NULL,
        why TEXT NOT NULL,
        decided_at INTEGER NOT NULL,
        until_at INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TRIGGER extensions_are_given_once BEFORE UPDATE ON extensions
    BEGIN SELECT RAISE(ABORT, 'an extension is given once'); END
    """,
    # Said once more where no code path can go round it: nothing is kept that nothing keeps.
    """
    CREATE TRIGGER recordings_are_kept_by_something BEFORE UPDATE OF due_at ON recordings
    WHEN NEW.due_at > NEW.promised_at
        AND NOT EXISTS (SELECT 1 FROM extensions WHERE recording_id = NEW.recording_id
            AND until_at >= NEW.due_at)
        AND NOT EXISTS (SELECT 1 FROM holds WHERE recording_id = NEW.recording_id
            AND coalesce(over_at, until_at) >= NEW.due_at)
    BEGIN SELECT RAISE(ABORT, 'nothing keeps this recording so long'); END
    """,
    """
    CREATE TABLE closures (
        closure_id INTEGER PRIMARY KEY,
        recording_id TEXT NOT NULL REFERENCES recordings,
        closure TEXT NOT NULL CHECK (closure IN ('restricted', 'objected')),
        because TEXT NOT NULL,
        closed_by TEXT NOT NULL,
        closed_at INTEGER NOT NULL,
        lifted_at INTEGER CHECK (lifted_at >= closed_at),
        lifted_by TEXT,
        CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
    ) STRICT
    """,
    "CREATE UNIQUE INDEX closures_open ON closures (recording_id, closure) WHERE lifted_at IS NULL",
    """
    CREATE TABLE incidents (
        incident_id INTEGER PRIMARY KEY,
        recording_id TEXT NOT NULL UNIQUE REFERENCES recordings,
        call_id TEXT NOT NULL REFERENCES calls,
        policy TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('aggression', 'misconduct', 'threat', 'exceptional')),
        stage TEXT NOT NULL CHECK (stage IN ('flagged', 'kept', 'dropped', 'lapsed')),
        flagged_by TEXT NOT NULL,
        flagged_role TEXT NOT NULL,
        flagged_at INTEGER NOT NULL,
        assess_by_at INTEGER NOT NULL,
        assessed_by TEXT,
        assessed_role TEXT,
        assessed_at INTEGER,
        reason TEXT,
        closed_at INTEGER,
        data_due_at INTEGER,
        CHECK ((stage IN ('kept', 'dropped')) = (assessed_at IS NOT NULL)),
        CHECK ((assessed_at IS NULL) = (assessed_by IS NULL)),
        CHECK ((assessed_at IS NULL) = (assessed_role IS NULL)),
        CHECK ((assessed_at IS NULL) = (reason IS NULL)),
        CHECK (stage <> 'lapsed' OR closed_at IS NOT NULL),
        CHECK (data_due_at IS NULL OR closed_at IS NOT NULL)
    ) STRICT
    """,
    "CREATE INDEX incidents_open ON incidents (assess_by_at) WHERE closed_at IS NULL",
    """
    CREATE TRIGGER incidents_are_assessed_once BEFORE UPDATE ON incidents
    WHEN OLD.stage <> 'flagged' AND NEW.stage <> OLD.stage
    BEGIN SELECT RAISE(ABORT, 'an incident is assessed once'); END
    """,
)
