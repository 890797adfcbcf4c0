"""The sealed file: known answers, everything that can be damaged, and the outside vectors."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.vocabulary import RecordingId
from store.files import container
from store.files.container import (
    CHUNK_BYTES,
    HEADER_BYTES,
    SEALED_CHUNK_BYTES,
    TAG_BYTES,
    ChunkCorrupted,
    ChunkCutShort,
    CommitmentMismatch,
    ContainerTooLong,
    DamagedContainer,
    EndMissing,
    HeaderCutShort,
)

ROOT = Path(__file__).parents[2]
OWN_VECTORS = Path(__file__).parent / "vectors" / "container.json"
OUTSIDE_FILE = "c2sp_chunked_encryption_aes_256_gcm_test.json"

KEY = bytes(range(32))
SALT = bytes(range(24))
CONTEXT = container.recording_context(RecordingId("0123456789abcdef" * 2))
BOUNDARIES = sorted(
    {max(0, chunks * CHUNK_BYTES + more) for chunks in range(4) for more in (-1, 0, 1, TAG_BYTES)}
)


class DribblingSource(io.BytesIO):
    """Gives a few bytes at a time, as a pipe or an unbuffered file may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(4097, size) if size is not None and size > 0 else size)


class PickyTarget(io.BytesIO):
    """Takes a few bytes at a time, as an unbuffered file may."""

    def write(self, data: Any, /) -> int:
        return super().write(data[:5000])


def pattern(length_bytes: int) -> bytes:
    """Return a plaintext that the vectors need not spell out."""
    return bytes(number % 251 for number in range(length_bytes))


def sealed(plaintext: bytes) -> bytes:
    target = io.BytesIO()
    written_bytes = container.seal_stream(io.BytesIO(plaintext), target, KEY, CONTEXT, SALT)
    assert written_bytes == len(target.getvalue()) == container.sealed_size_bytes(len(plaintext))
    return target.getvalue()


def opened(data: bytes) -> bytes:
    return b"".join(container.open_stream(io.BytesIO(data), KEY, CONTEXT))


def damage_of(data: bytes, key: bytes = KEY, context: bytes = CONTEXT) -> type[DamagedContainer]:
    """Return how a container is damaged, as both passes see it."""
    with pytest.raises(DamagedContainer) as caught:
        container.authenticate(io.BytesIO(data), key, context)
    with pytest.raises(caught.type):
        list(container.open_stream(io.BytesIO(data), key, context))
    return caught.type


def chunks_of(data: bytes) -> list[bytes]:
    body = data[HEADER_BYTES:]
    return [body[start : start + SEALED_CHUNK_BYTES] for start in range(0, len(body), SEALED_CHUNK_BYTES)]


def test_the_self_test_passes() -> None:
    container.self_test()


def own_vectors() -> list[dict[str, Any]]:
    return list(json.loads(OWN_VECTORS.read_text())["cases"])


@pytest.mark.parametrize("case", own_vectors(), ids=lambda case: str(case["comment"]))
def test_own_vectors_seal_to_the_same_bytes_and_open_again(case: dict[str, Any]) -> None:
    key, salt, context = (bytes.fromhex(case[name]) for name in ("key", "salt", "context"))
    plaintext = pattern(case["plaintext_bytes"])
    target = io.BytesIO()
    container.seal_stream(io.BytesIO(plaintext), target, key, context, salt)
    assert hashlib.sha256(target.getvalue()).hexdigest() == case["sealed_sha256"]
    if "sealed" in case:
        assert target.getvalue().hex() == case["sealed"]
    target.seek(0)
    assert container.authenticate(target, key, context) == len(plaintext)
    target.seek(0)
    assert b"".join(container.open_stream(target, key, context)) == plaintext


@pytest.mark.parametrize("length_bytes", BOUNDARIES)
def test_another_implementation_opens_what_we_seal_and_we_open_what_it_seals(length_bytes: int) -> None:
    theirs = pytest.importorskip("cryptography.cobblestone", reason="came with cryptography 50")
    plaintext = pattern(length_bytes)
    opener = theirs.Cobblestone256Decryptor(KEY, CONTEXT)
    assert opener.update(sealed(plaintext)) + opener.finalize() == plaintext
    sealer = theirs.Cobblestone256Encryptor(KEY, CONTEXT)
    assert opened(sealer.update(plaintext) + sealer.finalize()) == plaintext


