"""The sealed file: one recording, encrypted so that any damage to it is noticed.

The format is C2SP chunked-encryption in its instance Cobblestone-256. The bytes:

    0        24             56                    56 + 16400
    +--------+--------------+---------------------+-- ... --+---------------------+
    |  salt  |  commitment  |  chunk 0            |         |  chunk n, the last  |
    |   24   |      32      |  16384 + tag 16     |         |  0..16383 + tag 16  |
    +--------+--------------+---------------------+-- ... --+---------------------+

    HKDF-Expand-SHA512(input key, label || 0x00 || salt || context)
        = chunk key (32) || base nonce (12) || commitment (32)
    chunk k = AES-256-GCM(chunk key, nonce = base nonce XOR k, no associated data)

Theory of operation

The input key is random and belongs to one recording. Salt and context go into the
derivation, so nothing else need be bound to a chunk: a file under another recording's
name derives other keys. The stored commitment is compared before anything is decrypted;
AES-GCM alone would let one file be made that opens under two keys.

The chunk number is in the nonce, so a moved, doubled or dropped chunk does not
authenticate in its new place. Only the last chunk may be, and must be, shorter than
16 KiB: a file cut at a chunk boundary ends with a full chunk and is known to be cut.
For the same reason bytes added to a complete file either grow its last chunk, whose tag
then fails, or leave it full, which is an end that is missing. There is no third case,
so there is no separate error for trailing bytes.

A chunk is handed on only after its own tag was right. That says nothing yet about the
chunks after it, so whoever leaves something behind calls `authenticate` first (I5).

Source: https://c2sp.org/chunked-encryption (version v1).
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from policy.errors import IntegrityError
from policy.vocabulary import RecordingId

KEY_BYTES: Final = 32
SALT_BYTES: Final = 24
COMMITMENT_BYTES: Final = 32
HEADER_BYTES: Final = SALT_BYTES + COMMITMENT_BYTES
CHUNK_BYTES: Final = 16 * 1024
TAG_BYTES: Final = 16
SEALED_CHUNK_BYTES: Final = CHUNK_BYTES + TAG_BYTES
MAX_CHUNKS: Final = 2**38

_NONCE_BYTES: Final = 12
_LABEL: Final = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"
_RECORDING_LABEL: Final = b"consentline/v1/recording\x00"
_SELF_TEST_SHA256: Final = "9a40daa606fbf2e290e81ec84a5b4c72d3a03234623767d2bbe06e71e3dfbb5c"


class DamagedContainer(IntegrityError):
    """A sealed file is not the one that was written; each subclass is one way to be damaged."""


class HeaderCutShort(DamagedContainer):
    """The file ends before its 56-byte header does."""


class CommitmentMismatch(DamagedContainer):
    """Key, context or header do not belong together; nothing was decrypted."""


class ChunkCorrupted(DamagedContainer):
    """A chunk's tag is wrong: changed, moved, cut inside, or followed by foreign bytes."""


class ChunkCutShort(DamagedContainer):
    """The last chunk is shorter than its own tag."""


class EndMissing(DamagedContainer):
    """The file ends at a chunk boundary, without the shorter chunk that marks the end."""


class ContainerTooLong(DamagedContainer):
    """More than 2**38 chunks (4 PiB), where the format's security argument stops."""


class SelfTestFailed(IntegrityError):
    """Cryptography on this machine does not give the known answer; nothing may be sealed with it."""


def recording_context(recording_id: RecordingId) -> bytes:
    """Return the context that binds a sealed file to its recording."""
    return _RECORDING_LABEL + recording_id.encode()


