"""Erasing a part of a recording: a new sealed copy takes its place, and the old key is destroyed.

Theory of operation

Only somebody with a key can open a recording, so the new copy is made in that person's process:
silence in both channels where it was asked, sealed under a new key, the shares of which go to the
public halves that every recording is sealed to. What is handed in here is a container and shares;
this machine opens neither, before or after.

    handed in, durable, its hash read again       (I2)
    -> a next generation of the epoch's key       shares wrapped under it
    -> intent committed with those shares         (I4: from here on it is finished, not undone)
    -> old shares deleted, new ones stored, one commit; old epoch key destroyed
    -> the new file in the place of the old one
    -> absence checked -> receipt committed

The other recordings of the epoch move to the new generation, as in every early erasure. After a
crash `finish` goes on from the intent; what was handed in without one is removed.
"""

from __future__ import annotations

import json
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policy.access import RoleName
from policy.clock import to_ms
from policy.errors import DestructionIncomplete, IntegrityError, StateConflict
from policy.key_groups import KeyPath, roles_of
from policy.situation import PersonId
from policy.vocabulary import PolicyName, RecordingId, RecordingState
from store.db import Db, Tx
from store.files.archive import Archive
from store.files.epochs import EpochKeyName
from store.keyring import envelopes, reading_keys
from store.keyring.envelopes import EnvelopeRow
from store.keyring.shares import Purpose, Share
from store.keys import KeyId
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.records import alarms, recordings
from store.records.recordings import SealedFile
from store.retention import destruction
from store.retention.destruction import ALARM
from store.steps import Step, straight_on

LONGEST_PART_MS: Final = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which part, and what was handed in to take the recording's place.

    Attributes:
        from_ms: From here on, counted from the start of the recording.
        to_ms: Up to but not including this.
        person: Whose process made the new copy.
        size_bytes: Of the new container.
        sha256: Of the new container.
        shares: Of its key: one for each role of each path that the policy's recordings are sealed to.
    """

    recording_id: RecordingId
    from_ms: int
    to_ms: int
    person: PersonId
    size_bytes: int
    sha256: str
    shares: tuple[Share, ...]


def run(archive: Archive, part: Part, *, actor: str, step: Step = straight_on) -> int:
    """Erase a part whose new copy was handed in, and return the number of the receipt's entry.

    Raises:
        NotFound: If there is no such recording, or nothing was handed in for it.
        StateConflict: If it is not sealed (any more), or the part lies outside it.
        IntegrityError: If what was handed in is not what was said to be, or its shares are other than
            those that every recording of the policy has.
        DestructionIncomplete: If something that had to go is still there; `finish` tries again.
    """
    row = recordings.get_recording(archive.db, part.recording_id)
    must_not_be_underway(archive.db, part.recording_id)
    if row.state is not RecordingState.SEALED:
        raise StateConflict(f"recording {part.recording_id}: must be sealed, is {row.state.value}")
    if row.duration_ms is not None and part.to_ms > row.duration_ms + 1000:
        raise StateConflict(
            f"recording {part.recording_id}: lasts {row.duration_ms} ms, got a part that ends at {part.to_ms}"
        )
    step("read again what was handed in")
    written = archive.vault.check_staged(part.recording_id)  # I2: durable and re-read before any row says so
    if (written.size_bytes, written.sha256) != (part.size_bytes, part.sha256):
        raise IntegrityError(f"recording {part.recording_id}: what was handed in is not what was sealed")
    _must_be_sealed_as_ever(archive.db, row.policy, part)
    step("have the next epoch key")
    key = archive.epochs.next_generation(row.epoch)
    rows = tuple(envelopes.wrap(part.recording_id, share, archive.epochs, key) for share in part.shares)
    step("commit the intent")
    at = archive.clock.now()
    with archive.db.write() as tx:  # I4
        _intend(tx, part, rows, at, actor)
    return _go_on(archive, _underway(archive, part.recording_id), step)


def finish(archive: Archive, *, step: Step = straight_on) -> int:
    """Finish what a crash left, and remove what was handed in for nothing; once at every start.

    Returns:
        How many erasures were finished.

    Raises:
        DestructionIncomplete: If something that had to go is still there.
    """
    found = archive.db.rows("SELECT * FROM part_erasures WHERE erased_at IS NULL ORDER BY part_id")
    for row in found:
        _go_on(archive, row, step)
    for recording_id in archive.vault.staged():
        archive.vault.drop_staged(recording_id)
    return len(found)


def must_not_be_underway(db: Db, recording_id: RecordingId) -> None:
    """Check that no erasure of a part waits for its end: what was handed in for it must stay.

    Raises:
        StateConflict: If one does.
    """
    if db.rows("SELECT 1 FROM part_erasures WHERE recording_id = ? AND erased_at IS NULL", (recording_id,)):
        raise StateConflict(
            f"recording {recording_id}: the erasure of a part of it has begun",
            hint="the daemon finishes it at its next start",
        )


def forget(tx: Tx, recording_id: RecordingId) -> None:
    """Erase that parts of a recording were erased, with the data of its call."""
    tx.execute("DELETE FROM part_erasures WHERE recording_id = ?", (recording_id,))


def _intend(tx: Tx, part: Part, rows: Iterable[EnvelopeRow], at: datetime, actor: str) -> None:
    if recordings.find(tx, part.recording_id).intended_at is not None:
        raise StateConflict(f"recording {part.recording_id}: its erasure has begun")
    tx.execute(
        "INSERT INTO part_erasures (recording_id, from_ms, to_ms, person, sealed_bytes, sealed_sha256,"
        " envelopes, intended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            part.recording_id,
            part.from_ms,
            part.to_ms,
            part.person,
            part.size_bytes,
            part.sha256,
            _written(rows),
            to_ms(at),
        ),
    )
    told: dict[str, Json] = {"from_ms": part.from_ms, "to_ms": part.to_ms, "sealed_sha256": part.sha256}
    ledger.append(tx, Kind.PART_ERASURE_INTENDED, at, actor=actor, subject=part.recording_id, payload=told)


def _must_be_sealed_as_ever(db: Db, policy: PolicyName, part: Part) -> None:
    """Check that the same people open the new copy as the old: who makes it is in nobody's place."""
    to = reading_keys.sealed_to(db, policy, Purpose.RECORDING)
    expected = (
        []
        if to is None
        else [(path, role, to.keys[role].key_id) for path in to.paths for role in roles_of(path)]
    )
    if sorted((share.path, share.role, share.key_id) for share in part.shares) != sorted(expected):
        raise IntegrityError(
            f"recording {part.recording_id}: the shares of the new copy must be those of its policy's paths"
        )


