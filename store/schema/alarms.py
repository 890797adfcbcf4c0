"""Alarms by cause, and whom they are about."""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = (
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
