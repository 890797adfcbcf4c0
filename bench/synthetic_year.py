"""A year of five organisations' work, made by a seed: rows and ledger of the product's own schema, no audio.

It stands as it would after a year of purges: what is due is gone, data of calls past their term are empty,
payloads expired with them, and the whole ledger verifies. So that this takes minutes, triggers are away while
rows are made, and the tree is grown in memory by the product's own hashes.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from policy import rules
from policy.clock import to_ms
from policy.load import Policies
from policy.model import Policy
from policy.vocabulary import ConsentMode, RecordingId
from store import settings
from store.db import Db, Tx, Value
from store.files.archive import Archive
from store.logbook import ledger
from store.logbook.ledger import Kind
from store.records import versions, waiting

SHARES: Final = {"eindhoven": 0.35, "rvo": 0.3, "groningen": 0.2, "nunspeet": 0.1, "heerde": 0.05}
QUEUES: Final = ("kcc", "belastingen", "burgerzaken", "vergunningen")
CALLERS: Final = 300_000
AGENTS: Final = 120
YEAR: Final = timedelta(days=365)
_BATCH: Final = 5_000
_HOURS: Final = (8, 9, 9, 10, 10, 10, 11, 11, 12, 13, 13, 14, 14, 15, 15, 16)
_TERM_MS: Final = 366 * 24 * 3600 * 1000


@dataclass(slots=True, kw_only=True)
class Log:
    """The ledger as it grows in memory: what waits to be written, and the tree's right edge."""

    size: int
    peaks: list[bytes]
    entries: list[tuple[Value, ...]] = field(default_factory=list)
    payloads: list[tuple[Value, ...]] = field(default_factory=list)
    nodes: list[tuple[Value, ...]] = field(default_factory=list)
    expired: list[int] = field(default_factory=list)
    terms: list[tuple[Value, ...]] = field(default_factory=list)

    def add(self, kind: Kind, at_ms: int, subject: str, told: Mapping[str, Any], *, expired: bool) -> None:
        """Add one entry; of an expired one only the leaf stays."""
        salt = hashlib.sha256(b"salt" + self.size.to_bytes(8, "big")).digest()
        body = json.dumps(
            {"actor": "daemon", "payload": told}, sort_keys=True, separators=(",", ":")
        ).encode()
        commitment = ledger.commit(salt, subject.encode(), body)
        leaf = ledger.leaf_hash(self.size, at_ms, kind.value.encode(), commitment)
        self.entries.append((self.size, at_ms, kind.value, commitment, leaf))
        kept = (None, None, None) if expired else (subject, salt, body)
        if expired:
            self.expired.append(self.size)
        else:
            self.terms.append((self.size, at_ms + _TERM_MS))
        self.payloads.append((self.size, *kept))
        node, level, number = leaf, 0, self.size
        while number & 1:
            node = ledger.node_hash(self.peaks.pop(), node)
            level, number = level + 1, number >> 1
            self.nodes.append((level, number, node))
        self.peaks.append(node)
        self.size += 1

    def write(self, tx: Tx) -> None:
        """Write what waits, and which of it expired."""
        if self.expired:
            told = {"entries": self.expired, "because": "retention.call_data"}
            self.add(Kind.PAYLOADS_EXPIRED, int(str(self.entries[-1][1])), "", told, expired=False)
            self.expired = []
        tx.executemany(
            "INSERT INTO ledger (seq, at, kind, commitment, leaf) VALUES (?, ?, ?, ?, ?)", self.entries
        )
        tx.executemany(
            "INSERT INTO ledger_payloads (seq, subject, salt, body) VALUES (?, ?, ?, ?)", self.payloads
        )
        tx.executemany("INSERT INTO ledger_nodes (level, number, hash) VALUES (?, ?, ?)", self.nodes)
        tx.execute(
            "UPDATE ledger_head SET size = ?, peaks = ?, root = ?",
            (self.size, b"".join(self.peaks), ledger.root_of(self.peaks)),
        )
        tx.executemany("INSERT INTO ledger_terms (seq, due_at) VALUES (?, ?)", self.terms)
        settings.put(tx, "ledger_terms_given_until", str(self.size).encode())
        for waiting_rows in (self.entries, self.payloads, self.nodes, self.terms):
            waiting_rows.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was made.

    Attributes:
        soon: Recordings that fall due in the hour after now; each has a sealed file.
    """

    calls: int
    entries: int
    soon: frozenset[str]


def make(archive: Archive, policies: Policies, *, calls: int, seed: int, now: datetime) -> Made:
    """Make a year of calls that ends now."""
    chance = random.Random(seed)  # noqa: S311 - the same year for the same seed
    db = archive.db
    served = [policies.named(name) for name in SHARES]
    with db.write() as tx:
        for policy in served:
            versions.remember_policy(tx, policy, policies, now - YEAR)
        tx.executemany(
            "INSERT INTO people (person_id, name, added_at) VALUES (?, ?, ?)",
            [(f"agent{number}", f"Agent {number}", to_ms(now - YEAR)) for number in range(AGENTS)],
        )
    head = ledger.head(db)
    log = Log(size=head.size, peaks=list(head.peaks))
    soon: set[str] = set()
    with _without_triggers(db):
        for start in range(0, calls, _BATCH):
            year = _Year(served=served, chance=chance, now=now, log=log)
            for number in range(start, min(start + _BATCH, calls)):
                year.add(number, now - YEAR + YEAR * number / calls)
            with db.write() as tx:
                year.write(tx)
                log.write(tx)
            soon |= year.soon
    for recording_id in map(RecordingId, sorted(soon)):
        with archive.vault.stage(recording_id) as file:
            file.write(b"sealed")
        archive.vault.put_staged(recording_id)
    db.forget_deleted()
    with db.write() as tx:
        tx.execute("ANALYZE")
    return Made(calls=calls, entries=log.size, soon=frozenset(soon))


@contextmanager
def _without_triggers(db: Db) -> Iterator[None]:
    found = db.rows("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    with db.write() as tx:
        for row in found:
            tx.execute(f"DROP TRIGGER {row['name']}")
    try:
        yield
    finally:
        with db.write() as tx:
            for row in found:
                tx.execute(row["sql"])


@dataclass(slots=True, kw_only=True)
class _Year:
    """Some thousands of calls on their way to the database."""

    served: list[Policy]
    chance: random.Random
    now: datetime
    log: Log
    soon: set[str] = field(default_factory=set)
    calls: list[tuple[Value, ...]] = field(default_factory=list)
    decisions: list[tuple[Value, ...]] = field(default_factory=list)
    recordings: list[tuple[Value, ...]] = field(default_factory=list)
    spans: list[tuple[Value, ...]] = field(default_factory=list)
    accesses: list[tuple[Value, ...]] = field(default_factory=list)
    incidents: list[tuple[Value, ...]] = field(default_factory=list)

    def add(self, number: int, day: datetime) -> None:
        """Make one call of that day."""
        chance = self.chance
        policy = chance.choices(self.served, weights=list(SHARES.values()))[0]
        began = day.replace(
            hour=chance.choice(_HOURS), minute=chance.randrange(60), second=chance.randrange(60)
        )
        began = min(began, self.now - timedelta(hours=1))
        began_ms, call_id = to_ms(began), f"{1763000000 + number}.{number % 97}"
        outcome = self._outcome(policy)
        waited_ms = int(chance.expovariate(1 / 45_000))
        answered = outcome != "caller_gone" and chance.random() > min(0.6, waited_ms / 600_000)
        talked_ms = int(chance.lognormvariate(5.0, 0.7) * 1000) if answered else 0
        ended_ms = began_ms + 6_000 + waited_ms + talked_ms
        data_due = rules.call_data_due_at(policy, began)
        erased = data_due <= self.now
        caller = chance.randrange(CALLERS)
        recording_id = hashlib.sha256(f"recording {number}".encode()).hexdigest()[:32]
        is_recorded = outcome in ("not_refused", "announced") and answered
        keeps = waiting.is_kept(policy)
        kept: tuple[Value, ...] = (
            policy.numbers[0],
            f"PJSIP/trunk-{number:08x}",
            "nl",
            hashlib.sha256(f"caller {caller}".encode()).digest(),
            f"********{caller % 100:02d}",
            ended_ms,
            chance.choice(QUEUES) if outcome != "caller_gone" else None,
            int(answered),
            waited_ms if keeps else None,
            talked_ms,
        )
        self.calls.append(
            (
                call_id,
                policy.name,
                policy.content_hash,
                "ari",
                began_ms,
                outcome,
                to_ms(data_due),
                to_ms(data_due) + 30_000 if erased else None,
                int(keeps),
                *((None,) * len(kept) if erased else kept),
            )
        )
        self._tell(Kind.CALL_OPENED, began_ms, call_id, {"policy": policy.name, "way": "ari"}, erased)
        self._tell(
            Kind.DECIDED, began_ms + 6_000, call_id, {"outcome": outcome, "policy": policy.name}, erased
        )
        if not erased:
            self.decisions.append(
                (
                    call_id,
                    outcome,
                    policy.content_hash,
                    "ab" * 32,
                    5_700,
                    int(outcome != "caller_gone"),
                    1,
                    int(outcome == "caller_gone"),
                    recording_id if is_recorded else None,
                    began_ms + 6_000,
                    "ari",
                )
            )
        if is_recorded:
            self._record(number, policy, call_id, recording_id, began, ended_ms, erased=erased)
        self._tell(Kind.CALL_ENDED, ended_ms, call_id, {}, erased)

    def _record(  # noqa: PLR0917 - one call's
        self,
        number: int,
        policy: Policy,
        call_id: str,
        recording_id: str,
        began: datetime,
        ended_ms: int,
        *,
        erased: bool,
    ) -> None:
        chance, due = self.chance, rules.due_at(policy, began)
        now_ms, due_ms = to_ms(self.now), to_ms(due)
        withdrawn = policy.consent.withdraw_code is not None and chance.random() < 0.03
        gone_ms = ended_ms if withdrawn else due_ms + chance.randrange(30_000) if due_ms <= now_ms else None
        late_ms = None if gone_ms is None or withdrawn else gone_ms - due_ms
        state = "withdrawn" if withdrawn else "sealed" if gone_ms is None else "purged"
        sealed_ms = None if withdrawn else ended_ms + 400
        self.recordings.append(
            (
                recording_id,
                call_id,
                policy.name,
                policy.content_hash,
                state,
                to_ms(began) + 6_000,
                due_ms,
                due_ms,
                str(policy.retention.recording),
                "day",
                ended_ms,
                ended_ms - to_ms(began),
                sealed_ms,
                None if sealed_ms is None else 400_000,
                None if sealed_ms is None else "cd" * 32,
                gone_ms,
                "caller_key" if withdrawn else None,
                gone_ms,
                None if gone_ms is None else "withdrawn" if withdrawn else "due",
                late_ms,
            )
        )
        if state == "sealed" and due <= self.now + timedelta(hours=1):
            self.soon.add(recording_id)
        agent = f"agent{chance.randrange(AGENTS)}"
        if not erased:
            self.spans.append((call_id, f"{call_id}9", agent, to_ms(began) + 6_000, ended_ms))
        self._tell(Kind.CAPTURED, ended_ms, recording_id, {"duration_ms": 87_000}, erased)
        if sealed_ms is not None:
            self._tell(Kind.SEALED, sealed_ms, recording_id, {"bytes": 400_000, "sha256": "cd" * 32}, erased)
        if gone_ms is not None:
            because = {"because": "withdrawn" if withdrawn else "due"}
            self._tell(Kind.DESTRUCTION_INTENDED, gone_ms, recording_id, because, erased)
            self._tell(Kind.DESTROYED, gone_ms, recording_id, because, erased)
        if number % 200 == 0:
            self._access(policy, recording_id, ended_ms)
        if number % 1000 == 0:
            self.incidents.append(
                (
                    recording_id,
                    call_id,
                    policy.name,
                    "aggression",
                    "lapsed",
                    agent,
                    "agent",
                    ended_ms,
                    due_ms,
                    due_ms,
                )
            )
        if number % 2500 == 0:
            told = {"policy": policy.name, "action": "listen", "rule": "access", "result": "refused"}
            self._tell(Kind.ACCESS_REFUSED, ended_ms, "", told, False)

    def _access(self, policy: Policy, recording_id: str, at_ms: int) -> None:
        access = policy.access
        if access is None:
            return
        name = self.chance.choice(list(access.grants))
        grant = access.grants[name]
        told = {"policy": policy.name, "purpose": grant.purposes[0], "person": "agent1"}
        self._tell(Kind.ACCESS_RELEASED, at_ms, recording_id, told, False)
        self.accesses.append(
            (
                hashlib.sha256(f"access {recording_id}".encode()).hexdigest()[:32],
                recording_id,
                policy.name,
                "agent1",
                "agent1",
                grant.roles[0],
                "[]",
                grant.actions[0].value,
                grant.purposes[0],
                "steekproef",
                name,
                at_ms,
                self.log.size - 1,
                at_ms + 1,
                "complete",
                at_ms + 2 * _TERM_MS,
            )
        )

    def _outcome(self, policy: Policy) -> str:
        drawn = self.chance.random()
        if drawn < 0.04:
            return "caller_gone"
        if drawn < 0.05:
            return "gate_unavailable"
        if policy.consent.mode is ConsentMode.OPT_OUT:
            return "refused" if drawn < 0.12 else "not_refused"
        return "announced"

    def _tell(self, kind: Kind, at_ms: int, subject: str, told: Mapping[str, Any], expired: bool) -> None:
        self.log.add(kind, at_ms, subject, told, expired=expired)

    def write(self, tx: Tx) -> None:
        """Write the rows."""
        for table, columns, rows in (
            (
                "calls",
                "call_id, policy, policy_hash, way, started_at, outcome, data_due_at, data_erased_at,"
                " keeps_waiting, number, channel, language, caller_tag, caller_masked, ended_at, queue,"
                " answered, waited_ms, talked_ms",
                self.calls,
            ),
            (
                "decisions",
                "call_id, outcome, policy_hash, audio_sha256, heard_ms, finished, window_over, hung_up,"
                " recording_id, decided_at, way",
                self.decisions,
            ),
            (
                "recordings",
                "recording_id, call_id, policy, policy_hash, state, started_at, due_at, promised_at,"
                " due_rule,"
                " epoch_length, captured_at, duration_ms, sealed_at, sealed_bytes, sealed_sha256,"
                " intended_at,"
                " withdrawn_by, erased_at, erased_because, lateness_ms",
                self.recordings,
            ),
            ("call_agents", "call_id, channel_id, person_id, since, until", self.spans),
            (
                "accesses",
                "access_id, recording_id, policy, person, login, role, company, action, purpose,"
                " reason, rule,"
                " released_at, entry, ended_at, ending, due_at",
                self.accesses,
            ),
            (
                "incidents",
                "recording_id, call_id, policy, kind, stage, flagged_by, flagged_role, flagged_at,"
                " assess_by_at, closed_at",
                self.incidents,
            ),
        ):
            marks = ", ".join("?" * (columns.count(",") + 1))
            tx.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608 - our own words
