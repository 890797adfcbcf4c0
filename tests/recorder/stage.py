"""Everything around `Captures`: a spool in a folder, and fakes for Asterisk, the store and the operator."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from io import FileIO
from pathlib import Path
from typing import Any

from policy.vocabulary import CallId, RecordingId
from recorder.ami_wire import BridgeEntered, BridgeLeft, HungUp, TapeStarted
from recorder.capture import Captures
from recorder.spool import Spool
from recorder.wav import Samples
from tests import virtual_time
from tests.recorder import waves
from tests.recorder.fakes import BRIDGE, FakeAlarms, FakeAsterisk, FakeChannel, FakeRegister, FakeTape
from tests.virtual_time import VirtualClock

CALL = CallId("1795283143.0")
ID = RecordingId("ab" * 16)


class Stage:
    """One recorder on stage; `journal` tells who did what, in order."""

    def __init__(self, folder: Path, spool: type[Spool] = Spool) -> None:
        self.journal: list[str] = []
        self.folder = folder
        self.spool = spool(folder, floor_bytes=0)
        self.asterisk = FakeAsterisk(journal=self.journal)
        self.register = FakeRegister(self.journal)
        self.alarms = FakeAlarms()
        self.captures = self.recorder()
        self._writers: dict[RecordingId, list[FileIO]] = {}

    def recorder(self) -> Captures:
        """Return another recorder over the same spool, store and Asterisk, as after a restart."""
        return Captures(
            spool=self.spool,
            tape=FakeTape(self.asterisk),
            register=self.register,
            alarms=self.alarms,
            clock=VirtualClock(),
        )

    @property
    def names(self) -> list[str]:
        """Return what lies in the spool."""
        return sorted(path.name for path in self.folder.iterdir())

    async def decided(self, call_id: CallId = CALL, recording_id: RecordingId = ID) -> None:
        """Have a call whose decision permits a recording, and the daemon told of its start."""
        self.asterisk.channels[call_id] = FakeChannel()
        self.register.add(recording_id, call_id)
        await self.captures.started(recording_id, call_id)

    def tape_starts(
        self, call_id: CallId = CALL, recording_id: RecordingId = ID, *, told: bool = True
    ) -> None:
        """Have the dialplan start the tape: its files are there, and it is told of."""
        self.asterisk.start_tape(call_id, recording_id)
        writers = [leg.open("wb", buffering=0) for leg in self.spool.legs(recording_id)]
        for writer in writers:
            writer.write(waves.header(0))
        self._writers[recording_id] = writers
        if told:
            self.captures.hear(TapeStarted(channel_id=call_id))

    def bridge(self, call_id: CallId = CALL) -> None:
        """Have the caller connected to an agent."""
        self.asterisk.channels[call_id].bridged = True
        self.captures.hear(
            BridgeEntered(
                channel_id=call_id, linked_id=call_id, channel="PJSIP/a-1", bridge_id=BRIDGE, holding=False
            )
        )

    def unbridge(self, call_id: CallId = CALL) -> None:
        """Have the caller wait again."""
        self.asterisk.channels[call_id].bridged = False
        self.captures.hear(
            BridgeLeft(channel_id=call_id, linked_id=call_id, channel="PJSIP/a-1", bridge_id=BRIDGE)
        )

    def speak(self, samples: int, recording_id: RecordingId = ID) -> None:
        """Have both sides heard so far, on files that stay open."""
        for writer, every in zip(self._writers[recording_id], (20, 50), strict=True):
            writer.seek(44)
            writer.write(waves.tone(samples, every=every).tobytes())

    def close(self, samples: int, recording_id: RecordingId = ID) -> Samples:
        """Have the writer close both files, whatever they are called by now; return the caller's side."""
        self.speak(samples, recording_id)
        for writer in self._writers.pop(recording_id):
            writer.seek(0)
            writer.write(waves.header(2 * samples))
            writer.close()
        return waves.tone(samples)

    def crash(self) -> None:
        """Have Asterisk killed: the kernel closes its files as they are."""
        for writers in self._writers.values():
            for writer in writers:
                writer.close()
        self._writers.clear()

    def hang_up(self, call_id: CallId = CALL) -> None:
        """Have Asterisk tell that the caller's channel is gone."""
        del self.asterisk.channels[call_id]
        self.captures.hear(HungUp(channel_id=call_id, linked_id=call_id, channel="PJSIP/a-1"))


@contextlib.asynccontextmanager
async def on_stage(folder: Path, spool: type[Spool] = Spool) -> AsyncIterator[Stage]:
    """Have a recorder at work."""
    stage = Stage(folder, spool)
    try:
        async with stage.captures:
            await asyncio.sleep(0.001)
            yield stage
    finally:
        stage.crash()


def play(
    folder: Path, story: Callable[[Stage], Coroutine[Any, Any, None]], *, spool: type[Spool] = Spool
) -> Stage:
    """Run a story on virtual time, and return the stage as it is afterwards."""

    async def played() -> Stage:
        async with on_stage(folder, spool) as stage:
            await story(stage)
        return stage

    return virtual_time.run(played())


def nth(count: int) -> Iterator[tuple[CallId, RecordingId]]:
    """Yield calls and recordings that differ."""
    for number in range(count):
        yield CallId(f"1795283143.{number}"), RecordingId(f"{number:032x}")
