"""Pausing by key: what is told to the tape, what is noted, and what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import soundfile

from policy.errors import ConsentlineError, StateConflict
from policy.vocabulary import CallId, RecordingState
from recorder.bell import Bell
from recorder.pausing import Change, Pauses
from tests.recorder.fakes import FakeTape
from tests.recorder.stage import CALL, ID, Stage, play

AGENT, COLLEAGUE = CallId("2.1"), CallId("3.1")


class Desk:
    """A call that is recorded, and who can pause it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.heard_again: list[CallId] = []
        self.pauses = Pauses(
            spool=stage.spool,
            tape=FakeTape(stage.asterisk),
            notes=stage.register,
            bell=Bell(stage.alarms),
            running_on=stage.captures.running_on,
            resumed=self.heard_again.append,
        )

    @property
    def is_mute(self) -> bool:
        return bool(self.stage.asterisk.channels[CALL].mute)


Story = Callable[[Desk], Coroutine[Any, Any, None]]


def paused_call(folder: Path, story: Story) -> Stage:
    """Have a call connected, with a second on tape, and tell the story."""

    async def told(stage: Stage) -> None:
        await stage.decided()
        stage.tape_starts()
        stage.bridge()
        stage.speak(8000)
        desk = Desk(stage)
        await story(desk)
        await desk.pauses.close()

    return play(folder, told)


def test_the_key_mutes_the_tape_and_the_same_key_ends_it(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        assert await desk.pauses.press(CALL, AGENT) is Change.PAUSED
        assert desk.is_mute
        desk.stage.speak(24_000)
        await asyncio.sleep(3)
        assert await desk.pauses.press(CALL, COLLEAGUE) is Change.RESUMED
        assert not desk.is_mute

    stage = paused_call(tmp_path, story)
    (noted,) = [pause for _, pause in stage.register.noted.values()]
    assert (noted.from_sample, noted.until_sample, noted.muted) == (8000, 24_000, True)
    assert noted.lasted_ms is not None
    assert 3000 <= noted.lasted_ms < 3500
    assert "resumed key" in stage.journal
    assert stage.alarms.raised == []


def test_it_ends_by_itself_after_a_while_and_the_agent_is_told(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        await desk.pauses.press(CALL, AGENT)
        desk.pauses.end_after(CALL, 90)
        await asyncio.sleep(89)
        assert desk.is_mute
        await asyncio.sleep(2)
        assert not desk.is_mute
        assert desk.heard_again == [AGENT]

    assert "resumed time" in paused_call(tmp_path, story).journal


def test_it_ends_when_the_agent_who_paused_it_leaves_and_not_when_another_does(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        await desk.pauses.press(CALL, AGENT)
        desk.pauses.agent_left(COLLEAGUE)
        await asyncio.sleep(1)
        assert desk.is_mute
        desk.pauses.agent_left(AGENT)
        await asyncio.sleep(1)
        assert not desk.is_mute

    assert "resumed agent_left" in paused_call(tmp_path, story).journal


def test_one_pause_is_ended_once_however_many_things_end_it(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        await desk.pauses.press(CALL, AGENT)
        desk.pauses.agent_left(AGENT)
        await asyncio.gather(desk.pauses.press(CALL, AGENT), desk.pauses.press(CALL, AGENT))
        await asyncio.sleep(1)
        assert not desk.is_mute
        assert await desk.pauses.press(CALL, AGENT) is Change.PAUSED

    stage = paused_call(tmp_path, story)
    assert len([entry for entry in stage.journal if entry.startswith("resumed")]) == 1


def test_a_tape_that_cannot_be_muted_is_alarmed_and_silenced_when_it_is_sealed(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        desk.stage.asterisk.away = True
        assert await desk.pauses.press(CALL, AGENT) is Change.PAUSED
        desk.stage.asterisk.away = False
        desk.stage.speak(32_000)
        await asyncio.sleep(3)
        await desk.pauses.press(CALL, AGENT)
        desk.stage.close(80_000)
        desk.stage.hang_up()
        await asyncio.sleep(5)

    stage = paused_call(tmp_path, story)
    assert stage.alarms.kinds == ["pause_not_muted"]
    assert stage.register.state(ID) is RecordingState.SEALED
    (tmp_path / "sealed.flac").write_bytes(stage.register.sealed[ID])
    audio, _ = soundfile.read(str(tmp_path / "sealed.flac"), dtype="int16", always_2d=True)
    assert not audio[8000:32_000].any()
    assert audio[:8000].any(axis=1).all()
    assert audio[-8000:].any(axis=1).all()


def test_a_pause_that_nobody_ended_is_silent_to_the_end(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        await desk.pauses.press(CALL, AGENT)
        desk.pauses.end_after(CALL, 90)
        desk.stage.close(80_000)
        desk.stage.hang_up()
        await asyncio.sleep(100)

    stage = paused_call(tmp_path, story)
    (noted,) = [pause for _, pause in stage.register.noted.values()]
    assert noted.until_sample is None
    (tmp_path / "sealed.flac").write_bytes(stage.register.sealed[ID])
    audio, _ = soundfile.read(str(tmp_path / "sealed.flac"), dtype="int16", always_2d=True)
    assert not audio[8000:].any()


def test_what_was_paused_in_an_earlier_life_is_ended_by_a_key_only(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        noted = await desk.stage.register.paused(ID, AGENT, from_sample=4000)
        desk.pauses.take_up([(ID, CALL, noted)])
        desk.pauses.agent_left(AGENT)
        await asyncio.sleep(200)
        assert desk.stage.register.noted[noted][1].until_sample is None
        assert await desk.pauses.press(CALL, AGENT) is Change.RESUMED
        assert desk.stage.register.noted[noted][1].until_sample == 8000
        assert not desk.stage.register.noted[noted][1].muted  # nobody knows

    paused_call(tmp_path, story)


def test_a_pause_that_is_neither_muted_nor_noted_is_refused(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        desk.stage.asterisk.away = True
        desk.stage.register.failures["paused"] = 1
        with pytest.raises(ConsentlineError, match="disk is full"):
            await desk.pauses.press(CALL, AGENT)
        desk.stage.asterisk.away = False
        assert await desk.pauses.press(CALL, AGENT) is Change.PAUSED

    paused_call(tmp_path, story)


def test_where_nothing_is_recorded_there_is_nothing_to_pause(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        with pytest.raises(StateConflict, match="is not recorded"):
            await desk.pauses.press(CallId("9.9"), AGENT)

    paused_call(tmp_path, story)
