"""Rotation: a new reading key for a role, to which everything that lives is sealed again.

    begin     one commit: the new key is in use, the old one retired, every holder holds both
    batch     some shares, out of their epoch wrap, for a holder to re-seal in their own process
    put       one commit: the same parts under the new key, wrapped as their row is wrapped now
    finish    nothing openable is left under the old key: its grants go, then the bytes of them

What is sealed in between goes to the new key. A stop at any point loses nothing: the old key
opens what is left, both are held, and the next run goes on with what still names the old one.
A share that does not come out of its epoch wrap opens for nobody and is passed over.

The daemon cannot see what a holder puts back. Batches hand out every recording of a role at
once, so only root and the daemon's own user get them, who have the epoch folder anyway.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from policy.access import RoleName
from policy.clock import to_ms
from policy.errors import IntegrityError, NotFound, StateConflict, Unavailable
from policy.situation import PersonId
from policy.vocabulary import CallId, PolicyName, RecordingId
from store.db import Db, Tx
from store.files.archive import Archive
from store.keyring import callers, envelopes, reading_keys, shares
from store.keyring.envelopes import EnvelopeRow
from store.keyring.shares import Purpose, Share, Subject
from store.keys import KeyId, PublicHalf
from store.logbook import ledger
from store.logbook.ledger import Json, Kind

BATCH: Final = 16
"""Shares in one batch: about 40 kB on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Where the rotation of a role's key stands.

    Attributes:
        old: The key to be left, in use as long as `new` is None.
        new: The key that replaces it, or None before it began.
    """

    policy: PolicyName
    role: RoleName
    old: KeyId
    new: KeyId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One share, and what it is of."""

    subject: Subject
    share: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far a pass came: first all recordings, then all callers' numbers.

    Attributes:
        recording: Recording, path and role of the last share seen; None: past them all.
        call: The last call seen.
    """

    recording: tuple[str, str, str] | None = ("", "", "")
    call: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some of what is left.

    Attributes:
        held: To be re-sealed; empty only when nothing is left behind `after`.
        after: Where the next batch begins.
        skipped: Shares that open for nobody.
    """

    held: tuple[Held, ...]
    after: Place
    skipped: int


START: Final = Place()


def look(db: Db, policy: PolicyName, role: RoleName) -> Rotation:
    """Return where it stands; before the first one: with the key in use as the old one.

    Raises:
        NotFound: If the role has no reading key.
    """
    in_use = reading_keys.reading_key(db, policy, role).public.key_id
    held = db.rows(
        "SELECT DISTINCT k.key_id FROM reading_keys k JOIN key_grants USING (key_id)"
        " WHERE policy = ? AND role = ? AND retired_at IS NOT NULL ORDER BY retired_at",
        (policy, role),
    )
    if not held:
        return Rotation(policy=policy, role=role, old=in_use, new=None)
    return Rotation(policy=policy, role=role, old=KeyId(held[0]["key_id"]), new=in_use)


def begin(
    tx: Tx,
    rotation: Rotation,
    public: PublicHalf,
    grants: Mapping[PersonId, bytes],
    *,
    at: datetime,
    actor: str,
) -> Rotation:
    """Put a new key in use, held by exactly who holds the old one.

    Args:
        tx: The transaction.
        rotation: From `look`, not begun.
        public: The new key.
        grants: The new private half for each holder of the old one.
        at: Now.
        actor: Who does it.

    Raises:
        StateConflict: If the holders or the key in use are others by now, or nobody would hold it.
    """
    _must_be_in_use(tx, rotation)
    found = tx.execute(
        "SELECT person, is_custodian FROM key_grants WHERE key_id = ?", (rotation.old,)
    ).fetchall()
    custodians = {PersonId(row["person"]): bool(row["is_custodian"]) for row in found}
    if not custodians or grants.keys() != custodians.keys():
        raise StateConflict(
            f"policy {rotation.policy}, role {rotation.role}: other people hold the key by now",
            hint="run it again",
        )
    return _replace(tx, rotation, public, grants, custodians, at=at, actor=actor)