@given(plaintext=st.binary(max_size=200), repeats=st.integers(0, 400))
@settings(deadline=None, max_examples=60)
def test_whatever_is_sealed_opens_to_the_same_bytes(plaintext: bytes, repeats: int) -> None:
    message = plaintext * repeats
    assert opened(sealed(message)) == message


@pytest.mark.parametrize("length_bytes", BOUNDARIES)
def test_short_reads_and_short_writes_change_nothing(length_bytes: int) -> None:
    plaintext = pattern(length_bytes)
    target = PickyTarget()
    container.seal_stream(DribblingSource(plaintext), target, KEY, CONTEXT, SALT)
    assert target.getvalue() == sealed(plaintext)
    pieces = list(container.open_stream(DribblingSource(target.getvalue()), KEY, CONTEXT))
    assert b"".join(pieces) == plaintext
    assert all(pieces), "no piece is empty"


@given(
    length_bytes=st.sampled_from(BOUNDARIES),
    offset_bytes=st.integers(0, 4 * CHUNK_BYTES),
    wanted_bytes=st.integers(0, 2 * CHUNK_BYTES),
)
@settings(deadline=None)
def test_a_part_read_by_itself_is_the_same_part_of_the_whole(
    length_bytes: int, offset_bytes: int, wanted_bytes: int
) -> None:
    plaintext = pattern(length_bytes)
    part = container.read_at(
        io.BytesIO(sealed(plaintext)), KEY, CONTEXT, offset_bytes=offset_bytes, length_bytes=wanted_bytes
    )
    assert part == plaintext[offset_bytes : offset_bytes + wanted_bytes]


def test_a_part_that_reaches_a_missing_end_is_refused() -> None:
    cut = sealed(pattern(2 * CHUNK_BYTES + 5))[: HEADER_BYTES + 2 * SEALED_CHUNK_BYTES]
    source = io.BytesIO(cut)
    assert container.read_at(source, KEY, CONTEXT, offset_bytes=3, length_bytes=4) == bytes([3, 4, 5, 6])
    for offset_bytes in (CHUNK_BYTES, 2 * CHUNK_BYTES, 9 * CHUNK_BYTES):
        with pytest.raises(EndMissing):
            container.read_at(source, KEY, CONTEXT, offset_bytes=offset_bytes, length_bytes=CHUNK_BYTES)


@pytest.mark.parametrize("offset_bytes, length_bytes", [(-1, 1), (0, -1)])
def test_a_part_before_the_beginning_is_a_bug(offset_bytes: int, length_bytes: int) -> None:
    with pytest.raises(ValueError, match="negative"):
        container.read_at(
            io.BytesIO(sealed(b"")), KEY, CONTEXT, offset_bytes=offset_bytes, length_bytes=length_bytes
        )


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
@pytest.mark.parametrize("length_bytes", [0, 40])
def test_every_changed_byte_of_a_small_container_is_noticed(length_bytes: int, mask: int) -> None:
    whole = sealed(pattern(length_bytes))
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= mask
        expected = CommitmentMismatch if position < HEADER_BYTES else ChunkCorrupted
        assert damage_of(bytes(changed)) is expected, position


def test_every_shortened_small_container_is_noticed() -> None:
    whole = sealed(pattern(40))
    for length_bytes in range(len(whole)):
        if length_bytes < HEADER_BYTES:
            expected: type[DamagedContainer] = HeaderCutShort
        elif length_bytes == HEADER_BYTES:
            expected = EndMissing
        elif length_bytes < HEADER_BYTES + TAG_BYTES:
            expected = ChunkCutShort
        else:
            expected = ChunkCorrupted
        assert damage_of(whole[:length_bytes]) is expected, length_bytes


def test_a_container_of_three_chunks_is_noticed_wherever_it_is_cut() -> None:
    whole = sealed(pattern(2 * CHUNK_BYTES + 40))
    near_boundaries = {
        HEADER_BYTES + chunks * SEALED_CHUNK_BYTES + more for chunks in range(3) for more in range(-20, 21)
    }
    for length_bytes in sorted(near_boundaries | set(range(0, len(whole), 331))):
        over_bytes = (length_bytes - HEADER_BYTES) % SEALED_CHUNK_BYTES
        if length_bytes < HEADER_BYTES:
            expected: type[DamagedContainer] = HeaderCutShort
        elif over_bytes == 0:
            expected = EndMissing
        else:
            expected = ChunkCutShort if over_bytes < TAG_BYTES else ChunkCorrupted
        assert damage_of(whole[:length_bytes]) is expected, length_bytes


