"""A file to look back in while it is written, worth nothing to anybody else, and gone with its process.

    block number n     nonce(12) || AES-256-GCM of 64 KiB || tag(16)         at n * (12 + 64 KiB + 16)

FLAC, MP3 and Opus are only whole once their writer has gone back to the beginning, so what they write
has to lie somewhere. It is decrypted sound: in memory it would take as much as the recording is long,
and no disk may have it. So it lies in a file without a name, block by block under a key that is drawn
for this one file and never written down; one block at a time is held.

A block is sealed anew under a fresh nonce each time it is put back: a counter, so none comes twice.
"""

from __future__ import annotations

import tempfile
from typing import BinaryIO, Final, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from commands.audio.placed import Placed
from policy.clock import Randomness
from policy.errors import IntegrityError

BLOCK_BYTES: Final = 64 * 1024
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_SLOT_BYTES: Final = _NONCE_BYTES + BLOCK_BYTES + _TAG_BYTES


class Scratch(Placed):
    """Bytes that can be written and read at any place; closed, they are gone.

    Args:
        randomness: For the key.

    Raises:
        OSError: If there is no room for a temporary file; so do writing and reading.
    """

    def __init__(self, randomness: Randomness) -> None:
        super().__init__(0)
        self._cipher = AESGCM(randomness.token(_KEY_BYTES))
        self._file = cast(BinaryIO, tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 - see `close`
        self._nonces = 0
        self._number = 0
        self._block = bytearray(BLOCK_BYTES)
        self._changed = False
        self._failure: OSError | None = None

    def writable(self) -> bool:
        """Return that it is."""
        return True

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]  # typeshed's buffer has no name before 3.12
        """Write all of it, and return how much that is; less, where the disk takes no more.

        Some of libsndfile's formats pass over that, so what was lost once is never read as whole.
        """
        rest = memoryview(data).cast("B")
        written_bytes = len(rest)
        while rest:
            try:
                start = self._go_to_block()
            except OSError as error:  # libsndfile calls this, and nobody can raise through it
                self._failure = self._failure or error
            if self._failure is not None:
                return written_bytes - len(rest)
            piece = rest[: BLOCK_BYTES - start]
            self._block[start : start + len(piece)] = piece
            self._changed = True
            self.at += len(piece)
            rest = rest[len(piece) :]
        self.size_bytes = max(self.size_bytes, self.at)
        return written_bytes

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]  # see `write`
        """Fill a buffer as far as its block goes.

        Raises:
            OSError: If the disk did not take something that was written.
        """
        if self._failure is not None:
            raise self._failure
        length_bytes = min(len(target), self.size_bytes - self.at)
        if length_bytes <= 0:
            return 0
        start = self._go_to_block()
        piece = self._block[start : min(BLOCK_BYTES, start + length_bytes)]
        target[: len(piece)] = piece
        self.at += len(piece)
        return len(piece)

    def close(self) -> None:
        """Let go of it."""
        super().close()
        self._file.close()

    def _go_to_block(self) -> int:
        """Hold the block of the place where this stands, and return where in it that is."""
        number, start = divmod(self.at, BLOCK_BYTES)
        if number != self._number:
            self._put_back()
            self._number, self._block = number, self._fetch(number)
        return start

    def _put_back(self) -> None:
        if not self._changed:
            return
        nonce = self._nonces.to_bytes(_NONCE_BYTES, "big")
        self._nonces += 1
        sealed = self._cipher.encrypt(nonce, bytes(self._block), self._number.to_bytes(8, "big"))
        self._file.seek(self._number * _SLOT_BYTES)
        rest = memoryview(nonce + sealed)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._changed = False

    def _fetch(self, number: int) -> bytearray:
        """Return a block; one that was never written is empty."""
        self._file.seek(number * _SLOT_BYTES)
        slot = self._file.read(_SLOT_BYTES)
        if not slot.strip(b"\0"):  # nothing there, or a hole before what lies behind it
            return bytearray(BLOCK_BYTES)
        nonce, sealed = slot[:_NONCE_BYTES], slot[_NONCE_BYTES:]
        try:
            return bytearray(self._cipher.decrypt(nonce, sealed, number.to_bytes(8, "big")))
        except InvalidTag:
            raise IntegrityError("temporary file: is not what was written to it") from None
