"""What a draw was made of, the forms that were filled in about it, notes on agents, and calibration."""

from __future__ import annotations

from typing import Final

_RECORDING: Final = "recording_id TEXT NOT NULL REFERENCES recordings"

STATEMENTS: Final = (
    "ALTER TABLE draws ADD COLUMN per_agent INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE draws ADD COLUMN entry INTEGER",
    # All that could have been drawn, so that somebody else can draw again; its hash is on the ledger.
    """
    CREATE TABLE draw_population (
        draw_id INTEGER NOT NULL REFERENCES draws ON DELETE CASCADE,
        agent TEXT NOT NULL,
        recording_id TEXT NOT NULL,
        PRIMARY KEY (draw_id, agent, recording_id)
    ) STRICT, WITHOUT ROWID
    """,
    f"""
    CREATE TABLE calibrations (
        calibration_id INTEGER PRIMARY KEY,
        policy TEXT NOT NULL,
        purpose TEXT NOT NULL,
        {_RECORDING},
        draw_id INTEGER NOT NULL,
        agent TEXT NOT NULL,
        opened_by TEXT NOT NULL,
        reason TEXT NOT NULL,
        opened_at INTEGER NOT NULL,
        ended_at INTEGER CHECK (ended_at >= opened_at),
        ended_because TEXT CHECK (ended_because IN ('yes_taken_back', 'yes_over', 'recording_gone')),
        due_at INTEGER NOT NULL,
        CHECK ((ended_at IS NULL) = (ended_because IS NULL))
    ) STRICT
    """,
    "CREATE UNIQUE INDEX calibrations_open ON calibrations (recording_id, purpose) WHERE ended_at IS NULL",
    "CREATE INDEX calibrations_by_due ON calibrations (due_at)",
    """
    CREATE TABLE calibration_scorers (
        calibration_id INTEGER NOT NULL REFERENCES calibrations ON DELETE CASCADE,
        person TEXT NOT NULL,
        PRIMARY KEY (calibration_id, person)
    ) STRICT
    """,
    # A draw's row goes on a term of its own, so its number here is no reference.
    f"""
    CREATE TABLE review_forms (
        form_id INTEGER PRIMARY KEY,
        policy TEXT NOT NULL,
        purpose TEXT NOT NULL,
        {_RECORDING},
        draw_id INTEGER NOT NULL,
        calibration_id INTEGER REFERENCES calibrations ON DELETE CASCADE,
        agent TEXT NOT NULL,
        form TEXT NOT NULL CHECK (form IN ('5a', 'qm')),
        scored_by TEXT NOT NULL CHECK (scored_by <> agent),
        role TEXT NOT NULL,
        remark TEXT NOT NULL,
        filled_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL CHECK (due_at > filled_at)
    ) STRICT
    """,
    "CREATE UNIQUE INDEX review_forms_once ON review_forms"
    " (draw_id, recording_id, scored_by, coalesce(calibration_id, 0))",
    "CREATE INDEX review_forms_by_agent ON review_forms (agent)",
    "CREATE INDEX review_forms_by_due ON review_forms (due_at)",
    """
    CREATE TRIGGER review_forms_never_change BEFORE UPDATE ON review_forms
    BEGIN SELECT RAISE(ABORT, 'a form is filled in once, and then only goes'); END
    """,
    """
    CREATE TABLE review_scores (
        form_id INTEGER NOT NULL REFERENCES review_forms ON DELETE CASCADE,
        line INTEGER NOT NULL,
        criterion TEXT NOT NULL,
        on_content INTEGER NOT NULL CHECK (on_content IN (0, 1)),
        lowest INTEGER NOT NULL,
        highest INTEGER NOT NULL CHECK (highest > lowest),
        score INTEGER NOT NULL CHECK (score BETWEEN lowest AND highest),
        PRIMARY KEY (form_id, line)
    ) STRICT
    """,
    """
    CREATE TABLE development_notes (
        note_id INTEGER PRIMARY KEY,
        policy TEXT NOT NULL,
        agent TEXT NOT NULL,
        written_by TEXT NOT NULL CHECK (written_by <> agent),
        role TEXT NOT NULL,
        words TEXT NOT NULL,
        written_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL CHECK (due_at > written_at)
    ) STRICT
    """,
    "CREATE INDEX development_notes_by_agent ON development_notes (agent)",
    "CREATE INDEX development_notes_by_due ON development_notes (due_at)",
)
