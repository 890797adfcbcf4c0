"""Calls: one row for each call that reached a gate, and what came of it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policy import rules
from policy.clock import from_ms, maybe_from_ms, to_iso, to_ms
from policy.errors import NotFound
from policy.evidence import Arrival, Way
from policy.load import Policies
from policy.period import Period
from policy.vocabulary import CallId, Outcome, PolicyName, RecordingId
from store.db import Db, Tx
from store.keyring.callers import SealedCaller
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.persons import call_agents
from store.records import evidence_terms, versions, waiting

NOBODYS_TERM: Final = Period(7, "d")
"""How long the data of a call stay that no policy serves: long enough to find the wrong number
in the dialplan. Assumed: the published texts are silent on calls that are not theirs."""

_LARGEST_LABEL_CHARACTERS: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """One call.

    Attributes:
        number: As dialled; None once its data were erased.
        caller: Masked; None once erased.
        decision: The strictest outcome so far; None while the caller is being asked.
        digit: The key that decided, if any.
        recording_id: The call's latest recording, whatever became of it.
        queue: In which it waited, the last one before it was answered; None: not known, or none.
        answered: Whether anybody spoke with the caller; None while it goes on, and once erased.
        waited_ms: How long before that, or in vain; None as well where the policy names no waiting time.
        talked_ms: How long somebody had the call.
        data_due_at: When the data about this call have to be gone.
        data_erased_at: When they went.
    """

    call_id: CallId
    number: str | None
    policy: PolicyName | None
    caller: str | None
    started_at: datetime
    ended_at: datetime | None
    decision: Outcome | None
    digit: str | None
    notice_heard_ms: int | None
    recording_id: RecordingId | None
    queue: str | None
    answered: bool | None
    waited_ms: int | None
    talked_ms: int | None
    data_due_at: datetime
    data_erased_at: datetime | None

    def to_json(self) -> dict[str, Json]:
        """Return the call as a program gets it."""
        return {
            "call_id": self.call_id,
            "number": self.number,
            "policy": self.policy,
            "caller": self.caller,
            "started_at": to_iso(self.started_at),
            "ended_at": None if self.ended_at is None else to_iso(self.ended_at),
            "decision": None if self.decision is None else self.decision.value,
            "digit": self.digit,
            "notice_heard_ms": self.notice_heard_ms,
            "recording_id": self.recording_id,
            "queue": self.queue,
            "answered": self.answered,
            "waited_s": _seconds(self.waited_ms),
            "talked_s": _seconds(self.talked_ms),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What a call decided at a gate before this one.

    Attributes:
        outcome: The strictest so far.
        recording_id: The recording that runs, or None.
        policy: Under whose policy it runs.
    """

    outcome: Outcome
    recording_id: RecordingId | None
    policy: PolicyName | None


def open_call(tx: Tx, arrival: Arrival, *, caller: SealedCaller | None, policies: Policies) -> bool:
    """Store that a call reached a gate; the second gate of a call changes nothing.

    Args:
        tx: The transaction.
        arrival: The call.
        caller: What may be kept of the number; left out where no policy serves the call.
        policies: Every policy served; the version in force is kept with the call (X8).

    Returns:
        Whether the call is new.
    """
    policy = policies.by_name.get(arrival.policy or "")
    if policy is None:
        caller, data_due_at = None, NOBODYS_TERM.after(arrival.started_at)
    else:
        versions.remember_policy(tx, policy, policies, arrival.started_at)
        data_due_at = rules.call_data_due_at(policy, arrival.started_at)
    opened = tx.execute(
        "INSERT INTO calls (call_id, number, policy, policy_hash, way, channel, language, caller_sealed,"
        " caller_tag, caller_masked, started_at, data_due_at, keeps_waiting)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (call_id) DO NOTHING",
        (
            arrival.call_id,
            _storable(arrival.number),
            arrival.policy,
            None if policy is None else policy.content_hash,
            arrival.way.value,
            _storable(arrival.channel),
            _storable(arrival.language),
            None if caller is None else caller.sealed,
            None if caller is None else caller.tag,
            None if caller is None else caller.masked,
            to_ms(arrival.started_at),
            to_ms(data_due_at),
            int(waiting.is_kept(policy)),
        ),
    ).rowcount
    if not opened:
        return False
    if policy is not None:
        evidence_terms.promise(tx, arrival.call_id, policy, arrival.started_at)
    told: dict[str, Json] = {"policy": arrival.policy, "way": arrival.way.value}
    ledger.append(
        tx, Kind.CALL_OPENED, arrival.started_at, actor="daemon", subject=arrival.call_id, payload=told
    )
    return True


def end_call(tx: Tx, call_id: CallId, at: datetime) -> bool:
    """Store that a call ended; only the first time counts, and an unknown call is passed over.

    Returns:
        Whether this was the first time.
    """
    ended = tx.execute(
        "UPDATE calls SET ended_at = ? WHERE call_id = ? AND ended_at IS NULL AND data_erased_at IS NULL",
        (to_ms(at), call_id),
    ).rowcount
    if ended:
        waiting.settle(tx, call_id, at)
        call_agents.close(tx, call_id, at)
        ledger.append(tx, Kind.CALL_ENDED, at, actor="daemon", subject=call_id, payload={})
    return bool(ended)


