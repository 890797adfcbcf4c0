"""The last end of every payload of the ledger, whatever it is about and whenever it was written.

What is about a call goes with the call's data (`store/retention/call_data.py`), or on the term
that its policy gives the ledger (`store/records/evidence_terms.py`), counted from the call. Here
is what those do not reach: entries about people, keys and alarms, which are the installation's
own and keep to the longest of its policies' terms; and what was told of a call after its data had
gone. It counts from the entry, and nothing goes before the recording that it is about.

What the tree is proven with has no term: checkpoints, the keys that sign them, and what says
that payloads expired. A new entry is given its term by the next purge, which writes the moment
down; a change of the policy afterwards does not lengthen it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from policy.clock import from_ms, to_ms
from policy.errors import ConfigError, StateConflict
from policy.model import Policy
from policy.retention import DataKind
from store import settings
from store.db import Db, Tx
from store.logbook import ledger
from store.records import versions
from store.steps import Step, straight_on

BATCH: Final = 2000
BECAUSE: Final = "retention.ledger_payloads"
_LASTING: Final = frozenset(kind.value for kind in ledger.LASTING)

_OVER: Final = """
    SELECT seq FROM ledger_terms t JOIN ledger_payloads p USING (seq)
    WHERE due_at <= ? AND NOT EXISTS (SELECT 1 FROM recordings r
        WHERE (r.recording_id = p.subject OR r.call_id = p.subject) AND r.erased_at IS NULL)
    LIMIT ?
"""
_GIVEN_UNTIL: Final = "ledger_terms_given_until"
_TO_FORGET: Final = "ledger_payloads_to_forget"


def run(db: Db, at: datetime, *, step: Step = straight_on) -> int:
    """Give new entries their term, and erase what is over; again is harmless.

    Returns:
        How many payloads went; on return no file holds them.

    Raises:
        DestructionIncomplete: If the write-ahead log still holds them; running again is safe.
    """
    step("give entries of the ledger their term")
    give(db)
    gone = _expire(db, at, step)
    if settings.get(db, _TO_FORGET) is not None:
        step("forget payloads of the ledger")
        db.forget_deleted()
        with db.write() as tx:
            settings.drop(tx, _TO_FORGET)
    return gone


def give(db: Db) -> None:
    """Write down when each new entry's payload has to be gone."""
    terms = _Terms(db=db)
    size = ledger.head(db).size
    start = int(settings.get(db, _GIVEN_UNTIL) or b"0")
    while start < size and terms.known():
        end = min(start + BATCH, size)
        due = [(seq, due_ms) for seq, due_ms in _due(db, terms, start, end)]
        with db.write() as tx:
            tx.executemany("INSERT OR IGNORE INTO ledger_terms (seq, due_at) VALUES (?, ?)", due)
            settings.put(tx, _GIVEN_UNTIL, str(end).encode())
        start = end


@dataclass(slots=True, kw_only=True)
class _Terms:
    """The terms of the policies that the database knows.

    Attributes:
        read: Policies by their hash, those that cannot be read left out.
    """

    db: Db
    read: dict[str, Policy | None] = field(default_factory=dict)
    newest: Mapping[str, Policy] | None = None

    def known(self) -> bool:
        """Tell whether there is any policy yet; before the first call there is none."""
        return bool(self._newest())

    def due_ms(self, policy_hash: str | None, at: datetime) -> int:
        """Return when the payload of an entry of that moment has to be gone."""
        policy = self._policy(policy_hash) if policy_hash is not None else None
        policies = [policy] if policy is not None else list(self._newest().values())
        return max(to_ms(_after(one, at)) for one in policies)

    def _policy(self, policy_hash: str) -> Policy | None:
        if policy_hash not in self.read:
            self.read[policy_hash] = _policy(self.db, policy_hash)
        return self.read[policy_hash]

    def _newest(self) -> Mapping[str, Policy]:
        if self.newest is None:
            found = self.db.rows("SELECT name, content_hash FROM policy_versions ORDER BY first_used_at")
            by_name = {row["name"]: self._policy(row["content_hash"]) for row in found}
            self.newest = {name: policy for name, policy in by_name.items() if policy is not None}
        return self.newest


def _after(policy: Policy, at: datetime) -> datetime:
    for kind in (DataKind.LEDGER_PAYLOADS, DataKind.CALL_DATA):
        try:
            return policy.retention.term(kind).after(at)
        except StateConflict:
            continue  # a selection list of which the organisation has filled in no period
    return at


def _policy(db: Db, policy_hash: str) -> Policy | None:
    version = versions.version(db, policy_hash)
    if version is None:
        return None
    try:
        return versions.as_policy(version)
    except ConfigError:
        return None


def _due(db: Db, terms: _Terms, start: int, end: int) -> Iterator[tuple[int, int]]:
    for row in _new(db, start, end):
        if row["kind"] not in _LASTING:
            yield row["seq"], terms.due_ms(row["policy_hash"], from_ms(row["at"]))


def _new(db: Db, start: int, end: int) -> list[sqlite3.Row]:
    return db.rows(
        "SELECT seq, at, kind, coalesce(r.policy_hash, c.policy_hash) AS policy_hash"
        " FROM ledger JOIN ledger_payloads p USING (seq)"
        " LEFT JOIN recordings r ON r.recording_id = p.subject LEFT JOIN calls c ON c.call_id = p.subject"
        " WHERE seq >= ? AND seq < ? AND p.body IS NOT NULL",
        (start, end),
    )


def _expire(db: Db, at: datetime, step: Step) -> int:
    gone = 0
    while True:
        due = db.rows(_OVER, (to_ms(at), BATCH))
        if not due:
            return gone
        step("erase payloads of the ledger")
        with db.write() as tx:
            gone += ledger.expire_entries(tx, [row["seq"] for row in due], at, BECAUSE)
            _remember(tx)


def _remember(tx: Tx) -> None:
    """Note that the write-ahead log has to be emptied, should this run be cut off here."""
    settings.put(tx, _TO_FORGET, b"1")
