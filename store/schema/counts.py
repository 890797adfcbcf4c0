"""How many calls passed a gate unasked: a number for each policy, day and kind (N1)."""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = (
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
