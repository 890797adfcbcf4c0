"""Envelopes: each recording's key, sealed to a reading key and wrapped under an epoch key."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from policy.vocabulary import RecordingId
from store.db import Db, Tx
from store.epochs import (
    Epoch,
    EpochFolder,
    EpochKey,
    EpochKeyDamaged,
    EpochKeyGone,
    EpochKeyName,
    Wrapped,
    WrapRefused,
)
from store.keys import KeyId, PublicHalf, Purpose, envelope_info, seal_to


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeRow:
    """One envelope as it is stored.

    Attributes:
        key_id: The reading key it is sealed to.
        epoch_key: The epoch key it is wrapped under.
        wrapped: The bytes.
    """

    recording_id: RecordingId
    key_id: KeyId
    epoch_key: EpochKeyName
    wrapped: bytes = field(repr=False)


def make(
    recording_id: RecordingId, secret: bytes, *, public: PublicHalf, epochs: EpochFolder, key: EpochKey
) -> EnvelopeRow:
    """Return the envelope of a recording's key."""
    info = envelope_info(Purpose.RECORDING, recording_id)
    return EnvelopeRow(
        recording_id=recording_id,
        key_id=public.key_id,
        epoch_key=key.name,
        wrapped=epochs.wrap(key, seal_to(public, secret, info), info),
    )


def unwrap(row: EnvelopeRow, epochs: EpochFolder) -> bytes:
    """Return the envelope without its epoch wrap; still sealed to the reading key.

    Raises:
        EpochKeyGone: If the epoch key is not there any more.
        WrapRefused: If the row was damaged or moved.
    """
    info = envelope_info(Purpose.RECORDING, row.recording_id)
    return epochs.unwrap(epochs.load(row.epoch_key), row.wrapped, info)


def put(tx: Tx, row: EnvelopeRow) -> None:
    """Store an envelope; one for the same recording and reading key is replaced."""
    tx.execute(
        "INSERT OR REPLACE INTO envelopes (recording_id, key_id, epoch_key, wrapped) VALUES (?, ?, ?, ?)",
        (row.recording_id, row.key_id, row.epoch_key, row.wrapped),
    )


def delete(tx: Tx, recording_ids: Iterable[RecordingId]) -> int:
    """Delete every envelope of these recordings and return how many there were (I4)."""
    return sum(
        tx.execute("DELETE FROM envelopes WHERE recording_id = ?", (recording_id,)).rowcount
        for recording_id in recording_ids
    )


def of_recording(db: Db, recording_id: RecordingId) -> tuple[EnvelopeRow, ...]:
    """Return the envelopes of a recording."""
    found = db.rows("SELECT * FROM envelopes WHERE recording_id = ? ORDER BY key_id", (recording_id,))
    return tuple(EnvelopeRow(**dict(row)) for row in found)


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
    old_keys = {name: _whole(epochs, name) for name in {wrap.key_name for wrap in wraps}}
    for wrap in wraps:
        old = old_keys[wrap.key_name]
        if old is None:
            continue
        found = tx.execute(
            "SELECT * FROM envelopes WHERE recording_id = ? AND epoch_key = ?",
            (wrap.recording_id, wrap.key_name),
        ).fetchall()
        info = envelope_info(Purpose.RECORDING, wrap.recording_id)
        for row in (EnvelopeRow(**dict(row)) for row in found):
            with suppress(WrapRefused):
                tx.execute(
                    "UPDATE envelopes SET epoch_key = ?, wrapped = ? WHERE recording_id = ? AND key_id = ?",
                    (
                        key.name,
                        epochs.wrap(key, epochs.unwrap(old, row.wrapped, info), info),
                        row.recording_id,
                        row.key_id,
                    ),
                )


def _whole(epochs: EpochFolder, name: EpochKeyName) -> EpochKey | None:
    try:
        return epochs.load(name)
    except (EpochKeyGone, EpochKeyDamaged):
        return None
