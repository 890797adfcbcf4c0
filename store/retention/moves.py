"""Moves: a recording whose end changed goes under the key of the epoch in which it ends now.

Theory of operation

A hold, its release, an extension or a shorter promise changes when a recording has to be gone.
Its envelopes follow it to that epoch, in the order that a crash at any step leaves safe:

    keys durable -> rows, ledger and wraps, one commit -> write-ahead log emptied -> old keys destroyed

The key a recording leaves is destroyed at once, further or nearer; the others of that epoch move
to its next generation. So no copy of the database made before the change opens what moved: a
backup from before a release cannot outlast it, nor one from before a hold an erasure during it.

A crash before the commit leaves keys that wrap nothing yet, a crash after it an old generation
that wraps nothing any more. `finish`, run by every purge, destroys the latter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from policy.errors import DestructionIncomplete, StateConflict
from policy.vocabulary import RecordingId
from store.db import Tx
from store.files.archive import Archive
from store.files.epochs import Epoch, EpochKey, EpochKeyName, Wrapped, epoch_of, epoch_of_name
from store.keyring import envelopes
from store.records import recordings
from store.records.recordings import RecordingRow
from store.steps import Step, straight_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What becomes of epoch keys and wraps when some recordings end at another time.

    Attributes:
        fresh: Epochs that need a next generation first: their newest key is to be destroyed.
        moving: Wraps that leave their epoch, and where to.
        staying: Wraps of other recordings under a key that is to be destroyed.
        doomed: Keys that wrap nothing any more afterwards.
    """

    fresh: tuple[Epoch, ...]
    moving: tuple[tuple[Wrapped, Epoch], ...]
    staying: tuple[Wrapped, ...]
    doomed: tuple[EpochKeyName, ...]


def plan(
    epochs: Mapping[RecordingId, Epoch], *, keys: Iterable[EpochKeyName], wraps: Iterable[Wrapped]
) -> Plan:
    """Return what moving some recordings takes; none where they stay in their epoch.

    Args:
        epochs: Where each recording ends now.
        keys: `EpochFolder.names()`, oldest generation of an epoch first.
        wraps: Every row of the epochs that they leave, other recordings' included.
    """
    rows = tuple(wraps)
    moving = tuple(
        (row, epochs[row.recording_id])
        for row in rows
        if row.recording_id in epochs and epoch_of_name(row.key_name) != epochs[row.recording_id]
    )
    left = {row.key_name for row, _ in moving}
    newest = {epoch_of_name(name): name for name in keys}
    doomed = tuple(name for name in keys if name in left)
    gone = {row.recording_id for row, _ in moving}
    return Plan(
        fresh=tuple(epoch_of_name(name) for name in doomed if newest[epoch_of_name(name)] == name),
        moving=moving,
        staying=tuple(row for row in rows if row.key_name in doomed and row.recording_id not in gone),
        doomed=doomed,
    )


def run(
    archive: Archive,
    ends: Mapping[RecordingId, datetime],
    note: Callable[[Tx], None],
    *,
    step: Step = straight_on,
) -> None:
    """Give recordings another end, and commit together with it what says why.

    Args:
        archive: Where they are.
        ends: When each has to be gone now.
        note: Writes the decision and its ledger entry, before the ends change; what it raises
            leaves everything as it was.
        step: For crash tests.

    Raises:
        NotFound: If there is no such recording.
        StateConflict: If the end of one was decided meanwhile.
        DestructionIncomplete: If an old key is still there; the decision holds, and the next
            purge destroys it.
        Unavailable: If database or epoch folder cannot be reached; nothing was decided then.
    """
    rows = {key: recordings.get_recording(archive.db, key) for key in ends}
    planned = _planned(archive, rows, ends)
    step("have the keys of the new epochs")
    for epoch in planned.fresh:
        archive.epochs.next_generation(epoch)
    targets = {epoch: archive.epochs.current(epoch) for epoch in _targets(planned)}
    step("commit the new ends")
    with archive.db.write() as tx:
        for recording_id in ends:
            if recordings.find(tx, recording_id).intended_at is not None:
                raise StateConflict(f"recording {recording_id}: its erasure has begun, so its end stays")
        note(tx)
        for recording_id, due_at in ends.items():
            recordings.ends_at(tx, recording_id, due_at)
        _rewrap(tx, archive, planned, targets)
    _destroy(archive, planned.doomed, step)


def finish(archive: Archive, *, step: Step = straight_on) -> tuple[EpochKeyName, ...]:
    """Destroy the keys that a crash left: they wrap nothing, and their epoch has a newer one.

    Raises:
        DestructionIncomplete: If one is still there.
    """
    in_use = envelopes.epoch_keys_in_use(archive.db)
    names = archive.epochs.names()
    newest = {epoch_of_name(name): name for name in names}
    doomed = tuple(name for name in names if name not in in_use and newest[epoch_of_name(name)] != name)
    _destroy(archive, doomed, step)
    return doomed


def _planned(
    archive: Archive, rows: Mapping[RecordingId, RecordingRow], ends: Mapping[RecordingId, datetime]
) -> Plan:
    epochs = {key: epoch_of(due_at, rows[key].epoch_length) for key, due_at in ends.items()}
    left = {rows[key].epoch for key, epoch in epochs.items() if rows[key].epoch != epoch}
    wraps = [
        wrap
        for epoch in sorted(left, key=lambda epoch: epoch.label)
        for wrap in envelopes.wraps_of(archive.db, epoch)
    ]
    return plan(epochs, keys=archive.epochs.names(), wraps=wraps)


def _targets(planned: Plan) -> set[Epoch]:
    return {epoch for _, epoch in planned.moving} | {epoch_of_name(row.key_name) for row in planned.staying}


def _rewrap(tx: Tx, archive: Archive, planned: Plan, targets: Mapping[Epoch, EpochKey]) -> None:
    staying = ((row, epoch_of_name(row.key_name)) for row in planned.staying)
    moves = sorted((*planned.moving, *staying), key=lambda move: move[1].label)
    for epoch, group in groupby(moves, key=lambda move: move[1]):
        envelopes.rewrap(tx, [row for row, _ in group], archive.epochs, targets[epoch])


def _destroy(archive: Archive, doomed: Iterable[EpochKeyName], step: Step) -> None:
    names = tuple(doomed)
    if not names:
        return
    step("empty the write-ahead log")
    archive.db.forget_deleted()
    for name in names:
        step("destroy a key that recordings left")
        try:
            archive.epochs.destroy(name)
        except OSError as error:
            raise DestructionIncomplete(f"epoch key {name}: cannot be destroyed: {error.strerror}") from error
