"""Epoch keys: one file each, whose destruction makes every older copy unreadable.

    vault/epochs/                       mode 0700, outside the database and every ordinary backup
        2027-01-20.1.key                32 random bytes, mode 0600: recordings due on that UTC day
        2027-01-20.2.key                its second generation, after an early erasure
        2027-01-20.1.gone               empty: generation 1 was destroyed and must never come back
        2027-01-20T13.1.key             the same for terms given in hours
        .2027-01-20.1.key.<hex>.tmp     not yet a key; removed at the next start

    a wrap          nonce (12) || AES-256-GCM(envelope) + tag 16

Theory of operation

Each envelope of a recording is wrapped once more under the key of the epoch in which the
recording falls due. Purging deletes rows and files, but not the copies of them in last
week's backup; destroying the epoch key does. An erasure before the term would have to wait
for the epoch's other recordings, so it re-keys: the others move to the next generation and
the old generation is destroyed. `plan_rekey` gives the order.

A key appears under its name complete and durable or not at all, and never replaces a file.
Destruction is made durable before it is carried out: the `.gone` file comes first, and from
then on the key does not load even if a crash or a restored copy left its file behind. The
`.gone` file also keeps a generation's number from being given out again; a new key under a
destroyed name would be destroyed by whoever repeats the old destruction. It is empty, one
for each key that ever was.

The folder has one owner: the daemon, or a command under the daemon's lock.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Final, NewType, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from policy.clock import Randomness
from policy.errors import DestructionIncomplete, IntegrityError, StateConflict
from policy.vocabulary import RecordingId

EPOCH_KEY_BYTES: Final = 32
WRAP_OVERHEAD_BYTES: Final = 12 + 16

_NONCE_BYTES: Final = 12
_WRAP_LABEL: Final = b"consentline/v1/epoch-wrap\x00"
_FOLDER_MODE: Final = 0o700
_KEY_MODE: Final = 0o600
_OTHERS: Final = 0o077
_FILE_NAME: Final = re.compile(
    r"(?P<label>[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2})?)\.(?P<generation>[1-9][0-9]{0,8})\.(?P<kind>key|gone)"
)

EpochKeyName = NewType("EpochKeyName", str)
"""File name of an epoch key, such as `2027-01-20.1.key`; this is what a row stores."""


class EpochKeyGone(IntegrityError):
    """The key is not there, so what it wrapped cannot be read again.

    Attributes:
        destroyed: True after `destroy`, the expected state; False if nobody here destroyed it.
    """

    def __init__(self, name: EpochKeyName, *, destroyed: bool) -> None:
        how = "was destroyed" if destroyed else "is missing, and was never destroyed by this program"
        hint = None if destroyed else "A disk or a restore lost it: look for the mirror of the epoch folder."
        super().__init__(f"epoch key {name}: {how}", hint=hint)
        self.name = name
        self.destroyed = destroyed


class EpochKeyDamaged(IntegrityError):
    """A key file is not 32 bytes long."""


class EpochNameMalformed(IntegrityError):
    """A stored name is not the name of an epoch key; nothing on disk was touched."""


class WrapRefused(IntegrityError):
    """A wrap is damaged, or belongs to another key or another row."""


class EpochFolderExposed(StateConflict):
    """The epoch folder may be entered by others than its owner."""


class EpochLength(Enum):
    """How long an epoch is: an hour for terms given in hours, a day for all others."""

    DAY = "day"
    HOUR = "hour"


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """The UTC day or hour in which recordings fall due.

    Attributes:
        starts_at: Aware UTC, at the full day or hour.
        length: Day or hour.
    """

    starts_at: datetime
    length: EpochLength

    @property
    def label(self) -> str:
        """`2027-01-20` or `2027-01-20T13`."""
        return self.starts_at.strftime("%Y-%m-%d" if self.length is EpochLength.DAY else "%Y-%m-%dT%H")

    @property
    def ends_at(self) -> datetime:
        """The first moment after the epoch; later than every `due_at` in it."""
        return self.starts_at + timedelta(hours=24 if self.length is EpochLength.DAY else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochKey:
    """One epoch key in memory.

    Attributes:
        name: Its file name.
        secret: 32 bytes; left out of `repr`.
    """

    name: EpochKeyName
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """Which epoch key a recording's envelopes are wrapped under.

    Attributes:
        recording_id: The recording; all its envelopes are under the same key.
        key_name: That key.
    """

    recording_id: RecordingId
    key_name: EpochKeyName


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateGeneration:
    """Call `next_generation`: the key is durable before any row relies on it."""

    epoch: Epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveWraps:
    """In one transaction: wrap `staying` again under `current(epoch)`, delete the rows of `leaving`."""

    epoch: Epoch
    staying: tuple[Wrapped, ...]
    leaving: tuple[Wrapped, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyWriteAheadLog:
    """Repeat `wal_checkpoint(TRUNCATE)` until it says busy=0: the log still holds the deleted rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DestroyKey:
    """Call `destroy`: only now does an old copy of the database become unreadable."""

    name: EpochKeyName


