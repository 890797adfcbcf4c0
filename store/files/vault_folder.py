"""The vault as a folder of this machine: sealed files by recording id, and nothing else.

    vault/                      mode 0700
        .consentline-vault      says that this is the vault and not the place where it gets mounted
        3f/3f0c....sealed       one recording
        3f/.3f0c....tmp         being written; never looked at
        3f/.3f0c....part        handed in to take a file's place; never looked at

A file appears under its name complete and durable (I2). The marker is against a vault on a
disk that is not mounted: there every file would look gone, and receipts would be false.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import BinaryIO, ClassVar, Final, cast

from policy.errors import IntegrityError, NotFound, Unavailable
from policy.vocabulary import RecordingId
from store.files import container
from store.files.vault import Stamp, Written, never, sync_folder
from store.steps import Step, straight_on

_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_PIECE_BYTES: Final = 4 * 1024 * 1024
_MARKER: Final = ".consentline-vault"
_ID: Final = re.compile(r"[0-9a-f]{32}")
_FINISHED: Final = re.compile(r"(.+)\.sealed", re.DOTALL)
_UNFINISHED: Final = re.compile(r"\.(.+)\.tmp", re.DOTALL)
_STAGED: Final = re.compile(r"\.(.+)\.part", re.DOTALL)


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultFolder:
    """`store.files.vault.Vault`: one folder of sealed files.

    Attributes:
        folder: Its path.
        busy: Called now and then while a long file is read.
    """

    elsewhere: ClassVar[bool] = False
    folder: Path
    busy: Callable[[], None] = _nothing

    def prepare(self, *, holds_some: bool) -> None:
        """Make the folder, or make sure that it is the vault."""
        if self._is_there():
            return
        if holds_some:
            self.must_be_there()
        try:
            self.folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            (self.folder / _MARKER).touch(mode=_FILE_MODE)
            sync_folder(self.folder)
        except OSError as error:
            raise Unavailable(f"{self.folder}: cannot be made: {error.strerror}") from error

    def must_be_there(self) -> None:
        """Do nothing where this is the vault."""
        if not self._is_there():
            raise Unavailable(
                f"{self.folder}: must be the vault, got no {_MARKER} in it",
                hint="is its disk mounted? After moving the vault, move that file with it",
            )

    def room_bytes(self) -> int:
        """Return how much may still be written."""
        try:
            return shutil.disk_usage(self.folder).free
        except OSError as error:
            raise Unavailable(f"{self.folder}: no room for a recording: {error.strerror}") from error

    def place(self, recording_id: RecordingId) -> str:
        """Return its path."""
        return str(self.path(recording_id))

    def path(self, recording_id: RecordingId) -> Path:
        """Return where a recording lies, or would lie."""
        if _ID.fullmatch(recording_id) is None:  # I10
            raise ValueError(f"no recording id: {recording_id[:40]!r}")
        return self.folder / recording_id[:2] / f"{recording_id}.sealed"

    def write(
        self,
        recording_id: RecordingId,
        plaintext: BinaryIO,
        *,
        key: bytes,
        salt: bytes,
        step: Step = straight_on,
        abandoned: Callable[[], bool] = never,
    ) -> Written:
        """Seal a stream into the file of a recording, and authenticate what is read again (I2)."""
        context = container.recording_context(recording_id)

        def fill(target: BinaryIO) -> int:
            return container.seal_stream(plaintext, target, key, context, salt)

        step("write the container")
        size_bytes = self.fill(recording_id, fill)
        step("rename the container")
        final = self._rename(recording_id)
        step("read the container again")
        return self._read_again(final, size_bytes, key, context)

    def fill(self, recording_id: RecordingId, fill: Callable[[BinaryIO], int]) -> int:
        """Have a new file of a recording filled; durable on return, and without its name.

        Args:
            recording_id: The recording.
            fill: Writes the sealed bytes, and returns how many.

        Raises:
            Unavailable: If this is not the vault.
            OSError: If the disk is full or fails; nothing is left then.
        """
        self.must_be_there()
        temporary = self._temporary(recording_id)
        self._make_fan_out(temporary.parent)
        try:
            with os.fdopen(_open_private(temporary), "wb") as target:
                size_bytes = fill(target)
                target.flush()
                os.fsync(target.fileno())
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        return size_bytes

    def name(self, recording_id: RecordingId) -> Written:
        """Give what was filled its name, durable, and return what the disk then holds (I2).

        Raises:
            OSError: If nothing was filled, or it was removed since.
        """
        with self._rename(recording_id).open("rb") as file:
            return self._digest(file)

    def stage(self, recording_id: RecordingId) -> BufferedWriter:
        """Return a new file in which bytes are handed in that are to take a recording's place."""
        self.must_be_there()
        path = self._staged(recording_id)
        try:
            self._make_fan_out(path.parent)
            return os.fdopen(_open_private(path), "wb")
        except OSError as error:
            raise Unavailable(f"recording {recording_id}: cannot be handed in: {error.strerror}") from error

    def check_staged(self, recording_id: RecordingId) -> Written:
        """Return what was handed in, read again from the disk, once it is durable."""
        path = self._staged(recording_id)
        try:
            with path.open("rb") as file:
                os.fsync(file.fileno())
                sync_folder(path.parent)
                written = self._digest(file)
        except FileNotFoundError as error:
            raise NotFound(f"recording {recording_id}: nothing was handed in for it") from error
        if not container.is_whole_size(written.size_bytes):
            raise IntegrityError(
                f"recording {recording_id}: {written.size_bytes} bytes are no whole sealed file"
            )
        return written

    def put_staged(self, recording_id: RecordingId) -> None:
        """Put what was handed in into the place of a recording's file, whose bytes go; durable on return."""
        with suppress(FileNotFoundError):  # done before, by a run that was cut off
            self._staged(recording_id).rename(self.path(recording_id))
        sync_folder(self.path(recording_id).parent)

    def drop_staged(self, recording_id: RecordingId) -> None:
        """Remove what was handed in; again is harmless."""
        self._staged(recording_id).unlink(missing_ok=True)

    def staged(self) -> tuple[RecordingId, ...]:
        """Return the recordings for which something was handed in."""
        matches = (_STAGED.fullmatch(name) for name in self._names())
        return tuple(RecordingId(match[1]) for match in matches if match is not None)

    def open(self, recording_id: RecordingId) -> BufferedReader:
        """Return a sealed file, opened to read."""
        try:
            return self.path(recording_id).open("rb")
        except FileNotFoundError as error:
            raise NotFound(f"recording {recording_id}: its sealed file is not in the vault") from error

    def stamps(self, recording_ids: Iterable[RecordingId]) -> dict[RecordingId, Stamp]:
        """Return size and time of the sealed files that are there."""
        self.must_be_there()
        found: dict[RecordingId, Stamp] = {}
        for recording_id in recording_ids:
            with suppress(FileNotFoundError):
                found[recording_id] = Stamp.of(self.path(recording_id).stat())
        return found

    def sha256(self, recording_id: RecordingId) -> str:
        """Return SHA-256 over a sealed file."""
        with self.open(recording_id) as file:
            return self._digest(file).sha256

    def unlink(self, recording_id: RecordingId) -> bool:
        """Remove a recording's file, finished or not; durable on return."""
        final = self.path(recording_id)
        existed = False
        # Unfinished ones first: one that is gone cannot be given the name of the finished one afterwards.
        for path in (self._temporary(recording_id), self._staged(recording_id), final):
            with suppress(FileNotFoundError):
                path.unlink()
                existed = True
        if existed:
            sync_folder(final.parent)
        return existed

    def absent(self, recording_id: RecordingId) -> bool:
        """Tell whether nothing of a recording is in the vault."""
        self.must_be_there()
        places = (self.path(recording_id), self._temporary(recording_id), self._staged(recording_id))
        return not any(os.path.lexists(path) for path in places)

    def ids(self) -> Iterator[RecordingId]:
        """Yield the recordings of which there is a finished file, in order."""
        self.must_be_there()
        for name in self._names():
            if match := _FINISHED.fullmatch(name):
                yield RecordingId(match[1])

    def leftovers(self) -> tuple[RecordingId, ...]:
        """Return the recordings whose file was being written when the machine stopped."""
        self.must_be_there()
        matches = (_UNFINISHED.fullmatch(name) for name in self._names())
        return tuple(RecordingId(match[1]) for match in matches if match is not None)

    def close(self) -> None:
        """Nothing is held open."""

    def _names(self) -> Iterator[str]:
        """Yield every name in every fan-out folder; tens of thousands, so no path is built for each."""
        for fan_out in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            yield from sorted(os.listdir(fan_out))  # noqa: PTH208 - see above

    def _is_there(self) -> bool:
        return (self.folder / _MARKER).is_file()

    def _temporary(self, recording_id: RecordingId) -> Path:
        return self.path(recording_id).with_name(f".{recording_id}.tmp")

    def _staged(self, recording_id: RecordingId) -> Path:
        return self.path(recording_id).with_name(f".{recording_id}.part")

    def _rename(self, recording_id: RecordingId) -> Path:
        final, temporary = self.path(recording_id), self._temporary(recording_id)
        try:
            temporary.rename(final)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        sync_folder(final.parent)
        return final

    def _digest(self, file: BinaryIO) -> Written:
        """Return what a file holds, from the disk where the kernel will: its cache tells what was sent."""
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        digest, size_bytes = hashlib.sha256(), 0
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
            size_bytes += len(piece)
            self.busy()
        return Written(size_bytes=size_bytes, sha256=digest.hexdigest())

    def _make_fan_out(self, fan_out: Path) -> None:
        if not fan_out.is_dir():
            fan_out.mkdir(mode=_FOLDER_MODE)
            sync_folder(self.folder)

    def _read_again(self, path: Path, size_bytes: int, key: bytes, context: bytes) -> Written:
        with path.open("rb") as file:
            # From the disk, where the kernel will: its cache would only tell what we wrote.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            hashing = _Hashing(file)
            container.authenticate(cast(BinaryIO, hashing), key, context)
        if hashing.size_bytes != size_bytes:
            raise IntegrityError(f"{path}: wrote {size_bytes} bytes, read {hashing.size_bytes} again")
        return Written(size_bytes=size_bytes, sha256=hashing.digest.hexdigest())


class _Hashing:
    """A stream that hashes what is read from it; the container asks for nothing but `read`."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.digest = hashlib.sha256()
        self.size_bytes = 0

    def read(self, length_bytes: int) -> bytes:
        piece = self._source.read(length_bytes)
        self.digest.update(piece)
        self.size_bytes += len(piece)
        return piece


def _open_private(path: Path) -> int:
    """Return a new file under a name; an earlier one may still be written by who lost their asker."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE)
