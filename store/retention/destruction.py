"""Destruction: the one path by which anything of a recording goes.

Theory of operation

I4: intent committed -> key gone -> bytes unlinked -> absence checked -> receipt committed.

Each arrow is a commit or a sync, so after a crash the row tells how far it came: an intent
without `erased_at` is unfinished, and running again from the start is safe because every step
looks at what is there, not at what an earlier run did. The receipt comes last and is the only
claim that is ever made; a crash before it costs a second run, never a false receipt.

The key goes first: from then on bytes that cannot be unlinked are noise. How far it goes
depends on how early it is:

* on the due moment, the envelope's row goes and the write-ahead log is emptied. Copies of the
  database in a backup become unreadable when the epoch ends, at most a day (an hour for
  terms in hours) later: `purge` then destroys the epoch's key;
* before the due moment nobody can wait for that, so the epoch is re-keyed: the other
  recordings move to a fresh key and the old one is destroyed, see `store/files/epochs.py`.

A recording that was never sealed has no key anywhere: its bytes are all there is, and a
withdrawal in mid-call takes two commits. Files without a row (ghosts: written after the tape
was stopped) go the same way, with an entry of their own instead of a receipt.

One recording that cannot be destroyed does not save the others of its batch. While the vault
is not there, keys and plaintext go all the same; only the receipt waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import assert_never

from policy.alarm_kinds import Ending
from policy.errors import DestructionIncomplete, Unavailable
from policy.vocabulary import CallId, ErasedBecause, RecordingId, RecordingState, WithdrawnBy
from store.db import Tx
from store.files.archive import Archive
from store.files.epochs import (
    CreateGeneration,
    DestroyKey,
    EmptyWriteAheadLog,
    Epoch,
    MoveWraps,
    RekeyStep,
    plan_rekey,
)
from store.keyring import envelopes
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.records import alarms, recordings
from store.records.recordings import RecordingRow
from store.steps import Step, straight_on

ALARM = "destruction_incomplete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doom:
    """One recording that has to go.

    Attributes:
        because: Why; the first reason ever noted for a recording is the one that stays.
        by: Who withdrew it, where that is the reason.
        paths: Files of it outside the folders that the archive knows.
    """

    recording_id: RecordingId
    because: ErasedBecause
    by: WithdrawnBy | None = None
    paths: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a run did for one recording.

    Attributes:
        erased_at: When the absence of everything was checked.
        lateness_ms: How long after it had to be gone.
        removed: What this run found and removed, such as `sealed file` or `2 plaintext files`.
    """

    recording_id: RecordingId
    call_id: CallId
    because: ErasedBecause
    erased_at: datetime
    lateness_ms: int
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run came to.

    Attributes:
        receipts: One for each recording that is gone, those of earlier runs included.
        problems: One line for each that is not.
    """

    receipts: tuple[Receipt, ...]
    problems: Mapping[RecordingId, str]


def plan(rows: Iterable[RecordingRow], because: ErasedBecause) -> tuple[Doom, ...]:
    """Return what destroying these recordings takes; those that are gone already need nothing."""
    return tuple(
        Doom(
            recording_id=row.recording_id,
            because=row.erased_because or because,
            by=row.withdrawn_by,
        )
        for row in rows
        if row.erased_at is None
    )


def destroy(archive: Archive, doom: Doom, *, step: Step = straight_on) -> Receipt | None:
    """Destroy one recording; again is harmless, and an id without a row has only files.

    Returns:
        The receipt, also that of an earlier run; None where there is no row.

    Raises:
        DestructionIncomplete: If something of it is still there; running again is safe.
        StateConflict: If the reason does not fit its state.
        Unavailable: If the database cannot be reached.
    """
    result = run(archive, (doom,), step=step)
    for problem in result.problems.values():
        raise DestructionIncomplete(problem, hint="the next purge tries again")
    return result.receipts[0] if result.receipts else None


def run(archive: Archive, dooms: Iterable[Doom], *, step: Step = straight_on) -> Result:
    """Destroy recordings, key first (I4); running again after a crash at any step is safe.

    Raises:
        StateConflict: If a reason does not fit a recording's state; nothing was done then.
        DestructionIncomplete: If keys are still there; no bytes were removed, no receipt given.
        Unavailable: If the database cannot be reached.
    """
    batch = _Batch(archive=archive, dooms=tuple(dooms), removed={}, problems={})
    for do in (note_intents, destroy_keys, unlink_bytes, check_absence, commit_receipts):
        step(do.__name__.replace("_", " "))
        do(batch, step)
    return batch.result()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """One run over some recordings.

    Attributes:
        removed: What was found and removed, for the receipts.
        problems: What could not be removed.
    """

    archive: Archive
    dooms: tuple[Doom, ...]
    removed: dict[RecordingId, list[str]]
    problems: dict[RecordingId, str]

    def rows(self) -> dict[RecordingId, RecordingRow]:
        """Return the rows as committed; ids without a row are left out."""
        wanted = {doom.recording_id for doom in self.dooms}
        found: dict[RecordingId, RecordingRow] = {}
        for recording_id in wanted:
            row = recordings.find_recording(self.archive.db, recording_id)
            if row is not None:
                found[recording_id] = row
        return found

    def note(self, recording_id: RecordingId, what: str) -> None:
        self.removed.setdefault(recording_id, []).append(what)

    def result(self) -> Result:
        rows = self.rows()
        receipts = (
            _receipt(rows[doom.recording_id], self.removed.get(doom.recording_id, ()))
            for doom in self.dooms
            if doom.recording_id in rows and doom.recording_id not in self.problems
        )
        return Result(
            receipts=tuple(receipt for receipt in receipts if receipt is not None), problems=self.problems
        )


def rekey(
    archive: Archive,
    epoch: Epoch,
    erased: frozenset[RecordingId],
    *,
    also: Callable[[Tx], None] | None = None,
    step: Step = straight_on,
) -> None:
    """Carry out `epochs.plan_rekey`; a plan made again after a crash holds what is left of it.

    Args:
        archive: Where the keys are.
        epoch: Whose recordings.
        erased: Recordings whose envelopes go now; older copies of them go blind.
        also: Committed with the deletion of those envelopes.
        step: For crash tests.

    Raises:
        DestructionIncomplete: If a key is still there; running again is safe.
    """
    steps = plan_rekey(
        epoch=epoch,
        keys=archive.epochs.names(),
        wraps=envelopes.wraps_of(archive.db, epoch),
        erased=erased,
    )
    for do in steps:
        step(type(do).__name__)
        _carry_out(archive, do, also)


def note_intents(batch: _Batch, step: Step) -> None:
    """I4, first: that each is to go is durable before anything goes."""
    archive, rows = batch.archive, batch.rows()
    new = [doom for doom in batch.dooms if doom.recording_id in rows]
    if not any(rows[doom.recording_id].intended_at is None for doom in new):
        return
    at = archive.clock.now()
    with archive.db.write() as tx:
        for doom in new:
            _note_intent(tx, doom, at)


def destroy_keys(batch: _Batch, step: Step) -> None:
    """I4, second: no key of these recordings is left in any file."""
    archive = batch.archive
    # Only a sealed recording ever had a key that was written down.
    keyed = {key: row for key, row in batch.rows().items() if row.sealed_at and row.erased_at is None}
    if not keyed:
        return
    early = {key: row for key, row in keyed.items() if row.erased_because is not ErasedBecause.DUE}
    due = [recording_id for recording_id in keyed if recording_id not in early]
    if due:
        with archive.db.write() as tx:
            envelopes.delete(tx, due)  # I4
        step("envelope rows of due recordings gone")
    for epoch in _epochs(early):
        rekey(archive, epoch, frozenset(early), step=step)
    archive.db.forget_deleted()  # I4: a deleted row is still in the write-ahead log until now
    for recording_id in keyed:
        batch.note(recording_id, "key")


def unlink_bytes(batch: _Batch, step: Step) -> None:
    """I4, third: the sealed file and every plaintext file."""
    for doom in batch.dooms:
        step("unlink the bytes of one recording")
        try:
            count = batch.archive.plaintext.unlink(doom.recording_id, doom.paths)
            if count:
                batch.note(doom.recording_id, f"{count} plaintext files")
            if _may_be_in_vault(batch.archive, doom.recording_id) and batch.archive.vault.unlink(
                doom.recording_id
            ):
                batch.note(doom.recording_id, "sealed file")
        except OSError as error:
            problem = f"recording {doom.recording_id}: cannot be removed: {error.strerror or error}"
            batch.problems[doom.recording_id] = problem
        except Unavailable as error:
            batch.problems[doom.recording_id] = (
                f"recording {doom.recording_id}: cannot be removed: {error.text}"
            )


def check_absence(batch: _Batch, step: Step) -> None:
    """I4, fourth: nobody believes an unlink; look."""
    for doom in batch.dooms:
        found = left(batch.archive, doom.recording_id, doom.paths)
        if found and doom.recording_id not in batch.problems:
            problem = f"recording {doom.recording_id}: still there: {', '.join(found)}"
            batch.problems[doom.recording_id] = problem


def commit_receipts(batch: _Batch, step: Step) -> None:
    """I4, last: one durable receipt for each that is gone, one alarm for each that is not."""
    archive, rows = batch.archive, batch.rows()
    at = archive.clock.now()
    gone = [doom for doom in batch.dooms if doom.recording_id not in batch.problems]
    unsaid = [doom for doom in gone if _unsaid(doom, rows, batch.removed)]
    if not unsaid and not batch.problems:
        return
    with archive.db.write() as tx:
        for doom in unsaid:
            removed: list[Json] = [*batch.removed.get(doom.recording_id, ())]
            row = rows.get(doom.recording_id)
            if row is not None and row.erased_at is None:
                recordings.erased(tx, doom.recording_id, at, {"removed": removed, "absence_checked": True})
                for about in (doom.recording_id, row.call_id):
                    alarms.over(tx, Ending.GONE, at=at, about=about)
            else:
                told: dict[str, Json] = {"removed": removed, "because": doom.because.value}
                ledger.append(
                    tx, Kind.STRAY_REMOVED, at, actor="daemon", subject=doom.recording_id, payload=told
                )
        for recording_id, problem in batch.problems.items():
            row = rows.get(recording_id)
            alarms.raise_alarm(tx, ALARM, problem, call_id=None if row is None else row.call_id, at=at)


def _note_intent(tx: Tx, doom: Doom, at: datetime) -> None:
    match doom.because:
        case ErasedBecause.WITHDRAWN:
            recordings.withdrawn(tx, doom.recording_id, at, doom.by or WithdrawnBy.OPERATOR)
        case (
            ErasedBecause.DUE
            | ErasedBecause.REQUEST
            | ErasedBecause.OBJECTION
            | ErasedBecause.OUT_OF_SCOPE
            | ErasedBecause.INCIDENT_DROPPED
            | ErasedBecause.CONTROLLER_LOST
            | ErasedBecause.EMPTY
            | ErasedBecause.GHOST
        ):
            recordings.intended(tx, doom.recording_id, at, doom.because)
        case _:
            assert_never(doom.because)


def _epochs(rows: Mapping[RecordingId, RecordingRow]) -> list[Epoch]:
    by_label = {row.epoch.label: row.epoch for row in rows.values()}
    return [by_label[label] for label in sorted(by_label)]


def _carry_out(archive: Archive, do: RekeyStep, also: Callable[[Tx], None] | None) -> None:
    try:
        match do:
            case CreateGeneration():
                archive.epochs.next_generation(do.epoch)
            case MoveWraps():
                with archive.db.write() as tx:
                    if do.staying:
                        envelopes.rewrap(tx, do.staying, archive.epochs, archive.epochs.current(do.epoch))
                    envelopes.delete(tx, (wrap.recording_id for wrap in do.leaving))  # I4
                    if also is not None:
                        also(tx)
            case EmptyWriteAheadLog():
                archive.db.forget_deleted()
            case DestroyKey():
                archive.epochs.destroy(do.name)  # I4: older copies of the database go blind here
            case _:
                assert_never(do)
    except OSError as error:
        raise DestructionIncomplete(f"{archive.epochs.path}: cannot re-key: {error.strerror}") from error


def left(archive: Archive, recording_id: RecordingId, also: Iterable[Path] = ()) -> list[str]:
    """Return what is still there of a recording, in words; nothing: it is absent.

    Args:
        archive: Where to look.
        recording_id: The recording.
        also: Files of it outside the folders that the archive knows.
    """
    found = [str(path) for path in archive.plaintext.of(recording_id, also)]
    try:
        if _may_be_in_vault(archive, recording_id) and not archive.vault.absent(recording_id):
            found.append("sealed file")
    except Unavailable as error:
        found.append(f"perhaps a sealed file: {error.text}")
    if envelopes.of_recording(archive.db, recording_id):
        found.append("envelope")
    return found


def _may_be_in_vault(archive: Archive, recording_id: RecordingId) -> bool:
    """Tell whether the vault has to be asked; one of this machine always is, that costs nothing.

    A recording that was never captured was never sealed; so a withdrawal in mid-call waits for no vault host.
    What held no voice was not, either.
    """
    row = recordings.find_recording(archive.db, recording_id) if archive.vault.elsewhere else None
    if row is None:
        return True
    is_empty = row.state is RecordingState.EMPTY and row.sealed_at is None
    return row.captured_at is not None and not is_empty


def _unsaid(
    doom: Doom, rows: Mapping[RecordingId, RecordingRow], removed: Mapping[RecordingId, list[str]]
) -> bool:
    """Tell whether the ledger has to hear of it: a receipt is due, or a stray was there."""
    row = rows.get(doom.recording_id)
    return (row is not None and row.erased_at is None) or bool(removed.get(doom.recording_id))


def _receipt(row: RecordingRow, removed: Iterable[str]) -> Receipt | None:
    if row.erased_at is None or row.erased_because is None or row.lateness_ms is None:
        return None
    return Receipt(
        recording_id=row.recording_id,
        call_id=row.call_id,
        because=row.erased_because,
        erased_at=row.erased_at,
        lateness_ms=row.lateness_ms,
        removed=tuple(removed),
    )