@pytest.mark.parametrize(
    "more_bytes", [1, 15, 16, 17, CHUNK_BYTES, SEALED_CHUNK_BYTES, SEALED_CHUNK_BYTES * 2]
)
@pytest.mark.parametrize("length_bytes", [0, 40, CHUNK_BYTES, CHUNK_BYTES + 40])
def test_bytes_after_the_end_are_noticed(length_bytes: int, more_bytes: int) -> None:
    assert damage_of(sealed(pattern(length_bytes)) + bytes(more_bytes)) is ChunkCorrupted


def _swapped(first: int, second: int) -> Callable[[list[bytes]], list[bytes]]:
    def swap(chunks: list[bytes]) -> list[bytes]:
        chunks[first], chunks[second] = chunks[second], chunks[first]
        return chunks

    return swap


@pytest.mark.parametrize(
    "rearranged",
    [
        pytest.param(_swapped(0, 1), id="first two swapped"),
        pytest.param(_swapped(1, 2), id="middle two swapped"),
        pytest.param(_swapped(0, 3), id="first and last swapped"),
        pytest.param(lambda chunks: chunks[1:], id="first dropped"),
        pytest.param(lambda chunks: [chunks[0], *chunks[2:]], id="second dropped"),
        pytest.param(lambda chunks: [chunks[0], *chunks], id="first doubled"),
        pytest.param(lambda chunks: [*chunks, chunks[-1]], id="last doubled"),
        pytest.param(lambda chunks: [chunks[0], chunks[-1]], id="last moved up"),
        pytest.param(lambda chunks: [*chunks[:-1], chunks[0]], id="last replaced by the first"),
    ],
)
def test_chunks_moved_doubled_or_dropped_are_noticed(
    rearranged: Callable[[list[bytes]], list[bytes]],
) -> None:
    whole = sealed(pattern(3 * CHUNK_BYTES + 40))
    assert damage_of(whole[:HEADER_BYTES] + b"".join(rearranged(chunks_of(whole)))) is ChunkCorrupted


def test_a_chunk_of_another_file_under_the_same_key_is_noticed() -> None:
    other = io.BytesIO()
    container.seal_stream(io.BytesIO(pattern(40)), other, KEY, CONTEXT, SALT[::-1])
    whole = sealed(pattern(40))
    assert damage_of(whole[:HEADER_BYTES] + other.getvalue()[HEADER_BYTES:]) is ChunkCorrupted


def test_another_key_or_another_recording_is_refused_before_anything_is_decrypted() -> None:
    whole = sealed(pattern(40))
    another = container.recording_context(RecordingId("f" * 32))
    assert damage_of(whole, key=bytes(32)) is CommitmentMismatch
    assert damage_of(whole, context=another) is CommitmentMismatch
    with pytest.raises(CommitmentMismatch):
        container.open_stream(io.BytesIO(whole), KEY, another)  # from the call, not from iterating


def test_damage_further_on_lets_the_sound_beginning_out_and_then_fails_for_ever() -> None:
    whole = bytearray(sealed(pattern(CHUNK_BYTES + 40)))
    whole[-1] ^= 1
    pieces = container.open_stream(io.BytesIO(bytes(whole)), KEY, CONTEXT)
    assert next(pieces) == pattern(CHUNK_BYTES)
    for _ in range(3):
        with pytest.raises(ChunkCorrupted):
            next(pieces)


def test_a_complete_container_stays_finished() -> None:
    pieces = container.open_stream(io.BytesIO(sealed(b"")), KEY, CONTEXT)
    assert list(pieces) == []
    assert list(pieces) == []


@pytest.mark.parametrize("length_bytes", [0, 31, 33])
def test_a_key_of_another_length_is_a_bug(length_bytes: int) -> None:
    with pytest.raises(ValueError, match="key must be 32 bytes"):
        container.authenticate(io.BytesIO(sealed(b"")), bytes(length_bytes), CONTEXT)


@pytest.mark.parametrize("length_bytes", [0, 23, 25])
def test_a_salt_of_another_length_is_a_bug(length_bytes: int) -> None:
    with pytest.raises(ValueError, match="salt must be 24 bytes"):
        container.seal_stream(io.BytesIO(), io.BytesIO(), KEY, CONTEXT, bytes(length_bytes))


