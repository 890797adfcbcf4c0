"""Stretches of a recording in which nothing may be heard: a number was spoken."""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = (
    # Samples are those that the spool's files held when the key was taken; the writer holds back a little.
    """
    CREATE TABLE pauses (
        pause_id INTEGER PRIMARY KEY,
        recording_id TEXT NOT NULL REFERENCES recordings,
        paused_at INTEGER NOT NULL,
        from_sample INTEGER NOT NULL CHECK (from_sample >= 0),
        resumed_at INTEGER,
        until_sample INTEGER CHECK (until_sample >= from_sample),
        lasted_ms INTEGER CHECK (lasted_ms >= 0),
        because TEXT CHECK (because IN ('key', 'time', 'agent_left')),
        muted INTEGER NOT NULL DEFAULT 0 CHECK (muted IN (0, 1)),
        CHECK ((resumed_at IS NULL) = (because IS NULL)),
        CHECK ((resumed_at IS NULL) = (until_sample IS NULL)),
        CHECK ((resumed_at IS NULL) = (lasted_ms IS NULL))
    ) STRICT
    """,
    "CREATE INDEX pauses_by_recording ON pauses (recording_id)",
    "CREATE UNIQUE INDEX pauses_one_at_a_time ON pauses (recording_id) WHERE resumed_at IS NULL",
    """
    CREATE TRIGGER pauses_end_once BEFORE UPDATE ON pauses WHEN OLD.resumed_at IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'a pause ends once'); END
    """,
)
