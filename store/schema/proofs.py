"""Failed proofs of a passphrase in a row, so that a restart of the daemon does not forget them."""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = (
    # beside: at whose login they sat; '' for their own, which has no id.
    """
    CREATE TABLE proof_failures (
        person TEXT NOT NULL REFERENCES person_keys (person) ON DELETE CASCADE,
        beside TEXT NOT NULL,
        in_a_row INTEGER NOT NULL CHECK (in_a_row >= 1),
        last_at INTEGER NOT NULL,
        PRIMARY KEY (person, beside)
    ) STRICT, WITHOUT ROWID
    """,
)
