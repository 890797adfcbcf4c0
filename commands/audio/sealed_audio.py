"""A sealed file opened in memory: authenticated as a whole, then decrypted piece by piece as it is read.

    sealed bytes    in a nameless temporary file; worthless without the key
    first pass      every chunk authenticated, nothing kept (I5)
    second pass     decrypted where it is read, 64 KiB at a time

No decrypted byte is ever in a file here, nameless or not: what FLAC needs is that it can look
back, and a chunk can be decrypted again at any place.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, cast

from commands.audio.placed import Placed
from policy.errors import Unavailable
from policy.vocabulary import RecordingId
from store.files.container import authenticate, read_at, recording_context

READ_BYTES: Final = 64 * 1024


@contextmanager
def fetched(fetch: Callable[[BinaryIO], None]) -> Iterator[BinaryIO]:
    """Give the sealed bytes in a file that has no name and is gone with this process.

    Args:
        fetch: Copies them into a file.

    Raises:
        Unavailable: If there is no room for them.
    """
    try:
        sealed = cast(BinaryIO, tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 - closed below
    except OSError as error:
        raise _no_room(error) from error
    with sealed:
        try:
            fetch(sealed)
        except OSError as error:
            raise _no_room(error) from error
        sealed.seek(0)
        yield sealed


def opened(sealed: BinaryIO, key: bytes, recording_id: RecordingId) -> io.BufferedReader:
    """Return the plaintext of a sealed file, seekable; all of it has authenticated on return.

    Raises:
        DamagedContainer: If any byte of it is not as it was sealed.
    """
    context = recording_context(recording_id)
    size_bytes = authenticate(sealed, key, context)
    plain = _Plaintext(sealed, key, context, size_bytes)
    return io.BufferedReader(plain, buffer_size=READ_BYTES)


class _Plaintext(Placed):
    def __init__(self, sealed: BinaryIO, key: bytes, context: bytes, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self._sealed = sealed
        self._key = key
        self._context = context

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]  # typeshed's buffer has no name before 3.12
        """Fill a buffer as far as there is something."""
        data = read_at(self._sealed, self._key, self._context, offset_bytes=self.at, length_bytes=len(target))
        target[: len(data)] = data
        self.at += len(data)
        return len(data)


def _no_room(error: OSError) -> Unavailable:
    return Unavailable(
        f"temporary file for the sealed bytes: cannot be written: {error.strerror or error}",
        hint="TMPDIR names another place; what is written there is encrypted",
    )
