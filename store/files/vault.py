"""The vault, wherever it lies: sealed files by recording id.

A folder of this machine (`store/files/vault_folder.py`) or of another one, asked over a pipe
(`store/files/vault_host.py`). Both hold to what stands here: tests/store/test_vault.py asks both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from policy.vocabulary import RecordingId
from store.steps import Step, straight_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a finished file was found to be when it was read again.

    Attributes:
        size_bytes: Of the container.
        sha256: Of the container.
    """

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What tells a sealed file from the one that was there before, without reading it.

    Attributes:
        size_bytes: Of the container.
        written_us: When it was last written, Unix time.
    """

    size_bytes: int
    written_us: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Return the stamp of a file."""
        return cls(size_bytes=status.st_size, written_us=status.st_mtime_ns // 1_000)


def never() -> bool:
    """Tell that nobody gave up."""
    return False


class Vault(Protocol):
    """Sealed files. Blocking; every method is safe to repeat after a crash.

    Every one can raise `Unavailable`: this is not the vault, or it cannot be reached; so that nothing is
    believed to be gone that is only elsewhere.
    """

    @property
    def elsewhere(self) -> bool:
        """Whether it is on another machine, which can be away while this one works."""

    def prepare(self, *, holds_some: bool) -> None:
        """Make it, or make sure that it is the vault. Once at every start.

        Args:
            holds_some: Whether the database knows of sealed files; then an empty place is not the vault.
        """

    def must_be_there(self) -> None:
        """Do nothing where this is the vault."""

    def room_bytes(self) -> int | None:
        """Return how much may still be written; None: not known just now. Never waits for another machine."""

    def place(self, recording_id: RecordingId) -> str:
        """Return where a recording lies, in words."""

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
        """Seal a stream into the file of a recording; an earlier file of that name is replaced.

        On return it is synced, renamed, its folder synced, and all of it was read again from that disk,
        and is what was sealed (I2).

        Args:
            recording_id: The recording.
            plaintext: What is sealed; it never leaves this machine.
            key: Of the recording; nor does this.
            salt: Of the container.
            step: For crash tests.
            abandoned: Asked now and then where it takes long; when true, it ends with an error.

        Raises:
            IntegrityError: If what is read again is not what was written.
            OSError: If a disk is full or fails; nothing is left under the name then.
        """

    def stage(self, recording_id: RecordingId) -> BinaryIO:
        """Return a new file in which bytes are handed in that are to take a recording's place.

        They are there once it is flushed and closed, and worth nothing before `put_staged`; an earlier
        attempt is replaced.
        """

    def check_staged(self, recording_id: RecordingId) -> Written:
        """Return what was handed in, read again from the disk, once it is durable.

        It has the shape of a container; whether it opens is known to whoever sealed it.

        Raises:
            NotFound: If nothing was handed in.
            IntegrityError: If it cannot be a whole container.
        """

    def put_staged(self, recording_id: RecordingId) -> None:
        """Put what was handed in into the place of a recording's file, whose bytes go; durable on return."""

    def drop_staged(self, recording_id: RecordingId) -> None:
        """Remove what was handed in; again is harmless."""

    def staged(self) -> tuple[RecordingId, ...]:
        """Return the recordings for which something was handed in."""

    def open(self, recording_id: RecordingId) -> BinaryIO:
        """Return a sealed file, opened to read, from its beginning to its end.

        Raises:
            NotFound: If it is not there.
        """

    def stamps(self, recording_ids: Iterable[RecordingId]) -> Mapping[RecordingId, Stamp]:
        """Return size and time of the sealed files that are there, for those asked for."""

    def sha256(self, recording_id: RecordingId) -> str:
        """Return SHA-256 over a sealed file.

        Raises:
            NotFound: If it is not there.
        """

    def unlink(self, recording_id: RecordingId) -> bool:
        """Remove a recording's file, finished or not; durable on return.

        Returns:
            Whether there was one.

        Raises:
            OSError: If it is there and cannot be removed.
        """

    def absent(self, recording_id: RecordingId) -> bool:
        """Tell whether nothing of a recording is in the vault."""

    def ids(self) -> Iterator[RecordingId]:
        """Yield the recordings of which there is a finished file, in order."""

    def leftovers(self) -> tuple[RecordingId, ...]:
        """Return the recordings whose file was being written when the machine stopped."""

    def close(self) -> None:
        """Let go of what is held open."""


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