RekeyStep: TypeAlias = CreateGeneration | MoveWraps | EmptyWriteAheadLog | DestroyKey


def epoch_of(due_at: datetime, length: EpochLength) -> Epoch:
    """Return the epoch in which a recording falls due; it ends after `due_at`, never before.

    Args:
        due_at: Aware; a recording due exactly at midnight belongs to the day that begins.
        length: Hour for terms given in hours.

    Raises:
        ValueError: If `due_at` has no zone, which is a bug in the caller.
    """
    if due_at.tzinfo is None:
        raise ValueError("due_at without a zone")
    hour = due_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return Epoch(starts_at=hour.replace(hour=0) if length is EpochLength.DAY else hour, length=length)


def epoch_of_name(name: EpochKeyName) -> Epoch:
    """Return the epoch that a key belongs to.

    Raises:
        EpochNameMalformed: If `name` is no key's name.
    """
    return _parse(name)[0]


def plan_rekey(
    *, epoch: Epoch, keys: Iterable[EpochKeyName], wraps: Iterable[Wrapped], erased: frozenset[RecordingId]
) -> tuple[RekeyStep, ...]:
    """Return, in order, what erases some recordings of an epoch before its end (I4).

    Doomed is every key that wraps an erased recording, and every older generation that wraps
    nothing any more (left by a crash between commit and destruction). Planning again after a
    crash at any step gives the steps that are left; with nothing left, none. The intent is on
    the ledger before the first step, and no sealing runs meanwhile: plan and steps stay under
    the store's one writer.

    Args:
        epoch: The epoch to re-key.
        keys: `EpochFolder.names()`; keys of other epochs are passed over.
        wraps: All rows of the epoch, the erased ones included while they are still there; rows
            of other epochs are passed over.
        erased: The recordings that must become unreadable; each may have gone already.

    Raises:
        EpochNameMalformed: If a key or row has a name that is no key's.
    """
    present = sorted((name for name in keys if _parse(name)[0] == epoch), key=_generation)
    rows = tuple(row for row in wraps if _parse(row.key_name)[0] == epoch)
    leaving = tuple(row for row in rows if row.recording_id in erased)
    tainted = {row.key_name for row in leaving}
    used = {row.key_name for row in rows}
    doomed = tuple(name for name in present if name in tainted or (name not in used and name != present[-1]))
    # Rows whose key a disk lost cannot be moved, and must not stop another caller's erasure.
    staying = tuple(row for row in rows if row.key_name in doomed and row.recording_id not in erased)
    steps: list[RekeyStep] = []
    if present and present[-1] in tainted:
        # Also when nothing stays: the next recording of this epoch must not get the doomed key.
        steps.append(CreateGeneration(epoch=epoch))
    if leaving:
        steps.append(MoveWraps(epoch=epoch, staying=staying, leaving=leaving))
    if leaving or doomed:
        steps.append(EmptyWriteAheadLog())
    return (*steps, *(DestroyKey(name=name) for name in doomed))


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFolder:
    """The folder of epoch keys. Blocking; every method is safe to repeat after a crash.

    Attributes:
        path: The folder; on the vault's own file system, never in a backup.
        randomness: For keys, nonces and names of temporary files.
    """

    path: Path
    randomness: Randomness

    def prepare(self) -> None:
        """Make the folder if need be, and settle what a crash left. Once at every start.

        Temporary files go, destructions that were begun are finished, and names that a crash
        may have left undurable are made durable.

        Raises:
            EpochFolderExposed: If others than the owner may enter it.
            DestructionIncomplete: If a destroyed key's file cannot be removed.
            OSError: If the folder cannot be made or read.
        """
        if not self.path.is_dir():
            self.path.mkdir(mode=_FOLDER_MODE, parents=True)
            _sync_folder(self.path.parent)
        mode = self.path.stat().st_mode
        if mode & _OTHERS:
            raise EpochFolderExposed(
                f"{self.path}: must have mode 0700, got {mode & 0o777:04o}", hint=f"chmod 700 {self.path}"
            )
        for leftover in self.path.glob(".*.tmp"):
            leftover.unlink()
        _sync_folder(self.path)
        for name in sorted(self._all("gone")):
            if self._file(name).exists():
                self.destroy(name)

    def names(self) -> tuple[EpochKeyName, ...]:
        """Return the keys that are there and not destroyed, oldest epoch first."""
        gone = set(self._all("gone"))
        there = (name for name in self._all("key") if name not in gone)
        return tuple(sorted(there, key=lambda name: (_parse(name)[0].label, _generation(name))))

    def current(self, epoch: Epoch) -> EpochKey:
        """Return the newest key of an epoch; make its next one, durably, if none is there.

        Raises:
            EpochKeyDamaged: If its file is not 32 bytes long.
            OSError: If it cannot be read or made.
        """
        of_epoch = [name for name in self.names() if _parse(name)[0] == epoch]
        return self.load(of_epoch[-1]) if of_epoch else self.next_generation(epoch)

    def next_generation(self, epoch: Epoch) -> EpochKey:
        """Make a fresh key for an epoch under a generation never used before; durable on return.

        Raises:
            FileExistsError: If another owner made it meanwhile, which the lock forbids.
            OSError: If it cannot be written.
        """
        ever = (name for kind in ("key", "gone") for name in self._all(kind))
        generation = max((_generation(name) for name in ever if _parse(name)[0] == epoch), default=0) + 1
        name = EpochKeyName(f"{epoch.label}.{generation}.key")
        key = EpochKey(name=name, secret=self.randomness.token(EPOCH_KEY_BYTES))
        temporary = self.path / f".{name}.{self.randomness.token(8).hex()}.tmp"
        try:
            _write_synced(temporary, key.secret)
            # A hard link, for a rename would silently replace a key that already wraps something.
            self._file(name).hardlink_to(temporary)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(self.path)
        return key

    def destroyed(self) -> tuple[EpochKeyName, ...]:
        """Return the keys that were destroyed here, in no order."""
        return tuple(self._all("gone"))

    def adopt(self, key: EpochKey) -> None:
        """Take a key of another folder, under its name; durable on return. One that was destroyed stays so.

        Raises:
            EpochNameMalformed: If it has no key's name.
            OSError: If it cannot be written.
        """
        if self._tombstone(key.name).exists():
            return
        temporary = self.path / f".{key.name}.{self.randomness.token(8).hex()}.tmp"
        try:
            _write_synced(temporary, key.secret)
            temporary.rename(self._file(key.name))  # a mounted folder may know no hard links
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(self.path)

    def load(self, name: EpochKeyName) -> EpochKey:
        """Return a key by its name.

        Raises:
            EpochKeyGone: If it was destroyed, or is not there.
            EpochKeyDamaged: If its file is not 32 bytes long.
            EpochNameMalformed: If `name` is no key's name.
            OSError: If it cannot be read.
        """
        file = self._file(name)
        if self._tombstone(name).exists():
            raise EpochKeyGone(name, destroyed=True)
        try:
            with file.open("rb") as opened:
                secret = opened.read(EPOCH_KEY_BYTES + 1)
        except FileNotFoundError as error:
            raise EpochKeyGone(name, destroyed=False) from error
        if len(secret) != EPOCH_KEY_BYTES:
            raise EpochKeyDamaged(f"epoch key {name}: must be {EPOCH_KEY_BYTES} bytes, got {len(secret)}")
        return EpochKey(name=name, secret=secret)

    def destroy(self, name: EpochKeyName) -> None:
        """Make a key unreadable for ever; on return its file is verified to be gone, durably.

        The bytes are overwritten before the name is removed. On flash and on copy-on-write
        file systems that promises nothing, and the threat model says so.

        Raises:
            DestructionIncomplete: If the file is still there afterwards, or cannot be removed.
            EpochNameMalformed: If `name` is no key's name.
        """
        file = self._file(name)
        try:
            _write_synced(self._tombstone(name), b"", replace=True)
            _sync_folder(self.path)
            with suppress(OSError):  # an extra; whether it can be done or not, the name must go
                _write_synced(file, bytes(EPOCH_KEY_BYTES), replace=True, create=False)
            file.unlink(missing_ok=True)
            _sync_folder(self.path)
        except OSError as error:
            raise DestructionIncomplete(f"epoch key {name}: cannot be destroyed: {error.strerror}") from error
        if os.path.lexists(file):
            raise DestructionIncomplete(f"epoch key {name}: is still there after it was removed")

    def wrap(self, key: EpochKey, envelope: bytes, aad: bytes) -> bytes:
        """Return the envelope under an epoch key, 28 bytes longer.

        Nonces are random: safe for 2**32 wraps under one key, and an epoch holds thousands.

        Args:
            key: From `current`.
            envelope: From `store.keys.seal_to`.
            aad: What the row is, such as `store.keys.envelope_info` gives.
        """
        nonce = self.randomness.token(_NONCE_BYTES)
        return nonce + AESGCM(key.secret).encrypt(nonce, envelope, _WRAP_LABEL + aad)

    def unwrap(self, key: EpochKey, wrapped: bytes, aad: bytes) -> bytes:
        """Return the envelope inside a wrap.

        Raises:
            WrapRefused: If it is damaged, or under another key or for another row.
        """
        nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        try:
            return AESGCM(key.secret).decrypt(nonce, sealed, _WRAP_LABEL + aad)
        except (InvalidTag, ValueError) as error:
            raise WrapRefused(f"wrap: does not open with epoch key {key.name} for this row") from error

    def _all(self, kind: str) -> Iterator[EpochKeyName]:
        """Yield the names of all keys, or of all destroyed ones; foreign files are passed over."""
        for entry in self.path.iterdir():
            if (match := _FILE_NAME.fullmatch(entry.name)) and match["kind"] == kind:
                yield EpochKeyName(f"{match['label']}.{match['generation']}.key")

    def _file(self, name: EpochKeyName) -> Path:
        _parse(name)  # I10: a name from a row reaches the file system only in this one shape
        return self.path / name

    def _tombstone(self, name: EpochKeyName) -> Path:
        return self._file(name).with_suffix(".gone")


