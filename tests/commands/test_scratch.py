"""Decrypted sound that has to lie somewhere while it is written: readable here, and nowhere else."""

from __future__ import annotations

import io
import os
import random
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from bench.copy_memory import apart
from commands.audio import copies, rendering
from commands.audio.copies import in_words
from commands.audio.scratch import BLOCK_BYTES, Scratch
from policy.clock import SystemRandomness
from policy.errors import IntegrityError, Unavailable
from tests.commands.doorstep import noise
from tests.store.scene import CountingRandomness

SLOT = 12 + BLOCK_BYTES + 16


@pytest.fixture
def scratch() -> Iterator[Scratch]:
    with Scratch(CountingRandomness()) as scratch:
        yield scratch


def on_disk(scratch: Scratch) -> Path:
    return Path(f"/proc/self/fd/{scratch._file.fileno()}")


def test_it_does_what_a_file_does(scratch: Scratch) -> None:
    like, chance = io.BytesIO(), random.Random(7)  # noqa: S311 - a seed is wanted
    for _ in range(400):
        place = chance.randrange(5 * BLOCK_BYTES)
        length = chance.choice((1, 100, BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 3))
        if chance.random() < 0.6:
            data = chance.randbytes(length)
            assert (scratch.seek(place), scratch.write(data)) == (like.seek(place), like.write(data))
        else:
            scratch.seek(place), like.seek(place)
            assert _read(scratch, length) == like.read(length)
        assert scratch.tell() == like.tell()
    assert scratch.seek(0, os.SEEK_END) == like.seek(0, os.SEEK_END)
    scratch.seek(0)
    assert _read(scratch, 10**9) == like.getvalue()


def _read(scratch: Scratch, length: int) -> bytes:
    taken = b""
    while len(taken) < length and (piece := scratch.read(length - len(taken))):
        taken += piece
    return taken


def test_nothing_readable_lies_on_the_disk_and_no_block_twice_the_same(scratch: Scratch) -> None:
    voice = b"wie dit hoort was erbij. " * BLOCK_BYTES
    seen = []
    for _ in range(2):
        scratch.seek(0)
        scratch.write(voice)
        seen.append(on_disk(scratch).read_bytes())
    assert len(seen[0]) >= len(voice) - BLOCK_BYTES
    for content in seen:
        assert b"wie dit hoort" not in content
    slots = [content[at : at + SLOT] for content in seen for at in range(0, SLOT * 20, SLOT)]
    assert len({slot[:12] for slot in slots}) == len({slot[12:] for slot in slots}) == 40


def test_a_block_that_was_changed_on_the_disk_is_not_taken_for_what_was_written(scratch: Scratch) -> None:
    scratch.write(bytes(3 * BLOCK_BYTES))
    with on_disk(scratch).open("r+b") as file:
        file.seek(200)
        file.write(b"x")
    scratch.seek(0)
    with pytest.raises(IntegrityError, match="not what was written"):
        scratch.read(10)


def test_it_is_gone_when_it_is_closed() -> None:
    with Scratch(CountingRandomness()) as scratch:
        scratch.write(bytes(2 * BLOCK_BYTES))
        place = on_disk(scratch)
        assert "(deleted)" in str(place.readlink())
    assert scratch._file.closed


@pytest.mark.exhaustive
@pytest.mark.parametrize("format_name", ["flac", "mp3", "opus"])
def test_a_full_disk_is_one_line_and_no_traceback(
    capfd: pytest.CaptureFixture[str], format_name: str
) -> None:
    assert apart(encode_with_little_room, format_name) in (
        "flac: cannot be written: the disk is full or fails",
        "copy: cannot be written: File too large",
    )
    assert capfd.readouterr().err == ""


@pytest.mark.exhaustive
@pytest.mark.parametrize("format_name", ["flac", "mp3", "opus"])
def test_a_folder_on_a_full_disk_gets_no_torn_copy(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, format_name: str
) -> None:
    assert "cannot be written" in apart(copy_with_little_room, tmp_path / "out", format_name)
    assert (capfd.readouterr().err, list(tmp_path.iterdir())) == ("", [])


def copy_with_little_room(target: Path, format_name: str) -> str:
    """Copy three minutes into a folder where no file can grow beyond one block; return the error."""
    sound = noise(180)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SLOT, resource.RLIM_INFINITY))
    try:
        with rendering.opened(io.BytesIO(sound)) as audio, copies.new_target(target, None) as made:
            made.add_audio(audio, rendering.FORMATS[format_name])
            made.finish()
            made.publish()
    except Unavailable as error:
        return error.text
    return "it took everything"


def encode_with_little_room(format_name: str) -> str:
    """Encode three minutes where no file can grow beyond one block; return the error."""
    sound = noise(180)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SLOT, resource.RLIM_INFINITY))
    with rendering.opened(io.BytesIO(sound)) as audio, Scratch(SystemRandomness()) as scratch:
        try:
            with in_words():
                rendering.encode(audio, cast(BinaryIO, scratch), rendering.FORMATS[format_name])
                room = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
                resource.setrlimit(resource.RLIMIT_FSIZE, room)  # what was lost stays lost
                scratch.seek(0)
                scratch.read(1)
        except Unavailable as error:
            return error.text
    return "it took everything"
