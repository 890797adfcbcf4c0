"""The spool, on real files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from policy.errors import NotFound
from policy.vocabulary import RecordingId
from recorder.spool import Spool, is_recording_id
from tests import virtual_time
from tests.recorder import waves

ID = RecordingId("ab" * 16)
OTHER = RecordingId("cd" * 16)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path, floor_bytes=0)


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "AB" * 16, "ab" * 15, "ab" * 16 + "\n", "ab" * 17, "${SHELL(x)}"]
)
def test_what_cannot_be_the_name_of_a_recording_never_becomes_a_path(spool: Spool, name: str) -> None:
    assert not is_recording_id(name)
    for use in (spool.legs, spool.flac, spool.paths, spool.mark_withdrawn, spool.remove):
        with pytest.raises(NotFound, match="expected 32 hexadecimal digits"):
            use(RecordingId(name))


def test_legs_are_renamed_whole_or_half_and_again(spool: Spool, tmp_path: Path) -> None:
    spool.mark_withdrawn(ID)
    spool.legs(ID).agent.write_bytes(b"a")
    spool.mark_withdrawn(ID)
    assert [path.name for path in tmp_path.iterdir()] == [f"{ID}-agent.wav.withdrawn"]
    assert spool.is_withdrawn(ID)
    spool.legs(ID).agent.write_bytes(b"again")
    spool.mark_withdrawn(ID)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"again"]


def test_a_writer_notices_nothing_of_the_renaming(spool: Spool) -> None:
    leg = spool.legs(ID).caller
    with leg.open("wb") as writer:
        writer.write(b"before ")
        spool.mark_withdrawn(ID)
        writer.write(b"after")
    assert leg.with_name(leg.name + ".withdrawn").read_bytes() == b"before after"


def test_removing_takes_all_names_of_one_recording_and_nothing_else(spool: Spool, tmp_path: Path) -> None:
    names = ["-caller.wav", "-agent.wav", "-caller.wav.withdrawn", "-agent.wav.withdrawn"]
    ours = [tmp_path / f"{ID}{end}" for end in (*names, ".flac", ".flac.partial")]
    for path in (*ours, tmp_path / f"{OTHER}-caller.wav", tmp_path / "core.1234"):
        path.write_bytes(b"x")
    assert set(spool.everything()) == {ID, OTHER}
    assert set(spool.remove(ID)) == set(ours)
    assert spool.remove(ID) == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cd" * 16 + "-caller.wav", "core.1234"]


def test_below_the_floor_there_is_no_room(tmp_path: Path) -> None:
    assert Spool(tmp_path, floor_bytes=1).has_room()
    assert not Spool(tmp_path, floor_bytes=1 << 60).has_room()


def test_the_kernel_tells_when_both_legs_are_closed_even_if_renamed_meanwhile(spool: Spool) -> None:
    async def story() -> None:
        seen: list[RecordingId] = []
        watching = asyncio.create_task(spool.watch(seen.append))
        await asyncio.sleep(0.01)
        legs = spool.legs(ID)
        with legs.caller.open("wb") as caller, legs.agent.open("wb") as agent:
            for writer in (caller, agent):
                writer.write(waves.header(0))
            waiting = asyncio.create_task(spool.wait_closed(ID, within_s=60))
            await asyncio.sleep(5)
            assert not waiting.done()
            spool.mark_withdrawn(ID)
        assert await waiting
        assert asyncio.get_running_loop().time() < 6
        assert seen == [ID, ID]
        spool.forget(ID)
        assert not spool.is_closed(ID)
        watching.cancel()

    virtual_time.run(story())


def test_the_header_tells_where_nobody_watched(spool: Spool) -> None:
    async def story() -> None:
        legs = spool.legs(ID)
        waves.write_closed(legs.caller, waves.tone(800))
        waves.write_open(legs.agent, waves.tone(800))
        waiting = asyncio.create_task(spool.wait_closed(ID, within_s=60))
        await asyncio.sleep(5)
        assert not waiting.done()
        waves.write_closed(legs.agent, waves.tone(800))
        assert await waiting
        assert asyncio.get_running_loop().time() < 6

    virtual_time.run(story())


def test_the_wait_is_bounded(spool: Spool) -> None:
    async def story() -> None:
        assert not await spool.wait_closed(ID, within_s=10)
        assert asyncio.get_running_loop().time() == pytest.approx(10)

    virtual_time.run(story())


def test_a_spool_that_cannot_be_watched_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        asyncio.run(Spool(tmp_path / "missing", floor_bytes=0).watch(lambda _: None))
