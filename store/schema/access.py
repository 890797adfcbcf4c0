"""What people said to each other about a recording, what was drawn, and every time the door opened."""

from __future__ import annotations

from typing import Final

_RECORDING: Final = "recording_id TEXT NOT NULL REFERENCES recordings"

STATEMENTS: Final = (
    # One word of one person to another: asked for, given, denied, taken back. Nothing else changes.
    f"""
    CREATE TABLE words (
        word_id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('request', 'opening', 'approval', 'company', 'yes')),
        policy TEXT NOT NULL,
        {_RECORDING},
        giver TEXT NOT NULL,
        receiver TEXT NOT NULL CHECK (receiver <> giver),
        action TEXT NOT NULL,
        purpose TEXT NOT NULL,
        reason TEXT NOT NULL,
        asked_at INTEGER,
        lapses_at INTEGER,
        given_at INTEGER,
        until INTEGER,
        denied_at INTEGER,
        taken_back_at INTEGER,
        due_at INTEGER NOT NULL,
        CHECK ((asked_at IS NULL) = (lapses_at IS NULL)),
        CHECK ((given_at IS NULL) = (until IS NULL)),
        CHECK (asked_at IS NOT NULL OR given_at IS NOT NULL),
        CHECK (given_at IS NULL OR denied_at IS NULL)
    ) STRICT
    """,
    "CREATE INDEX words_by_recording ON words (recording_id)",
    "CREATE INDEX words_by_giver ON words (giver)",
    "CREATE INDEX words_by_receiver ON words (receiver)",
    "CREATE INDEX words_by_due ON words (due_at)",
    """
    CREATE TRIGGER words_say_what_they_said BEFORE UPDATE ON words
    WHEN NEW.kind <> OLD.kind OR NEW.recording_id <> OLD.recording_id OR NEW.giver <> OLD.giver
        OR NEW.receiver <> OLD.receiver OR NEW.action <> OLD.action OR NEW.purpose <> OLD.purpose
        OR (OLD.given_at IS NOT NULL AND NEW.given_at IS NOT OLD.given_at)
        OR (OLD.denied_at IS NOT NULL AND NEW.denied_at IS NOT OLD.denied_at)
        OR (OLD.taken_back_at IS NOT NULL AND NEW.taken_back_at IS NOT OLD.taken_back_at)
    BEGIN SELECT RAISE(ABORT, 'a word is given once, and taken back once'); END
    """,
    # A part of a key that a giver passed on to the receiver alone, wrapped as envelopes are. It
    # does not move with them: where its epoch key goes early, it is asked for again.
    """
    CREATE TABLE passed_shares (
        word_id INTEGER NOT NULL REFERENCES words ON DELETE CASCADE,
        path TEXT NOT NULL,
        role TEXT NOT NULL,
        epoch_key TEXT NOT NULL,
        wrapped BLOB NOT NULL,
        PRIMARY KEY (word_id, path, role)
    ) STRICT
    """,
    """
    CREATE TRIGGER passed_shares_go_with_the_key AFTER UPDATE OF intended_at ON recordings
    WHEN NEW.intended_at IS NOT NULL
    BEGIN
        DELETE FROM passed_shares
        WHERE word_id IN (SELECT word_id FROM words WHERE recording_id = NEW.recording_id);
    END
    """,
    """
    CREATE TABLE draws (
        draw_id INTEGER PRIMARY KEY,
        policy TEXT NOT NULL,
        purpose TEXT NOT NULL,
        drawn_by TEXT NOT NULL,
        seed BLOB NOT NULL CHECK (length(seed) = 32),
        population INTEGER NOT NULL CHECK (population >= 0),
        population_sha256 TEXT NOT NULL CHECK (length(population_sha256) = 64),
        drawn_at INTEGER NOT NULL,
        until INTEGER NOT NULL,
        due_at INTEGER NOT NULL
    ) STRICT
    """,
    f"""
    CREATE TABLE draw_picks (
        draw_id INTEGER NOT NULL REFERENCES draws ON DELETE CASCADE,
        {_RECORDING},
        agent TEXT NOT NULL,
        PRIMARY KEY (draw_id, recording_id)
    ) STRICT
    """,
    "CREATE INDEX draw_picks_by_recording ON draw_picks (recording_id)",
    # A data subject's request of which identity and call were confirmed.
    f"""
    CREATE TABLE confirmations (
        confirmation_id INTEGER PRIMARY KEY,
        {_RECORDING},
        reference TEXT NOT NULL,
        confirmed_by TEXT NOT NULL,
        confirmed_at INTEGER NOT NULL,
        until INTEGER NOT NULL,
        due_at INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE INDEX confirmations_by_recording ON confirmations (recording_id)",
    f"""
    CREATE TABLE accesses (
        access_id TEXT PRIMARY KEY CHECK (length(access_id) = 32),
        {_RECORDING},
        policy TEXT NOT NULL,
        person TEXT NOT NULL,
        login TEXT NOT NULL,
        role TEXT NOT NULL,
        company TEXT NOT NULL,
        action TEXT NOT NULL,
        purpose TEXT NOT NULL,
        reason TEXT NOT NULL,
        case_number TEXT,
        rule TEXT NOT NULL,
        released_at INTEGER NOT NULL,
        entry INTEGER NOT NULL,
        ended_at INTEGER,
        ending TEXT CHECK (ending IN ('complete', 'failed', 'not_told')),
        copies TEXT NOT NULL DEFAULT '[]',
        due_at INTEGER NOT NULL,
        CHECK ((ended_at IS NULL) = (ending IS NULL))
    ) STRICT
    """,
    "CREATE INDEX accesses_by_recording ON accesses (recording_id)",
    "CREATE INDEX accesses_open ON accesses (access_id) WHERE ended_at IS NULL",
    "CREATE INDEX accesses_by_due ON accesses (due_at)",
    # A part of a recording that is to go: what was handed in to take its place.
    f"""
    CREATE TABLE part_erasures (
        part_id INTEGER PRIMARY KEY,
        {_RECORDING},
        from_ms INTEGER NOT NULL CHECK (from_ms >= 0),
        to_ms INTEGER NOT NULL CHECK (to_ms > from_ms),
        person TEXT NOT NULL,
        sealed_bytes INTEGER NOT NULL,
        sealed_sha256 TEXT NOT NULL CHECK (length(sealed_sha256) = 64),
        envelopes TEXT,
        intended_at INTEGER NOT NULL,
        erased_at INTEGER,
        CHECK ((envelopes IS NULL) = (erased_at IS NOT NULL))
    ) STRICT
    """,
    "CREATE INDEX part_erasures_by_recording ON part_erasures (recording_id)",
)