def _parse(name: EpochKeyName) -> tuple[Epoch, int]:
    match = _FILE_NAME.fullmatch(name)
    if match is None or match["kind"] != "key":
        raise EpochNameMalformed(f"epoch key: must be named such as 2027-01-20.1.key, got {name[:60]!r}")
    by_hour = "T" in match["label"]
    try:
        starts_at = datetime.fromisoformat(match["label"]).replace(tzinfo=UTC)
    except ValueError as error:
        raise EpochNameMalformed(f"epoch key: must be named after a day or hour, got {name!r}") from error
    length = EpochLength.HOUR if by_hour else EpochLength.DAY
    return Epoch(starts_at=starts_at, length=length), int(match["generation"])


def _generation(name: EpochKeyName) -> int:
    return _parse(name)[1]


def _write_synced(path: Path, data: bytes, *, replace: bool = False, create: bool = True) -> None:
    """Write a file in place and sync it; without `replace` it must be new, without `create` it must exist."""
    flags = os.O_WRONLY | (os.O_CREAT if create else 0) | (0 if replace else os.O_EXCL)
    with _descriptor(path, flags) as descriptor:
        written_bytes = os.write(descriptor, data)
        if written_bytes != len(data):
            raise OSError(errno.EIO, "short write", str(path))
        os.fsync(descriptor)


def _sync_folder(path: Path) -> None:
    with _descriptor(path, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        os.fsync(descriptor)


@contextmanager
def _descriptor(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, _KEY_MODE)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