def _underway(archive: Archive, recording_id: RecordingId) -> sqlite3.Row:
    (row,) = archive.db.rows(
        "SELECT * FROM part_erasures WHERE recording_id = ? AND erased_at IS NULL", (recording_id,)
    )
    return row


def _go_on(archive: Archive, underway: sqlite3.Row, step: Step) -> int:
    """Carry out an erasure from its intent on; safe to repeat."""
    recording_id = RecordingId(underway["recording_id"])
    row = recordings.get_recording(archive.db, recording_id)
    if row.intended_at is None:
        new = _read(recording_id, underway["envelopes"])
        _replace_keys(archive, underway, new, step)
        step("put the new file in its place")
        archive.vault.put_staged(recording_id)
        step("check the absence of the old one")
        problem = _left(archive, underway, new)
        if problem is not None:
            with archive.db.write() as tx:
                alarms.raise_alarm(tx, ALARM, problem, call_id=row.call_id, at=archive.clock.now())
            raise DestructionIncomplete(problem, hint="the daemon tries again at its next start")
    step("commit the receipt of the part")
    at = archive.clock.now()
    with archive.db.write() as tx:  # I4, last
        told: dict[str, Json] = {
            "from_ms": underway["from_ms"],
            "to_ms": underway["to_ms"],
            "removed": ["key", "sealed file"],
            "absence_checked": True,
            "sealed_sha256": underway["sealed_sha256"],
        }
        tx.execute(
            "UPDATE part_erasures SET erased_at = ?, envelopes = NULL WHERE part_id = ?",
            (to_ms(at), underway["part_id"]),
        )
        return ledger.append(tx, Kind.PART_ERASED, at, actor="daemon", subject=recording_id, payload=told)


def _replace_keys(archive: Archive, underway: sqlite3.Row, new: Sequence[EnvelopeRow], step: Step) -> None:
    recording_id = RecordingId(underway["recording_id"])
    stored = {(row.path, row.role): row for row in envelopes.of_recording(archive.db, recording_id)}
    if all(stored.get((row.path, row.role)) == row for row in new):
        archive.db.forget_deleted()
        old = [name for name in archive.epochs.names() if _older(name, new[0].epoch_key)]
        in_use = envelopes.epoch_keys_in_use(archive.db)
        for name in old:  # a crash came between the commit and their destruction
            if name not in in_use:
                archive.epochs.destroy(name)
        return
    file = SealedFile(
        size_bytes=underway["sealed_bytes"], sha256=underway["sealed_sha256"], content_type="audio/flac"
    )

    def arrive(tx: Tx) -> None:
        envelopes.put(tx, new)
        recordings.resealed(tx, recording_id, file)

    epoch = recordings.get_recording(archive.db, recording_id).epoch
    destruction.rekey(archive, epoch, frozenset({recording_id}), also=arrive, step=step)


def _left(archive: Archive, underway: sqlite3.Row, new: Sequence[EnvelopeRow]) -> str | None:
    recording_id = RecordingId(underway["recording_id"])
    if archive.vault.sha256(recording_id) != underway["sealed_sha256"]:
        return f"recording {recording_id}: the file before its part was erased is still there"
    if set(envelopes.of_recording(archive.db, recording_id)) != set(new):
        return f"recording {recording_id}: an envelope from before its part was erased is still there"
    return None


def _older(name: EpochKeyName, than: EpochKeyName) -> bool:
    label, generation, _ = name.rsplit(".", 2)
    other_label, other_generation, _ = than.rsplit(".", 2)
    return label == other_label and int(generation) < int(other_generation)


def _written(rows: Iterable[EnvelopeRow]) -> str:
    return json.dumps(
        [
            {
                "path": row.path,
                "role": row.role,
                "key_id": row.key_id,
                "epoch_key": row.epoch_key,
                "wrapped": b64encode(row.wrapped).decode(),
            }
            for row in rows
        ]
    )


def _read(recording_id: RecordingId, text: str) -> tuple[EnvelopeRow, ...]:
    return tuple(
        EnvelopeRow(
            recording_id=recording_id,
            path=KeyPath(row["path"]),
            role=RoleName(row["role"]),
            key_id=KeyId(row["key_id"]),
            epoch_key=EpochKeyName(row["epoch_key"]),
            wrapped=b64decode(row["wrapped"]),
        )
        for row in json.loads(text)
    )