def sealed_size_bytes(plaintext_bytes: int) -> int:
    """Return the size of the container for that many bytes of plaintext."""
    return HEADER_BYTES + plaintext_bytes + TAG_BYTES * (plaintext_bytes // CHUNK_BYTES + 1)


def is_whole_size(size_bytes: int) -> bool:
    """Return whether a container can have this size: header, full chunks, and a shorter last one."""
    last_bytes = (size_bytes - HEADER_BYTES) % SEALED_CHUNK_BYTES
    return size_bytes >= HEADER_BYTES + TAG_BYTES and last_bytes >= TAG_BYTES


def seal_stream(source: BinaryIO, target: BinaryIO, key: bytes, context: bytes, salt: bytes) -> int:
    """Encrypt all that is left in `source` and append it to `target`.

    `target` is neither flushed nor synced: whoever names the file does that (I2).

    Args:
        source: Plaintext; read 16 KiB at a time, short reads are fine.
        target: Takes the container; a target that takes only part of a write is fine.
        key: 32 random bytes that belong to this recording alone.
        context: What the file is bound to, see `recording_context`; may be empty.
        salt: 24 random bytes, never used before with this key.

    Returns:
        Bytes written.

    Raises:
        ContainerTooLong: After 4 PiB.
        ValueError: If key or salt have the wrong length, which is a bug in the caller.
        OSError: If reading or writing fails; `target` then holds a useless beginning.
    """
    chunks = _Chunks.derive(key, context, salt)
    written_bytes = _write_all(target, salt + chunks.commitment)
    number = 0
    while True:
        plaintext = _read_up_to(source, CHUNK_BYTES)
        written_bytes += _write_all(target, chunks.seal(number, plaintext))
        if len(plaintext) < CHUNK_BYTES:
            return written_bytes
        number += 1


def open_stream(source: BinaryIO, key: bytes, context: bytes) -> Iterator[bytes]:
    """Check the header now and decrypt chunk by chunk as the result is iterated.

    Every piece has authenticated by itself, but damage further on is found only when it is
    reached: to leave a complete result or nothing, call `authenticate` first (I5). Once it
    has failed, the iterator fails the same way for ever.

    Args:
        source: A container from its first byte on; short reads are fine.
        key: The 32 bytes it was sealed with.
        context: The context it was sealed with.

    Returns:
        Plaintext in pieces of 16 KiB, the last one shorter; no empty piece.

    Raises:
        DamagedContainer: One of its subclasses; from here for the header, from the iterator
            for all the rest.
        ValueError: If the key has the wrong length, which is a bug in the caller.
        OSError: If reading fails.
    """
    return _Opening(source, _read_header(source, key, context))


def authenticate(source: BinaryIO, key: bytes, context: bytes) -> int:
    """Decrypt a whole container, keep nothing, and return the length of its plaintext in bytes.

    Args:
        source: A container from its first byte on; left at its end, so seek before reading again.
        key: The 32 bytes it was sealed with.
        context: The context it was sealed with.

    Raises:
        DamagedContainer: One of its subclasses.
        ValueError: If the key has the wrong length, which is a bug in the caller.
        OSError: If reading fails.
    """
    return sum(len(piece) for piece in open_stream(source, key, context))


def read_at(source: BinaryIO, key: bytes, context: bytes, *, offset_bytes: int, length_bytes: int) -> bytes:
    """Decrypt part of a container without reading what lies before it.

    Only the chunks that hold the part are authenticated, and the last one too when the part
    reaches the end, so that "here it ends" is never taken from the file's size alone.

    Args:
        source: A whole container, seekable; its position afterwards is not defined.
        key: The 32 bytes it was sealed with.
        context: The context it was sealed with.
        offset_bytes: First plaintext byte wanted, from 0.
        length_bytes: How many are wanted.

    Returns:
        The bytes, fewer than wanted (or none) where the plaintext ends.

    Raises:
        DamagedContainer: One of its subclasses.
        ValueError: If offset or length is negative or the key has the wrong length.
        OSError: If reading or seeking fails.
    """
    if offset_bytes < 0 or length_bytes < 0:
        raise ValueError(f"offset and length must not be negative, got {offset_bytes} and {length_bytes}")
    body_bytes = max(0, source.seek(0, os.SEEK_END) - HEADER_BYTES)
    source.seek(0)
    chunks = _read_header(source, key, context)
    last = body_bytes // SEALED_CHUNK_BYTES
    first = min(offset_bytes // CHUNK_BYTES, last)
    plaintext = bytearray()
    for number in range(first, min((offset_bytes + length_bytes) // CHUNK_BYTES, last) + 1):
        source.seek(HEADER_BYTES + number * SEALED_CHUNK_BYTES)
        plaintext += chunks.open(number, _read_up_to(source, SEALED_CHUNK_BYTES))
    start = offset_bytes - first * CHUNK_BYTES
    return bytes(plaintext[start : start + length_bytes])


def self_test() -> None:
    """Seal, compare with the known answer, open, and see damage refused; under 5 ms.

    Raises:
        SelfTestFailed: If any of it comes out otherwise.
    """
    key, salt, context = (
        bytes(range(KEY_BYTES)),
        bytes(range(100, 100 + SALT_BYTES)),
        b"consentline self-test",
    )
    plaintext = bytes(number % 251 for number in range(CHUNK_BYTES + 7))
    target = io.BytesIO()
    seal_stream(io.BytesIO(plaintext), target, key, context, salt)
    sealed = target.getvalue()
    if hashlib.sha256(sealed).hexdigest() != _SELF_TEST_SHA256:
        raise SelfTestFailed("sealed file: the known plaintext does not give the known container")
    if b"".join(open_stream(io.BytesIO(sealed), key, context)) != plaintext:
        raise SelfTestFailed("sealed file: the known container does not give the known plaintext")
    try:
        authenticate(io.BytesIO(sealed[:-1] + bytes([sealed[-1] ^ 1])), key, context)
    except ChunkCorrupted:
        return
    raise SelfTestFailed("sealed file: a changed byte was not noticed")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunks:
    """What one file's key, context and salt derive to, and the chunks it seals and opens."""

    cipher: AESGCM = field(repr=False)
    base_nonce: int = field(repr=False)
    commitment: bytes

    @classmethod
    def derive(cls, key: bytes, context: bytes, salt: bytes) -> _Chunks:
        if len(key) != KEY_BYTES:
            raise ValueError(f"key must be {KEY_BYTES} bytes, got {len(key)}")
        if len(salt) != SALT_BYTES:
            raise ValueError(f"salt must be {SALT_BYTES} bytes, got {len(salt)}")
        length_bytes = KEY_BYTES + _NONCE_BYTES + COMMITMENT_BYTES
        derived = HKDFExpand(hashes.SHA512(), length_bytes, _LABEL + salt + context).derive(key)
        return cls(
            cipher=AESGCM(derived[:KEY_BYTES]),
            base_nonce=int.from_bytes(derived[KEY_BYTES : KEY_BYTES + _NONCE_BYTES], "big"),
            commitment=derived[KEY_BYTES + _NONCE_BYTES :],
        )

    def seal(self, number: int, plaintext: bytes) -> bytes:
        return self.cipher.encrypt(self._nonce(number), plaintext, None)

    def open(self, number: int, sealed: bytes) -> bytes:
        nonce = self._nonce(number)
        if not sealed:
            raise EndMissing(f"sealed file: must end with a chunk under 16 KiB, ends before chunk {number}")
        if len(sealed) < TAG_BYTES:
            raise ChunkCutShort(
                f"sealed file: chunk {number} must be at least {TAG_BYTES} bytes, got {len(sealed)}"
            )
        try:
            return self.cipher.decrypt(nonce, sealed, None)
        except InvalidTag as error:
            raise ChunkCorrupted(f"sealed file: chunk {number} does not authenticate") from error

    def _nonce(self, number: int) -> bytes:
        if number >= MAX_CHUNKS:
            raise ContainerTooLong(f"sealed file: must be at most 2**38 chunks, got chunk {number}")
        return (self.base_nonce ^ number).to_bytes(_NONCE_BYTES, "big")


class _Opening(Iterator[bytes]):
    """The chunks of one file in order. A class, for a generator that failed would next look finished."""

    def __init__(self, source: BinaryIO, chunks: _Chunks) -> None:
        self._source = source
        self._chunks = chunks
        self._number = 0
        self._at_end = False
        self._damage: DamagedContainer | None = None

    def __next__(self) -> bytes:
        if self._damage is not None:
            raise self._damage
        if self._at_end:
            raise StopIteration
        try:
            plaintext = self._chunks.open(self._number, _read_up_to(self._source, SEALED_CHUNK_BYTES))
        except DamagedContainer as damage:
            self._damage = damage
            raise
        self._number += 1
        self._at_end = len(plaintext) < CHUNK_BYTES
        if not plaintext:
            raise StopIteration
        return plaintext


def _read_header(source: BinaryIO, key: bytes, context: bytes) -> _Chunks:
    header = _read_up_to(source, HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        raise HeaderCutShort(f"sealed file: header must be {HEADER_BYTES} bytes, got {len(header)}")
    chunks = _Chunks.derive(key, context, header[:SALT_BYTES])
    if not bytes_eq(chunks.commitment, header[SALT_BYTES:]):
        raise CommitmentMismatch("sealed file: key, recording and header do not belong together")
    return chunks


def _read_up_to(source: BinaryIO, length_bytes: int) -> bytes:
    """Return `length_bytes`, or all that is left: fewer bytes always mean the end of the file."""
    taken = bytearray()
    while len(taken) < length_bytes and (piece := source.read(length_bytes - len(taken))):
        taken += piece
    return bytes(taken)


def _write_all(target: BinaryIO, data: bytes) -> int:
    """Write all of `data` and return its length; an unbuffered file may take less than it is given."""
    rest = memoryview(data)
    while rest:
        rest = rest[target.write(rest) :]
    return len(data)
