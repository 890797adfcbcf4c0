"""Envelopes: the shares of each recording's key, each wrapped under an epoch key.

One row a share (`store/keyring/shares.py`): a recording has as many as its paths have roles. All rows
of a whole path open it; destroying an epoch key, or deleting the rows, shuts every path at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from policy.access import RoleName
from policy.clock import Randomness
from policy.key_groups import KeyPath, roles_of
from policy.vocabulary import RecordingId
from store.db import Db, Tx
from store.files.epochs import (
    Epoch,
    EpochFolder,
    EpochKey,
    EpochKeyDamaged,
    EpochKeyGone,
    EpochKeyName,
    Wrapped,
    WrapRefused,
)
from store.keyring import shares
from store.keyring.reading_keys import SealedTo
from store.keyring.shares import Share
from store.keys import KeyId


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeRow:
    """One share as it is stored.

    Attributes:
        path: Which path it is of.
        role: Whose part.
        key_id: The reading key it is sealed to.
        epoch_key: The epoch key it is wrapped under.
        wrapped: The bytes.
    """

    recording_id: RecordingId
    path: KeyPath
    role: RoleName
    key_id: KeyId
    epoch_key: EpochKeyName
    wrapped: bytes = field(repr=False)

    @property
    def aad(self) -> bytes:
        """What the wrap is bound to."""
        return shares.share_info(shares.recording(self.recording_id), self.path, self.role)


def make(
    recording_id: RecordingId,
    secret: bytes,
    *,
    to: SealedTo,
    epochs: EpochFolder,
    key: EpochKey,
    randomness: Randomness,
) -> tuple[EnvelopeRow, ...]:
    """Return the envelopes of a recording's key: public halves are all it takes."""
    subject = shares.recording(recording_id)
    made = shares.split(secret, subject, paths=to.paths, keys=to.keys, randomness=randomness)
    return tuple(wrap(recording_id, share, epochs, key) for share in made)


def wrap(recording_id: RecordingId, share: Share, epochs: EpochFolder, key: EpochKey) -> EnvelopeRow:
    """Return a share under an epoch key."""
    info = shares.share_info(shares.recording(recording_id), share.path, share.role)
    return EnvelopeRow(
        recording_id=recording_id,
        path=share.path,
        role=share.role,
        key_id=share.key_id,
        epoch_key=key.name,
        wrapped=epochs.wrap(key, share.sealed, info),
    )


def unwrap(row: EnvelopeRow, epochs: EpochFolder) -> Share:
    """Return the share without its epoch wrap; still sealed to the role's reading key.

    Raises:
        EpochKeyGone: If the epoch key is not there any more.
        WrapRefused: If the row was damaged or moved.
    """
    sealed = epochs.unwrap(epochs.load(row.epoch_key), row.wrapped, row.aad)
    return Share(path=row.path, role=row.role, key_id=row.key_id, sealed=sealed)


def put(tx: Tx, rows: Iterable[EnvelopeRow]) -> None:
    """Store envelopes; one for the same recording, path and role is replaced."""
    tx.executemany(
        "INSERT OR REPLACE INTO envelopes (recording_id, path, role, key_id, epoch_key, wrapped)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [(row.recording_id, row.path, row.role, row.key_id, row.epoch_key, row.wrapped) for row in rows],
    )


def delete(tx: Tx, recording_ids: Iterable[RecordingId]) -> int:
    """Delete every envelope of these recordings and return how many there were (I4)."""
    return sum(
        tx.execute("DELETE FROM envelopes WHERE recording_id = ?", (recording_id,)).rowcount
        for recording_id in recording_ids
    )


def of_recording(db: Db, recording_id: RecordingId) -> tuple[EnvelopeRow, ...]:
    """Return the envelopes of a recording, by path and role."""
    found = db.rows("SELECT * FROM envelopes WHERE recording_id = ? ORDER BY path, role", (recording_id,))
    return tuple(EnvelopeRow(**dict(row)) for row in found)


def paths_of(rows: Iterable[EnvelopeRow]) -> Mapping[KeyPath, tuple[EnvelopeRow, ...]]:
    """Return the rows of each path that is whole; one that lacks a role opens nothing and is left out."""
    by_path: dict[KeyPath, list[EnvelopeRow]] = {}
    for row in rows:
        by_path.setdefault(row.path, []).append(row)
    return {
        path: tuple(found)
        for path, found in by_path.items()
        if {row.role for row in found} == set(roles_of(path))
    }


def openable(db: Db, epoch_keys: Collection[EpochKeyName]) -> frozenset[RecordingId]:
    """Return the recordings of which one path at least is whole, its epoch keys there.

    Args:
        db: The database.
        epoch_keys: `EpochFolder.names()`.
    """
    there = frozenset(epoch_keys)
    found = db.rows(
        "SELECT recording_id, path, count(*) AS shares, group_concat(DISTINCT epoch_key) AS names"
        " FROM envelopes GROUP BY recording_id, path"
    )
    return frozenset(
        RecordingId(row["recording_id"])
        for row in found
        if row["shares"] == len(roles_of(row["path"])) and there.issuperset(row["names"].split(","))
    )


def wraps_of(db: Db, epoch: Epoch) -> tuple[Wrapped, ...]:
    """Return which recordings' envelopes are wrapped under which key of an epoch."""
    found = db.rows(
        "SELECT DISTINCT recording_id, epoch_key FROM envelopes WHERE epoch_key GLOB ? ORDER BY recording_id",
        (f"{epoch.label}.*",),
    )
    return tuple(Wrapped(recording_id=row["recording_id"], key_name=row["epoch_key"]) for row in found)


def epoch_keys_in_use(db: Db) -> frozenset[EpochKeyName]:
    """Return every epoch key that an envelope names."""
    return frozenset(row["epoch_key"] for row in db.rows("SELECT DISTINCT epoch_key FROM envelopes"))


def rewrap(tx: Tx, wraps: Collection[Wrapped], epochs: EpochFolder, key: EpochKey) -> None:
    """Move envelopes from their epoch key to another, one at a time.

    One that is damaged, or whose old key is, stays behind: it opens for nobody, and must not
    stop another caller's erasure. `sweep` finds it, for its epoch key will be gone.
    """
    old_keys = {name: _whole(epochs, name) for name in {wrapped.key_name for wrapped in wraps}}
    for wrapped in wraps:
        old = old_keys[wrapped.key_name]
        if old is None:
            continue
        found = tx.execute(
            "SELECT * FROM envelopes WHERE recording_id = ? AND epoch_key = ?",
            (wrapped.recording_id, wrapped.key_name),
        ).fetchall()
        for row in (EnvelopeRow(**dict(row)) for row in found):
            with suppress(WrapRefused):
                tx.execute(
                    "UPDATE envelopes SET epoch_key = ?, wrapped = ?"
                    " WHERE recording_id = ? AND path = ? AND role = ?",
                    (
                        key.name,
                        epochs.wrap(key, epochs.unwrap(old, row.wrapped, row.aad), row.aad),
                        row.recording_id,
                        row.path,
                        row.role,
                    ),
                )


def _whole(epochs: EpochFolder, name: EpochKeyName) -> EpochKey | None:
    try:
        return epochs.load(name)
    except (EpochKeyGone, EpochKeyDamaged):
        return None
