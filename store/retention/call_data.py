"""Call data on their own term: number, caller, agents, times and evidence of calls long past.

What stays is that a call was there, when it began, whose it was and what was decided: enough
to count, and to prove that its recording went. Evidence never goes before its recording. The
ledger's payloads about the call and its recordings go with it, and so does what was decided about
keeping them: who held, extended or closed what. An incident has a term of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policy.clock import from_ms, to_iso, to_ms
from policy.retention import DataKind
from policy.vocabulary import CallId, PolicyName
from store import settings
from store.db import Db, Tx
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.persons import call_agents
from store.records import alarms, evidence_terms
from store.steps import Step, straight_on

BATCH: Final = 500
_TO_FORGET: Final = "call_data_to_forget"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDue:
    """One call whose data have a term.

    Attributes:
        due_at: When they have to be gone.
    """

    call_id: CallId
    policy: PolicyName | None
    started_at: datetime
    due_at: datetime

    def to_json(self) -> dict[str, Json]:
        """Return the call as a program gets it."""
        return {
            "call_id": self.call_id,
            "policy": self.policy,
            "started_at": to_iso(self.started_at),
            "due_at": to_iso(self.due_at),
        }


def kept(db: Db, *, until: datetime) -> tuple[CallDue, ...]:
    """Return the calls whose data are kept and fall due by then, recordings all gone."""
    found = db.rows(
        "SELECT call_id, policy, started_at, data_due_at FROM calls"
        " WHERE data_erased_at IS NULL AND data_due_at <= ? AND NOT EXISTS"
        " (SELECT 1 FROM recordings r WHERE r.call_id = calls.call_id AND r.erased_at IS NULL)"
        " ORDER BY data_due_at",
        (to_ms(until),),
    )
    return tuple(
        CallDue(
            call_id=row["call_id"],
            policy=row["policy"],
            started_at=from_ms(row["started_at"]),
            due_at=from_ms(row["data_due_at"]),
        )
        for row in found
    )


def erase(db: Db, due: Sequence[CallDue], *, at: datetime, step: Step = straight_on) -> int:
    """Erase the data of these calls, and evidence on a term of its own; on return no file holds them.

    Again is harmless.

    Returns:
        How many calls were erased.

    Raises:
        DestructionIncomplete: If the write-ahead log still holds them; running again is safe.
    """
    erased = 0
    for start in range(0, len(due), BATCH):
        step("erase the data of some calls")
        with db.write() as tx:
            gone = [call for call in due[start : start + BATCH] if _erase_rows(tx, call.call_id, at)]
            if gone:
                _tell(tx, gone, at)
                settings.put(tx, _TO_FORGET, b"1")
        erased += len(gone)
    if evidence_terms.are_due(db, at=at):
        step("erase evidence on a term of its own")
        with db.write() as tx:
            evidence_terms.erase(tx, at=at)
            settings.put(tx, _TO_FORGET, b"1")
    _forget(db, step)
    return erased


def _forget(db: Db, step: Step) -> None:
    """Empty the write-ahead log, where this run or one that was cut off left call data in it."""
    if settings.get(db, _TO_FORGET) is None:
        return
    step("forget the data of calls")
    db.forget_deleted()
    with db.write() as tx:
        settings.drop(tx, _TO_FORGET)


def _erase_rows(tx: Tx, call_id: CallId, at: datetime) -> bool:
    changed = tx.execute(
        "UPDATE calls SET number = NULL, channel = NULL, language = NULL, caller_sealed = NULL,"
        " caller_tag = NULL, caller_masked = NULL, ended_at = NULL, queue = NULL, queued_at = NULL,"
        " answered = NULL, waited_ms = NULL, talked_ms = NULL,"
        " data_erased_at = :at WHERE call_id = :call_id AND data_erased_at IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM recordings WHERE call_id = :call_id AND erased_at IS NULL)",
        {"call_id": call_id, "at": to_ms(at)},
    ).rowcount
    if not changed:
        return False
    if not evidence_terms.has_its_own(tx, call_id, DataKind.DECISIONS):
        tx.execute("DELETE FROM decisions WHERE call_id = ?", (call_id,))
    for table in ("holds", "extensions", "closures", "pauses"):
        tx.execute(
            f"DELETE FROM {table} WHERE recording_id IN"  # noqa: S608 - our own words
            " (SELECT recording_id FROM recordings WHERE call_id = ?)",
            (call_id,),
        )
    alarms.forget_call(tx, call_id)
    call_agents.forget(tx, call_id)
    tx.execute(
        "UPDATE recordings SET bridged_at = NULL, bridge_id = NULL, captured_at = NULL, duration_ms = NULL,"
        " problem = NULL WHERE call_id = ?",
        (call_id,),
    )
    return True


def _tell(tx: Tx, gone: Sequence[CallDue], at: datetime) -> None:
    subjects: list[str] = []
    for call in gone:
        if evidence_terms.has_its_own(tx, call.call_id, DataKind.LEDGER_PAYLOADS):
            continue
        found = tx.execute("SELECT recording_id FROM recordings WHERE call_id = ?", (call.call_id,))
        subjects += [call.call_id, *(row["recording_id"] for row in found.fetchall())]
    ledger.expire(tx, subjects, at, "retention.call_data")
    late_ms = max(to_ms(at) - to_ms(call.due_at) for call in gone)
    told: dict[str, Json] = {"calls": len(gone), "latest_by_ms": late_ms}
    ledger.append(tx, Kind.CALL_DATA_ERASED, at, actor="daemon", subject="", payload=told)