def begin_anew(
    tx: Tx,
    rotation: Rotation,
    public: PublicHalf,
    person: PersonId,
    sealed: bytes,
    *,
    at: datetime,
    actor: str,
) -> Rotation:
    """Put a new key in use because nobody can open the old one any more; one custodian holds it.

    What was sealed to the old key stays sealed to it: other paths open it, or nothing does.

    Raises:
        StateConflict: If another key is in use by now.
    """
    _must_be_in_use(tx, rotation)
    tx.execute("DELETE FROM key_grants WHERE key_id = ?", (rotation.old,))
    return _replace(tx, rotation, public, {person: sealed}, {person: True}, at=at, actor=actor)


def batch(archive: Archive, old: KeyId, after: Place = START) -> Batch:
    """Return the next shares that are sealed to a key, out of their epoch wrap; memory stays bounded."""
    skipped = 0
    while after.recording is not None:
        rows = _envelopes(archive.db, old, after.recording)
        held = tuple(filter(None, (_unwrapped(archive, row) for row in rows)))
        skipped += len(rows) - len(held)
        last = rows[-1] if rows else None
        after = replace(after, recording=None if last is None else (last.recording_id, last.path, last.role))
        if held:
            return Batch(held=held, after=after, skipped=skipped)
    while numbers := _numbers(archive.db, old, after.call):
        found = tuple(one for row in numbers for one in _shares_of(row["call_id"], row["caller_sealed"], old))
        skipped += 0 if found else len(numbers)
        after = replace(after, call=numbers[-1]["call_id"])
        if found:
            return Batch(held=found, after=after, skipped=skipped)
    return Batch(held=(), after=after, skipped=skipped)


def put(archive: Archive, rotation: Rotation, resealed: Sequence[Held]) -> int:
    """Store re-sealed shares; what has gone or moved on meanwhile is passed over.

    Returns:
        How many were stored.

    Raises:
        IntegrityError: If one is not sealed to the new key.
    """
    for one in resealed:
        if one.share.key_id != rotation.new:
            raise IntegrityError(f"share of {one.subject.id}: must be sealed to the new key, is not")
    with archive.db.write() as tx:
        return sum(_put(tx, archive, rotation.old, one) for one in resealed)


def left(db: Db, old: KeyId) -> int:
    """Return how many shares are sealed to a key, those that open for nobody included."""
    (rows,) = db.rows(
        "SELECT (SELECT count(*) FROM envelopes WHERE key_id = :old) + (SELECT count(*) FROM calls"
        " WHERE caller_sealed IS NOT NULL AND instr(caller_sealed, CAST(:old AS BLOB)) > 0) AS n",
        {"old": old},
    )
    return int(rows["n"])


def finish(archive: Archive, rotation: Rotation, *, actor: str) -> int:
    """Destroy the old key's grants, once nothing that opens is sealed to it; again is harmless.

    Returns:
        How many people held it.

    Raises:
        StateConflict: If something is left.
        DestructionIncomplete: If the grants' bytes are still in the write-ahead log; run again.
    """
    if batch(archive, rotation.old).held:
        raise StateConflict(
            f"policy {rotation.policy}, role {rotation.role}: something is still sealed to the old key",
            hint="run it again",
        )
    with archive.db.write() as tx:
        gone = tx.execute("DELETE FROM key_grants WHERE key_id = ?", (rotation.old,)).rowcount
        unopenable = tx.execute(
            "SELECT count(*) AS n FROM envelopes WHERE key_id = ?", (rotation.old,)
        ).fetchone()["n"]
        if not unopenable:
            tx.execute(
                "DELETE FROM reading_keys WHERE key_id = ? AND retired_at IS NOT NULL", (rotation.old,)
            )
        told: dict[str, Json] = {**_told(rotation), "grants": gone, "open_for_nobody": unopenable}
        ledger.append(tx, Kind.KEY_DESTROYED, archive.clock.now(), actor=actor, subject="", payload=told)
    archive.db.forget_deleted()
    return gone


def _must_be_in_use(tx: Tx, rotation: Rotation) -> None:
    if reading_keys.key_in_use(tx, rotation.policy, rotation.role) != rotation.old:
        raise StateConflict(
            f"policy {rotation.policy}, role {rotation.role}: has another key by now", hint="run it again"
        )