def has_ended(db: Db, call_id: CallId) -> bool:
    """Tell whether the end of a call is on record."""
    return bool(db.rows("SELECT 1 FROM calls WHERE call_id = ? AND ended_at IS NOT NULL", (call_id,)))


def unfinished(db: Db) -> tuple[CallId, ...]:
    """Return calls whose end is not on record; those whose data were erased have none to look for."""
    found = db.rows("SELECT call_id FROM calls WHERE ended_at IS NULL AND data_erased_at IS NULL")
    return tuple(CallId(row["call_id"]) for row in found)


def note_outcome(tx: Tx, call_id: CallId, outcome: Outcome) -> Outcome:
    """Keep the strictest outcome on the call's row and return it.

    Raises:
        NotFound: If the call was never opened.
    """
    row = tx.execute("SELECT outcome FROM calls WHERE call_id = ?", (call_id,)).fetchone()
    if row is None:
        raise NotFound(f"call {call_id}: was never opened, so nothing can be decided about it")
    kept = outcome if row["outcome"] is None else rules.stricter(Outcome(row["outcome"]), outcome)
    tx.execute("UPDATE calls SET outcome = ? WHERE call_id = ?", (kept.value, call_id))
    return kept


def earlier(db: Db, call_id: CallId) -> Earlier | None:
    """Return what the call decided at an earlier gate, or None when it was never asked."""
    found = db.rows(
        "SELECT c.outcome, r.recording_id, r.policy FROM calls c LEFT JOIN recordings r ON r.recording_id ="
        " (SELECT recording_id FROM recordings WHERE call_id = c.call_id AND state = 'recording'"
        "  ORDER BY rowid DESC LIMIT 1)"
        " WHERE c.call_id = ? AND c.outcome IS NOT NULL",
        (call_id,),
    )
    if not found:
        return None
    (row,) = found
    return Earlier(outcome=Outcome(row["outcome"]), recording_id=row["recording_id"], policy=row["policy"])


def arrival(db: Db, call_id: CallId) -> Arrival:
    """Return how a call came to its gate, but for its caller, who is sealed.

    Raises:
        NotFound: If there is no such call.
    """
    found = db.rows(
        "SELECT policy, number, channel, language, started_at, way FROM calls WHERE call_id = ?", (call_id,)
    )
    if not found:
        raise NotFound(f"no call {call_id}")
    (row,) = found
    return Arrival(
        call_id=call_id,
        channel=row["channel"] or "",
        policy=row["policy"],
        number=row["number"] or "",
        caller="",
        language=row["language"] or "",
        started_at=from_ms(row["started_at"]),
        way=Way(row["way"]),
    )


def all_calls(
    db: Db, *, since: datetime | None = None, queue: str | None = None, limit: int | None = None
) -> tuple[CallRow, ...]:
    """Return calls, oldest first.

    Args:
        db: The database.
        since: Only those that started then or later.
        queue: Only those that waited there.
        limit: At most so many, the newest.
    """
    found = db.rows(
        _SELECT_CALLS + " WHERE c.started_at >= :since AND (:queue IS NULL OR c.queue = :queue)"
        " ORDER BY c.started_at DESC, c.rowid DESC LIMIT :limit",
        {
            "since": -(2**62) if since is None else to_ms(since),
            "queue": queue,
            "limit": -1 if limit is None else limit,
        },
    )
    return tuple(_call(row) for row in reversed(found))


def get_call(db: Db, call_id: CallId) -> CallRow:
    """Return one call.

    Raises:
        NotFound: If there is no such call.
    """
    found = db.rows(_SELECT_CALLS + " WHERE c.call_id = ?", (call_id,))
    if not found:
        raise NotFound(f"no call {call_id}")
    return _call(found[0])


_SELECT_CALLS: Final = (
    "SELECT c.*, d.digit, d.heard_ms,"
    " (SELECT recording_id FROM recordings r WHERE r.call_id = c.call_id"
    "  ORDER BY r.rowid DESC LIMIT 1) AS recording_id"
    " FROM calls c LEFT JOIN decisions d ON d.decision_id = (SELECT decision_id FROM decisions"
    "  WHERE call_id = c.call_id AND outcome = c.outcome ORDER BY decided_at DESC LIMIT 1)"
)


def _call(row: sqlite3.Row) -> CallRow:
    return CallRow(
        call_id=row["call_id"],
        number=row["number"],
        policy=row["policy"],
        caller=row["caller_masked"],
        started_at=from_ms(row["started_at"]),
        ended_at=maybe_from_ms(row["ended_at"]),
        decision=None if row["outcome"] is None else Outcome(row["outcome"]),
        digit=row["digit"],
        notice_heard_ms=row["heard_ms"],
        recording_id=row["recording_id"],
        queue=row["queue"],
        answered=None if row["answered"] is None else bool(row["answered"]),
        waited_ms=row["waited_ms"],
        talked_ms=row["talked_ms"],
        data_due_at=from_ms(row["data_due_at"]),
        data_erased_at=maybe_from_ms(row["data_erased_at"]),
    )


def _seconds(duration_ms: int | None) -> int | None:
    return None if duration_ms is None else round(duration_ms / 1000)


def _storable(text: str) -> str:
    """Return text that SQLite can hold: a trunk may deliver half a character, or a novel."""
    return text[:_LARGEST_LABEL_CHARACTERS].encode("utf-8", "backslashreplace").decode()