def test_the_chunk_number_stops_where_the_security_argument_does() -> None:
    chunks = container._Chunks.derive(KEY, CONTEXT, SALT)
    assert chunks.open(container.MAX_CHUNKS - 1, chunks.seal(container.MAX_CHUNKS - 1, b"x")) == b"x"
    with pytest.raises(ContainerTooLong):
        chunks.seal(container.MAX_CHUNKS, b"x")
    with pytest.raises(ContainerTooLong):
        chunks.open(container.MAX_CHUNKS, bytes(TAG_BYTES))


def test_a_dump_of_the_derived_keys_shows_none_of_them() -> None:
    shown = repr(container._Chunks.derive(KEY, CONTEXT, SALT))
    assert "cipher" not in shown
    assert "base_nonce" not in shown


# --- the outside vectors -----------------------------------------------------------------


def outside_vectors() -> dict[str, Any] | str:
    """Return the outside vectors, or the reason why they are not there.

    A folder that was asked for and does not hold them is a failure, not a reason.
    """
    if asked := os.environ.get("CONSENTLINE_VECTORS"):
        return dict(json.loads((Path(asked) / OUTSIDE_FILE).read_text()))
    beside = ROOT.parent / "shared" / "vectors" / OUTSIDE_FILE
    if beside.is_file():
        return dict(json.loads(beside.read_text()))
    return f"the outside vectors were NOT run: CONSENTLINE_VECTORS is not set and there is no {beside}"


def beginning_and_damage(pieces: Iterator[bytes]) -> tuple[bytes, DamagedContainer | None]:
    beginning = bytearray()
    try:
        for piece in pieces:
            beginning += piece
    except DamagedContainer as damage:
        return bytes(beginning), damage
    return bytes(beginning), None


def check_valid(case: dict[str, Any], data: bytes, key: bytes, context: bytes) -> None:
    plaintext = b"".join(container.open_stream(io.BytesIO(data), key, context))
    assert len(plaintext) == case["msgLength"] == container.authenticate(io.BytesIO(data), key, context)
    assert hashlib.sha512(plaintext).hexdigest() == case["msgSha512"]
    end = container.read_at(
        io.BytesIO(data), key, context, offset_bytes=max(0, len(plaintext) - 9), length_bytes=99
    )
    assert end == plaintext[-9:]


def check_invalid(case: dict[str, Any], data: bytes, key: bytes, context: bytes) -> None:
    flags = set(case["flags"])
    if "InvalidKeySize" in flags:
        with pytest.raises(ValueError, match="key must be"):
            container.open_stream(io.BytesIO(data), key, context)
        return
    if "HeaderFailure" in flags:
        with pytest.raises((HeaderCutShort, CommitmentMismatch)):
            container.open_stream(io.BytesIO(data), key, context)
        return
    pieces = container.open_stream(io.BytesIO(data), key, context)
    beginning, damage = beginning_and_damage(pieces)
    assert damage is not None
    with pytest.raises(type(damage)):
        next(pieces)
    if "PartialPlaintext" in flags:
        assert len(beginning) == case["msgLength"]
        assert hashlib.sha512(beginning).hexdigest() == case["msgSha512"]
    else:
        assert beginning == b""
    last = (len(data) - HEADER_BYTES) // SEALED_CHUNK_BYTES
    try:
        container.read_at(io.BytesIO(data), key, context, offset_bytes=last * CHUNK_BYTES, length_bytes=1)
        final_chunk_opens = True
    except DamagedContainer:
        final_chunk_opens = False
    assert final_chunk_opens == ("ValidFinalChunk" in flags)


def test_the_outside_vectors_come_out_as_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    vectors = outside_vectors()
    if isinstance(vectors, str):
        with capsys.disabled():
            print(f"\n{vectors}")
        pytest.skip(vectors)
    assert vectors["algorithm"] == "Cobblestone-256"
    cases = [case for group in vectors["testGroups"] for case in group["tests"]]
    assert len(cases) == vectors["numberOfTests"] == 35
    for case in cases:
        data, key, context = (
            zlib.decompress(bytes.fromhex(case["ct"])),
            bytes.fromhex(case["key"]),
            bytes.fromhex(case["ctx"]),
        )
        check = check_valid if case["result"] == "valid" else check_invalid
        try:
            check(case, data, key, context)
        except (AssertionError, pytest.fail.Exception) as failure:
            raise AssertionError(f"case {case['tcId']}: {case['comment']}") from failure
