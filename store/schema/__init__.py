"""The tables, as numbered migrations that are never edited once they have run anywhere.

Every table is STRICT, every closed set is a CHECK, and what may only grow is guarded by
triggers: a slip of our own is stopped here, while a person with the file in hand is found
by `ledger.verify`. Times are Unix milliseconds. Migrations only add; SQL is written out,
one module a subject.
"""

from __future__ import annotations

from typing import Final

from sqlite_utils import Database, Migrations

from store.schema import (
    access,
    alarms,
    checkpoints,
    counts,
    evidence,
    handover,
    keeping,
    keys,
    ledger,
    pauses,
    people,
    proofs,
    recording_agents,
    recordings,
    reports,
    requests,
    reviews,
    terms,
)

IN_ORDER: Final = (
    ("0001_calls_and_decisions", evidence.STATEMENTS),
    ("0002_recordings_and_keys", recordings.STATEMENTS),
    ("0003_ledger_and_alarms", ledger.STATEMENTS),
    ("0004_alarms_by_cause", alarms.STATEMENTS),
    ("0005_counts", counts.STATEMENTS),
    ("0006_keeping", keeping.STATEMENTS),
    ("0007_people", people.STATEMENTS),
    ("0008_keys", keys.STATEMENTS),
    ("0009_access", access.STATEMENTS),
    ("0010_checkpoints", checkpoints.STATEMENTS),
    ("0011_terms", terms.STATEMENTS),
    ("0012_recording_agents", recording_agents.STATEMENTS),
    ("0014_proofs", proofs.STATEMENTS),
    ("0015_requests", requests.STATEMENTS),
    ("0016_pauses", pauses.STATEMENTS),
    ("0017_handover", handover.STATEMENTS),
    ("0018_reviews", reviews.STATEMENTS),
    ("0019_reports", reports.STATEMENTS),
)
"""What every database went through, in this order."""

_FIRST: Final = {"0008_keys": keys.must_be_new}
"""What is looked at before a migration; it refuses what cannot be carried over."""

migrations: Final = Migrations("consentline")


def _register(name: str, statements: tuple[str, ...]) -> None:
    @migrations(name=name)
    def run(database: Database) -> None:
        if name in _FIRST:
            _FIRST[name](database)
        for statement in statements:
            database.execute(statement)


for _name, _statements in IN_ORDER:
    _register(_name, _statements)
