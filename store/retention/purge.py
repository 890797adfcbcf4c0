"""Purge: what is due goes, to the minute, by itself.

Theory of operation

`plan` is pure: rows and a moment in, what has to go out, with the rule that says so; it is
what `--dry-run` prints. `run` asks the clock guard first, plans, and carries out in the order
recordings, call data, payloads of the ledger, epoch keys; before it, holds that ran out are put
on record and what a request keeps unseen is moved out of the way, after it the incidents whose
recording went are closed. Each part is safe to repeat, so a run that was cut off is simply run
again by the next minute's. Unfinished destructions of any kind are part of every plan: a
withdrawal that a crash interrupted does not wait for its due time.

An epoch's key is destroyed once the epoch has passed and no envelope names it. A recording
that could not be destroyed keeps its envelope, and so its epoch, until it can.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policy.alarm_kinds import Ending
from policy.clock import to_iso, to_ms
from policy.errors import DestructionIncomplete
from policy.vocabulary import CallId, ErasedBecause, PolicyName, RecordingId, RecordingState
from store.access import accesses, confirmations, draws, words
from store.cases import (
    calibrations,
    development,
    handovers,
    notices,
    orders,
    request_calls,
    requests,
    reviews,
)
from store.files.archive import Archive
from store.files.epochs import EpochKeyName, epoch_of_name
from store.keyring import envelopes
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.records import alarms, recordings
from store.records.recordings import RecordingRow
from store.retention import call_data, destruction, holds, incidents, keeping, ledger_terms, moves
from store.retention.call_data import CallDue
from store.retention.clock_guard import ClockGuard
from store.retention.destruction import Doom, Receipt
from store.retention.holds import HoldRow
from store.steps import Step, straight_on

UNFINISHED_RULE: Final = "destruction was begun and is finished"
_NONE_HELD: Final[Mapping[RecordingId, Sequence[HoldRow]]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingDue:
    """One recording that has to go.

    Attributes:
        rule: Which rule says so, in words: the promise, and what kept it longer until now.
        holds: What was ever placed on it, in words.
        doom: What is done about it.
    """

    recording_id: RecordingId
    call_id: CallId
    policy: PolicyName
    state: RecordingState
    started_at: datetime
    due_at: datetime
    rule: str
    holds: tuple[str, ...]
    doom: Doom

    def to_json(self) -> dict[str, Json]:
        """Return the row as a program gets it."""
        return {
            "recording_id": self.recording_id,
            "call_id": self.call_id,
            "policy": self.policy,
            "state": self.state.value,
            "started_at": to_iso(self.started_at),
            "due_at": to_iso(self.due_at),
            "rule": self.rule,
            "holds": "; ".join(self.holds) or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What has to go at a moment.

    Attributes:
        at: That moment.
        recordings: By due time.
        calls: Calls whose data have to go; those whose recording is still in this plan follow
            in the same run.
    """

    at: datetime
    recordings: tuple[RecordingDue, ...]
    calls: tuple[CallDue, ...]

    def to_json(self) -> list[dict[str, Json]]:
        """Return one row a recording, as a program gets it."""
        return [due.to_json() for due in self.recordings]


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What a run did.

    Attributes:
        plan: What had to go.
        receipts: By recording.
        calls_erased: How many calls' data went.
        epoch_keys: Which epoch keys were destroyed.
    """

    plan: Plan
    receipts: Mapping[RecordingId, Receipt]
    calls_erased: int
    epoch_keys: tuple[EpochKeyName, ...]

    def to_json(self) -> list[dict[str, Json]]:
        """Return one row a recording that went, as a program gets it."""
        return [
            {
                **due.to_json(),
                "erased_at": to_iso(receipt.erased_at),
                "lateness_ms": receipt.lateness_ms,
            }
            for due in self.plan.recordings
            if (receipt := self.receipts.get(due.recording_id)) is not None
        ]


def plan(
    rows: Iterable[RecordingRow],
    calls: Iterable[CallDue],
    at: datetime,
    *,
    held: Mapping[RecordingId, Sequence[HoldRow]] = _NONE_HELD,
) -> Plan:
    """Return what has to go at a moment: everything due by then, and what was begun.

    Args:
        rows: Recordings; those that are gone need nothing.
        calls: Calls whose data are kept.
        at: The moment; what is due on this very millisecond is due.
        held: Every hold ever placed on these recordings.
    """
    due = sorted(
        (row for row in rows if row.erased_at is None and (row.half_gone or row.due_at <= at)),
        key=lambda row: (row.due_at, row.recording_id),
    )
    return Plan(
        at=at,
        recordings=tuple(_due(row, held.get(row.recording_id, ())) for row in due),
        calls=tuple(call for call in calls if call.due_at <= at),
    )


def look(archive: Archive, at: datetime) -> Plan:
    """Return the plan for a moment, past or future, and change nothing (`--dry-run`).

    What a request keeps unseen is in no plan: it shows neither that it went nor that it stays.
    """
    db = archive.db
    unseen = request_calls.keeping_alone(db, archive.clock.now())
    rows = [row for row in recordings.to_go(db, at) if row.recording_id not in unseen]
    held = {row.recording_id: holds.of_recording(db, row.recording_id) for row in rows}
    return plan(rows, call_data.kept(db, until=at), at, held=held)


def run(archive: Archive, guard: ClockGuard, *, step: Step = straight_on) -> Purged:
    """Destroy what is due now; running again after a crash at any step is safe.

    Raises:
        ClockSuspect: If the wall clock is in doubt; nothing was done then.
        DestructionIncomplete: If something that had to go is still there; all the rest is gone.
        Unavailable: If the vault or the database cannot be reached.
    """
    step("ask the clock guard")
    at = guard.check()
    _note_ended_holds(archive, at, step)
    keeping.keep_for_requests(archive, at, step=step)
    planned = look(archive, at)
    result = destruction.run(archive, (due.doom for due in planned.recordings), step=step)
    _close_incidents(archive, at, step)
    # Looked up again: calls whose recording went just now are free to go, too.
    calls = call_data.kept(archive.db, until=at)
    erased = call_data.erase(archive.db, calls, at=archive.clock.now(), step=step)
    _forget_accesses(archive, at, step)
    moves.finish(archive, step=step)
    ledger_terms.run(archive.db, at, step=step)
    epoch_keys = destroy_passed_epochs(archive, at, step=step)
    if result.problems:
        raise DestructionIncomplete("\n".join(result.problems.values()), hint="the next purge tries again")
    with archive.db.write() as tx:
        alarms.over(tx, Ending.PURGED, at=at)
    return Purged(
        plan=planned,
        receipts={receipt.recording_id: receipt for receipt in result.receipts},
        calls_erased=erased,
        epoch_keys=epoch_keys,
    )


def _forget_accesses(archive: Archive, at: datetime, step: Step) -> None:
    """Erase the rows about accesses, words, draws and cases of each kind whose terms are over."""
    calibrations.end_lapsed(archive.db, at)
    doors = (accesses, words, draws, confirmations)
    kinds = (*doors, notices, calibrations, reviews, development, handovers, orders, requests)
    if not any(kind.any_due(archive.db, at) for kind in kinds):
        return
    step("forget accesses, words and cases")
    with archive.db.write() as tx:
        for kind in kinds:
            kind.forget_due(tx, at)
    archive.db.forget_deleted()


def destroy_passed_epochs(
    archive: Archive, at: datetime, *, step: Step = straight_on
) -> tuple[EpochKeyName, ...]:
    """Destroy the key of every epoch that has passed and that no envelope names any more.

    Raises:
        DestructionIncomplete: If a key's file cannot be removed.
    """
    in_use = envelopes.epoch_keys_in_use(archive.db)
    passed = [
        name for name in archive.epochs.names() if name not in in_use and epoch_of_name(name).ends_at <= at
    ]
    for name in passed:
        step("put the end of an epoch on the ledger")
        with archive.db.write() as tx:
            told: dict[str, Json] = {"epoch_key": name}
            ledger.append(tx, Kind.EPOCH_ENDED, at, actor="daemon", subject="", payload=told)
        step("destroy the key of an epoch")
        archive.epochs.destroy(name)
    return tuple(passed)


def _note_ended_holds(archive: Archive, at: datetime, step: Step) -> None:
    if archive.db.rows("SELECT 1 FROM holds WHERE over_at IS NULL AND until_at <= ?", (to_ms(at),)):
        step("put on record which holds ran out")
        with archive.db.write() as tx:
            holds.note_ended(tx, at)


def _close_incidents(archive: Archive, at: datetime, step: Step) -> None:
    if incidents.whose_recording_went(archive.db):
        step("close the incidents whose recording went")
        with archive.db.write() as tx:
            incidents.close_gone(tx, at)


def _due(row: RecordingRow, held: Sequence[HoldRow]) -> RecordingDue:
    (doom,) = destruction.plan((row,), ErasedBecause.DUE)
    return RecordingDue(
        recording_id=row.recording_id,
        call_id=row.call_id,
        policy=row.policy,
        state=row.state,
        started_at=row.started_at,
        due_at=row.due_at,
        rule=_rule(row, doom),
        holds=tuple(hold.in_words for hold in held),
        doom=doom,
    )


def _rule(row: RecordingRow, doom: Doom) -> str:
    if row.half_gone:
        return f"{doom.because.value}: {UNFINISHED_RULE}"
    if row.due_at == row.promised_at:
        return row.due_rule
    return f"{row.due_rule}, kept longer until {to_iso(row.due_at)}"
