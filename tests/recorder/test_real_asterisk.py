"""The recorder and a real Asterisk: what is measured there, and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import statistics
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from policy.clock import SystemClock
from policy.vocabulary import CallId, RecordingId, RecordingState, WithdrawnBy
from recorder.ami import Ami, Heard
from recorder.ami_wire import BridgeEntered, HungUp, TapeStarted
from recorder.capture import Captures
from recorder.mixmonitor import MixMonitors
from recorder.spool import Spool
from sandbox import ears
from sandbox.asterisk import Asterisk
from sandbox.fetch import sandbox_folder
from sandbox.speech import read_wav
from tests.recorder.conftest import Pbx
from tests.recorder.fakes import FakeAlarms, FakeRegister
from tests.recorder.patience import until
from tests.recorder.real import access, originate, running_asterisk

pytestmark = pytest.mark.asterisk

S = RecordingState
BY = WithdrawnBy.CALLER_KEY


class Desk:
    """A recorder at work beside a real Asterisk."""

    def __init__(self, asterisk: Asterisk, spool: Path) -> None:
        self.asterisk = asterisk
        self.folder = spool
        self.register = FakeRegister([])
        self.alarms = FakeAlarms()
        self.heard: list[Heard] = []
        self.ami = Ami(access(asterisk), hear=self._hear, answer_within_s=2)
        self.captures = Captures(
            spool=Spool(spool, floor_bytes=0),
            tape=MixMonitors(self.ami),
            register=self.register,
            alarms=self.alarms,
            clock=SystemClock(),
        )

    def names(self, recording_id: RecordingId) -> list[str]:
        """Return what lies in the spool of a recording."""
        return sorted(path.name for path in self.folder.iterdir() if path.name.startswith(recording_id))

    def largest_bytes(self, recording_id: RecordingId) -> int:
        """Return how much the longer leg holds on the disk."""
        paths = [path for path in self.folder.iterdir() if path.name.startswith(recording_id)]
        return max((path.stat().st_size for path in paths), default=0)

    async def call(self, recording_id: RecordingId) -> CallId:
        """Have a recorded call, told of."""
        call_id = await asyncio.to_thread(originate, self.asterisk, recording_id)
        self.register.add(recording_id, call_id)
        await self.captures.started(recording_id, call_id)
        return call_id

    def is_bridged(self, call_id: CallId) -> bool:
        """Tell whether the call was heard being connected."""
        return any(isinstance(event, BridgeEntered) and event.channel_id == call_id for event in self.heard)

    async def hang_up_all(self) -> None:
        """End every call."""
        await asyncio.to_thread(self.asterisk.rx, "channel request hangup all")
        await until(lambda: not self.asterisk.channels())

    def _hear(self, event: Heard) -> None:
        self.heard.append(event)
        self.captures.hear(event)


@contextlib.asynccontextmanager
async def at_work(asterisk: Asterisk, spool: Path) -> AsyncIterator[Desk]:
    desk = Desk(asterisk, spool)
    async with desk.captures:
        await desk.ami.connect()
        running = asyncio.create_task(desk.ami.run())
        try:
            yield desk
        finally:
            running.cancel()
            await asyncio.wait({running})


def test_a_call_is_sealed_with_each_voice_in_its_own_channel(pbx: Pbx) -> None:
    async def story() -> None:
        recording_id = RecordingId("01" * 16)
        async with at_work(pbx.asterisk, pbx.spool) as desk:
            call_id = await desk.call(recording_id)
            await until(lambda: desk.largest_bytes(recording_id) > 2 * 32_768)
            assert desk.register.table[recording_id].bridged_at is not None
            await desk.hang_up_all()
            await desk.captures.ended(call_id)
            assert desk.register.state(recording_id) is S.SEALED
            assert desk.names(recording_id) == []
            assert desk.alarms.raised == []
            assert sum(isinstance(event, TapeStarted) for event in desk.heard) == 1
            audio, rate_hz = soundfile.read(io.BytesIO(desk.register.sealed[recording_id]))
            assert rate_hz == 8000
            voices = sandbox_folder() / "speech"
            caller, agent = (read_wav(voices / f"{name}.wav") for name in ("caller1", "agent1"))
            assert ears.holds_voice(np.asarray(audio[:, 0]), caller)
            assert ears.holds_voice(np.asarray(audio[:, 1]), agent)
            assert not ears.holds_voice(np.asarray(audio[:, 0]), agent)
            assert not ears.holds_voice(np.asarray(audio[:, 1]), caller)

    asyncio.run(story())


def test_a_withdrawal_in_mid_call_is_gone_within_half_a_second_and_the_call_goes_on(pbx: Pbx) -> None:
    async def story() -> None:
        gone_ms = []
        async with at_work(pbx.asterisk, pbx.spool) as desk:
            for number in range(10):
                recording_id = RecordingId(f"{0x2000 + number:032x}")
                call_id = await desk.call(recording_id)
                await until(lambda call_id=call_id: desk.is_bridged(call_id))  # type: ignore[misc]
                withdrawal = await desk.captures.withdraw(recording_id, BY)
                assert withdrawal.stopped_ms is not None
                assert desk.names(recording_id) == []
                assert await MixMonitors(desk.ami).alive(call_id)
                gone_ms.append(withdrawal.gone_ms)
            await asyncio.sleep(0.5)
            assert _counted(pbx.spool) == []
            await desk.hang_up_all()
        print(f"gone: median {statistics.median(gone_ms):.1f} ms, worst {max(gone_ms):.1f} ms")
        assert max(gone_ms) < 500

    asyncio.run(story())


def test_a_withdrawal_back_to_back_with_the_start_leaves_no_ghost(pbx: Pbx) -> None:
    async def story() -> None:
        async with at_work(pbx.asterisk, pbx.spool) as desk:
            recordings = [RecordingId(f"{0x3000 + number:032x}") for number in range(20)]
            for recording_id in recordings:
                await desk.call(recording_id)
                withdrawal = await desk.captures.withdraw(recording_id, BY)
                assert withdrawal.gone_ms < 500
            await asyncio.sleep(1)
            assert _counted(pbx.spool) == []
            await desk.hang_up_all()
            assert {desk.register.state(recording_id) for recording_id in recordings} == {S.WITHDRAWN}
            assert desk.register.sealed == {}

    asyncio.run(story())


def test_a_hang_up_at_once_is_empty(pbx: Pbx) -> None:
    async def story() -> None:
        recording_id = RecordingId("04" * 16)
        async with at_work(pbx.asterisk, pbx.spool) as desk:
            call_id = await desk.call(recording_id)
            await desk.hang_up_all()
            await desk.captures.ended(call_id)
            assert desk.register.state(recording_id) in (S.EMPTY, S.SEALED)
            assert desk.names(recording_id) == []
            assert "writer_not_closed" not in desk.alarms.kinds

    asyncio.run(story())


def test_a_frozen_asterisk_does_not_hold_a_withdrawal_up_and_is_stopped_when_it_thaws(pbx: Pbx) -> None:
    async def story() -> None:
        recording_id = RecordingId("05" * 16)
        async with at_work(pbx.asterisk, pbx.spool) as desk:
            call_id = await desk.call(recording_id)
            await until(lambda: desk.is_bridged(call_id))
            pid = pbx.asterisk.pid()
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            try:
                withdrawal = await desk.captures.withdraw(recording_id, BY)
                assert withdrawal.stopped_ms is None
                assert withdrawal.gone_ms < 500
                assert desk.names(recording_id) == []
                await until(lambda: not desk.ami.connected)
            finally:
                os.kill(pid, signal.SIGCONT)
            await until(lambda: desk.ami.connected)
            monitors = "mixmonitor list " + next(
                name for name in pbx.asterisk.channels() if name.startswith("Local/s@recorder-tests-caller")
            )
            await until(lambda: "0x" not in pbx.asterisk.rx(monitors))
            assert desk.names(recording_id) == []
            await desk.hang_up_all()

    asyncio.run(story())


def test_an_asterisk_killed_in_mid_call_leaves_what_it_had_handed_over(tmp_path: Path) -> None:
    async def story(asterisk: Asterisk, spool: Path) -> None:
        recording_id = RecordingId("06" * 16)
        async with at_work(asterisk, spool) as desk:
            call_id = await desk.call(recording_id)
            await until(lambda: desk.is_bridged(call_id))
            await until(lambda: desk.largest_bytes(recording_id) > 32_768)
            await asyncio.to_thread(asterisk.kill)
            await until(lambda: not desk.ami.connected)
            await asyncio.to_thread(asterisk.start)
            await until(lambda: desk.register.state(recording_id) is S.SEALED, within_s=30)
            assert desk.register.durations_ms[recording_id] >= 2000
            assert desk.names(recording_id) == []
            assert not any(isinstance(event, HungUp) and event.channel_id == call_id for event in desk.heard)

    spool = tmp_path / "spool"
    spool.mkdir()
    with running_asterisk(tmp_path, spool) as asterisk:
        asyncio.run(story(asterisk, spool))


def _counted(spool: Path) -> list[Path]:
    """Return the files of recordings counted up from zero; a test before may have left its own."""
    return [path for path in spool.iterdir() if path.name.startswith("0" * 24)]
