"""People, their hats, the lines at which they answer, who held a call, and who was informed."""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = (
    """
    CREATE TABLE people (
        person_id TEXT PRIMARY KEY
            CHECK (length(person_id) <= 32 AND person_id GLOB '[a-z]*'
                AND person_id NOT GLOB '*[^a-z0-9._-]*'),
        name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
        login TEXT CHECK (length(login) BETWEEN 1 AND 64),
        added_at INTEGER NOT NULL,
        retired_at INTEGER
    ) STRICT
    """,
    "CREATE UNIQUE INDEX people_by_login ON people (login) WHERE login IS NOT NULL AND retired_at IS NULL",
    """
    CREATE TRIGGER people_who_retired_stay_so BEFORE UPDATE ON people
    WHEN OLD.retired_at IS NOT NULL AND NEW.retired_at IS NOT OLD.retired_at
    BEGIN SELECT RAISE(ABORT, 'who retired does not come back under the same id'); END
    """,
    """
    CREATE TABLE hats (
        hat_id INTEGER PRIMARY KEY,
        person_id TEXT NOT NULL REFERENCES people,
        policy TEXT NOT NULL,
        role TEXT NOT NULL,
        since INTEGER NOT NULL,
        until INTEGER,
        CHECK (until IS NULL OR until > since)
    ) STRICT
    """,
    "CREATE INDEX hats_by_person ON hats (person_id, policy)",
    "CREATE INDEX hats_by_role ON hats (policy, role)",
    """
    CREATE TABLE agent_lines (
        line_id INTEGER PRIMARY KEY,
        person_id TEXT NOT NULL REFERENCES people,
        kind TEXT NOT NULL CHECK (kind IN ('endpoint', 'queue_member', 'dialled')),
        address TEXT NOT NULL CHECK (length(address) BETWEEN 1 AND 80),
        matched TEXT NOT NULL,
        since INTEGER NOT NULL,
        until INTEGER,
        CHECK (until IS NULL OR until > since)
    ) STRICT
    """,
    "CREATE INDEX agent_lines_by_address ON agent_lines (kind, matched)",
    "CREATE INDEX agent_lines_by_person ON agent_lines (person_id)",
    # Said once more where no code path can go round it.
    """
    CREATE TRIGGER agent_lines_have_one_person BEFORE INSERT ON agent_lines
    WHEN EXISTS (SELECT 1 FROM agent_lines o WHERE o.kind = NEW.kind AND o.matched = NEW.matched
        AND o.line_id IS NOT NEW.line_id
        AND (o.until IS NULL OR o.until > NEW.since) AND (NEW.until IS NULL OR o.since < NEW.until))
    BEGIN SELECT RAISE(ABORT, 'two people on one line at one time'); END
    """,
    """
    CREATE TRIGGER agent_lines_keep_one_person BEFORE UPDATE ON agent_lines
    WHEN EXISTS (SELECT 1 FROM agent_lines o WHERE o.kind = NEW.kind AND o.matched = NEW.matched
        AND o.line_id IS NOT NEW.line_id
        AND (o.until IS NULL OR o.until > NEW.since) AND (NEW.until IS NULL OR o.since < NEW.until))
    BEGIN SELECT RAISE(ABORT, 'two people on one line at one time'); END
    """,
    """
    CREATE TABLE call_agents (
        span_id INTEGER PRIMARY KEY,
        call_id TEXT NOT NULL REFERENCES calls,
        channel_id TEXT NOT NULL,
        person_id TEXT REFERENCES people,
        since INTEGER NOT NULL,
        until INTEGER,
        CHECK (until IS NULL OR until >= since)
    ) STRICT
    """,
    "CREATE INDEX call_agents_by_call ON call_agents (call_id)",
    "CREATE INDEX call_agents_by_person ON call_agents (person_id, since) WHERE person_id IS NOT NULL",
    "CREATE UNIQUE INDEX call_agents_now ON call_agents (call_id, channel_id) WHERE until IS NULL",
    """
    CREATE TABLE call_agent_ways (
        span_id INTEGER NOT NULL REFERENCES call_agents ON DELETE CASCADE,
        kind TEXT NOT NULL CHECK (kind IN ('endpoint', 'queue_member', 'dialled')),
        matched TEXT NOT NULL,
        PRIMARY KEY (span_id, kind, matched)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX call_agent_ways_by_address ON call_agent_ways (kind, matched)",
    """
    CREATE TABLE informed (
        person_id TEXT NOT NULL REFERENCES people,
        policy TEXT NOT NULL,
        occasion TEXT NOT NULL CHECK (occasion IN ('first_day', 'work_meeting', 'development_talk')),
        told_on TEXT NOT NULL CHECK (told_on GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
        noted_at INTEGER NOT NULL,
        PRIMARY KEY (person_id, policy, occasion, told_on)
    ) STRICT, WITHOUT ROWID
    """,
)