def _replace(
    tx: Tx,
    rotation: Rotation,
    public: PublicHalf,
    grants: Mapping[PersonId, bytes],
    custodians: Mapping[PersonId, bool],
    *,
    at: datetime,
    actor: str,
) -> Rotation:
    tx.execute("UPDATE reading_keys SET retired_at = ? WHERE key_id = ?", (to_ms(at), rotation.old))
    begun = replace(rotation, new=public.key_id)
    ledger.append(tx, Kind.KEY_ROTATION_BEGUN, at, actor=actor, subject="", payload=_told(begun))
    reading_keys.add_reading_key(tx, rotation.policy, rotation.role, public, at=at, actor=actor)
    for person, sealed in grants.items():
        reading_keys.grant(
            tx, public.key_id, person, sealed, is_custodian=custodians[person], at=at, actor=actor
        )
    return begun


def _told(rotation: Rotation) -> dict[str, Json]:
    return {
        "policy": rotation.policy,
        "role": rotation.role,
        "old_key": rotation.old,
        "new_key": rotation.new,
    }


def _envelopes(db: Db, old: KeyId, after: tuple[str, str, str]) -> list[EnvelopeRow]:
    found = db.rows(
        "SELECT * FROM envelopes WHERE key_id = ? AND (recording_id, path, role) > (?, ?, ?)"
        " ORDER BY recording_id, path, role LIMIT ?",
        (old, *after, BATCH),
    )
    return [EnvelopeRow(**dict(row)) for row in found]


def _numbers(db: Db, old: KeyId, after: str) -> list[sqlite3.Row]:
    return db.rows(
        "SELECT call_id, caller_sealed FROM calls WHERE call_id > ? AND caller_sealed IS NOT NULL"
        " AND instr(caller_sealed, CAST(? AS BLOB)) > 0 ORDER BY call_id LIMIT ?",
        (after, old, BATCH),
    )


def _shares_of(call_id: CallId, sealed: bytes, old: KeyId) -> Iterator[Held]:
    with suppress(IntegrityError):
        for share in callers.unpack(sealed):
            if share.key_id == old:
                yield Held(subject=shares.caller_number(call_id), share=share)


def _unwrapped(archive: Archive, row: EnvelopeRow) -> Held | None:
    with suppress(IntegrityError, NotFound, Unavailable):
        share = envelopes.unwrap(row, archive.epochs)
        return Held(subject=shares.recording(row.recording_id), share=share)
    return None


def _put(tx: Tx, archive: Archive, old: KeyId, one: Held) -> int:
    match one.subject.purpose:
        case Purpose.RECORDING:
            return _put_envelope(tx, archive, old, one)
        case Purpose.CALLER_NUMBER:
            return _put_number(tx, old, one)


def _put_envelope(tx: Tx, archive: Archive, old: KeyId, one: Held) -> int:
    recording_id, share = RecordingId(one.subject.id), one.share
    where = (recording_id, share.path, share.role, old)
    row = tx.execute(
        "SELECT epoch_key FROM envelopes WHERE recording_id = ? AND path = ? AND role = ? AND key_id = ?",
        where,
    ).fetchone()
    if row is None:
        return 0
    # Under the key of its row as it is now: a hold or an erasure may have moved it.
    wrapped = envelopes.wrap(recording_id, share, archive.epochs, archive.epochs.load(row["epoch_key"]))
    return tx.execute(
        "UPDATE envelopes SET key_id = ?, wrapped = ?"
        " WHERE recording_id = ? AND path = ? AND role = ? AND key_id = ?",
        (wrapped.key_id, wrapped.wrapped, *where),
    ).rowcount


def _put_number(tx: Tx, old: KeyId, one: Held) -> int:
    call_id = CallId(one.subject.id)
    row = tx.execute(
        "SELECT caller_sealed FROM calls WHERE call_id = ? AND caller_sealed IS NOT NULL", (call_id,)
    ).fetchone()
    if row is None:
        return 0
    before = callers.unpack(row["caller_sealed"])
    after = tuple(
        one.share
        if (share.path, share.role, share.key_id) == (one.share.path, one.share.role, old)
        else share
        for share in before
    )
    return tx.execute(
        "UPDATE calls SET caller_sealed = ? WHERE call_id = ?", (callers.pack(after), call_id)
    ).rowcount
