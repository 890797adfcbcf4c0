"""Who has to be told what; incidents as data; what leaves the house, and orders that demand it."""

from __future__ import annotations

from typing import Final

_RECORDING: Final = "recording_id TEXT NOT NULL REFERENCES recordings"

STATEMENTS: Final = (
    # An outbox: what is due is written here before anybody is told, and stays until they are.
    """
    CREATE TABLE notices (
        notice_id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('incident_flagged', 'incident_due', 'order_received', 'order_due',
            'handover_open', 'request_due', 'review_due')),
        policy TEXT NOT NULL,
        role TEXT NOT NULL,
        about INTEGER NOT NULL,
        deadline_at INTEGER NOT NULL,
        made_at INTEGER NOT NULL,
        sent_at INTEGER,
        dropped_at INTEGER,
        tries INTEGER NOT NULL DEFAULT 0,
        again_at INTEGER NOT NULL,
        problem TEXT,
        due_at INTEGER NOT NULL,
        UNIQUE (kind, policy, role, about, deadline_at),
        CHECK (sent_at IS NULL OR dropped_at IS NULL)
    ) STRICT
    """,
    "CREATE INDEX notices_waiting ON notices (again_at) WHERE sent_at IS NULL AND dropped_at IS NULL",
    "CREATE INDEX notices_by_due ON notices (due_at)",
    """
    CREATE TABLE registrations (
        incident_id INTEGER PRIMARY KEY REFERENCES incidents,
        happened_at INTEGER NOT NULL,
        place TEXT NOT NULL,
        aggression TEXT NOT NULL CHECK (aggression IN ('verbal', 'intimidation', 'threat', 'discrimination',
            'sexual', 'misconduct', 'other')),
        said TEXT NOT NULL,
        measures TEXT NOT NULL,
        report_filed INTEGER NOT NULL CHECK (report_filed IN (0, 1)),
        registered_by TEXT NOT NULL,
        registered_role TEXT NOT NULL,
        registered_at INTEGER NOT NULL,
        register_number TEXT,
        changed_by TEXT,
        changed_at INTEGER,
        CHECK ((changed_by IS NULL) = (changed_at IS NULL))
    ) STRICT
    """,
    f"""
    CREATE TABLE handovers (
        handover_id INTEGER PRIMARY KEY,
        policy TEXT NOT NULL,
        {_RECORDING},
        incident_id INTEGER,
        recipient TEXT NOT NULL CHECK (recipient IN ('police', 'third_party')),
        content TEXT NOT NULL CHECK (content IN ('data', 'audio')),
        purpose TEXT NOT NULL,
        authority TEXT NOT NULL,
        officer TEXT,
        legal_basis TEXT,
        report_number TEXT,
        agreement TEXT,
        reason TEXT NOT NULL,
        asked_by TEXT NOT NULL,
        asked_at INTEGER NOT NULL,
        second TEXT NOT NULL CHECK (second <> asked_by),
        word_id INTEGER NOT NULL,
        hold_id INTEGER,
        approved_at INTEGER,
        access_id TEXT,
        closed_at INTEGER,
        closed_by TEXT,
        outcome TEXT CHECK (outcome IN ('handed_over', 'abandoned')),
        how TEXT,
        due_at INTEGER,
        CHECK ((closed_at IS NULL) = (outcome IS NULL)),
        CHECK ((closed_at IS NULL) = (due_at IS NULL)),
        CHECK (access_id IS NULL OR approved_at IS NOT NULL)
    ) STRICT
    """,
    "CREATE INDEX handovers_by_recording ON handovers (recording_id)",
    "CREATE INDEX handovers_by_due ON handovers (due_at)",
    """
    CREATE TRIGGER handovers_say_what_they_said BEFORE UPDATE ON handovers
    WHEN OLD.closed_at IS NOT NULL OR NEW.recording_id <> OLD.recording_id OR NEW.recipient <> OLD.recipient
        OR NEW.content <> OLD.content OR NEW.authority <> OLD.authority OR NEW.asked_by <> OLD.asked_by
        OR NEW.second <> OLD.second OR NEW.legal_basis IS NOT OLD.legal_basis
        OR NEW.report_number IS NOT OLD.report_number OR NEW.agreement IS NOT OLD.agreement
    BEGIN SELECT RAISE(ABORT, 'a hand-over is what was approved, and closes once'); END
    """,
    f"""
    CREATE TABLE orders (
        order_id INTEGER PRIMARY KEY,
        policy TEXT NOT NULL,
        {_RECORDING},
        authority TEXT NOT NULL,
        reference TEXT NOT NULL,
        legal_basis TEXT NOT NULL,
        content TEXT NOT NULL CHECK (content IN ('data', 'audio')),
        answer_by_at INTEGER NOT NULL,
        registered_by TEXT NOT NULL,
        registered_role TEXT NOT NULL,
        registered_at INTEGER NOT NULL,
        hold_id INTEGER,
        finding TEXT,
        approved_by TEXT,
        approved_on TEXT,
        deviates_until INTEGER,
        deviation_by TEXT,
        deviation_at INTEGER,
        confirmed_by TEXT CHECK (confirmed_by <> deviation_by),
        confirmed_at INTEGER CHECK (confirmed_at >= deviation_at),
        access_id TEXT,
        closed_at INTEGER,
        closed_by TEXT,
        outcome TEXT CHECK (outcome IN ('handed_over', 'opposed', 'taken_back')),
        how TEXT,
        due_at INTEGER,
        CHECK ((deviation_at IS NULL) = (finding IS NULL)),
        CHECK ((confirmed_at IS NULL) = (confirmed_by IS NULL)),
        CHECK (confirmed_at IS NULL OR deviation_at IS NOT NULL),
        CHECK (access_id IS NULL OR confirmed_at IS NOT NULL),
        CHECK ((closed_at IS NULL) = (outcome IS NULL)),
        CHECK ((closed_at IS NULL) = (due_at IS NULL))
    ) STRICT
    """,
    "CREATE INDEX orders_by_recording ON orders (recording_id)",
    "CREATE INDEX orders_by_due ON orders (due_at)",
    """
    CREATE TRIGGER orders_say_what_they_said BEFORE UPDATE ON orders
    WHEN OLD.closed_at IS NOT NULL OR NEW.recording_id <> OLD.recording_id
        OR NEW.authority <> OLD.authority OR NEW.reference <> OLD.reference
        OR NEW.legal_basis <> OLD.legal_basis OR NEW.content <> OLD.content
        OR (OLD.confirmed_at IS NOT NULL AND (NEW.finding <> OLD.finding
            OR NEW.approved_by <> OLD.approved_by OR NEW.deviates_until <> OLD.deviates_until))
    BEGIN SELECT RAISE(ABORT, 'an order is what was received, its deviation what was confirmed'); END
    """,
)
