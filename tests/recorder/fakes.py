"""What stands in for Asterisk, the store and the operator.

`FakeTape` passes the contract suite of `test_tape_contract.py` as the real one does.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from policy.errors import ConsentlineError, NotFound, StateConflict, Unavailable
from policy.vocabulary import (
    CallId,
    ConcludedBecause,
    ControllerLost,
    ErasedBecause,
    RecordingId,
    RecordingState,
    ResumedBecause,
    TakenBack,
    WithdrawnBy,
)
from recorder.ports import LiveChannel, Pause, Row, StopOutcome

BRIDGE = "6f0c-5471"


@dataclass(slots=True, kw_only=True)
class FakeChannel:
    """A channel of the fake Asterisk.

    Attributes:
        tapes: Ids of running tapes, oldest first.
        mute: Those that write silence.
        ours: What CONSENTLINE_MMID holds.
        named: Of each recording, its tape.
    """

    tapes: list[str] = field(default_factory=list)
    mute: set[str] = field(default_factory=set)
    ours: str = ""
    named: dict[RecordingId, str] = field(default_factory=dict)
    recording_id: RecordingId | None = None
    bridged: bool = False


@dataclass(slots=True, kw_only=True)
class FakeAsterisk:
    """Channels and tapes, without sound.

    Attributes:
        away: While true, nothing answers.
        journal: Shared with the other fakes: who did what, in order.
    """

    channels: dict[CallId, FakeChannel] = field(default_factory=dict)
    away: bool = False
    journal: list[str] = field(default_factory=list)

    def start_tape(self, call_id: CallId, recording_id: RecordingId | None = None) -> None:
        """Do what the dialplan does; without a recording id it is somebody else's."""
        channel = self.channels[call_id]
        name = f"0x{len(channel.tapes) + len(channel.named) + 1:x}"
        channel.tapes.append(name)
        if recording_id is not None:
            channel.ours, channel.recording_id = name, recording_id
            channel.named[recording_id] = name

    def stop(self, call_id: CallId, name: str | None) -> StopOutcome:
        """Do what StopMixMonitor does."""
        channel = self.channels.get(call_id)
        if channel is None:
            return StopOutcome.CHANNEL_GONE
        if name is None and channel.tapes:
            name = channel.tapes[-1]
        if name not in channel.tapes:
            return StopOutcome.NOT_RUNNING
        channel.tapes.remove(name)
        self.journal.append("stopped")
        return StopOutcome.STOPPED

    def mute(self, call_id: CallId, name: str, *, on: bool) -> bool:
        """Do what MixMonitorMute does."""
        channel = self.channels.get(call_id)
        if channel is None or name not in channel.tapes:
            return False
        channel.mute = channel.mute | {name} if on else channel.mute - {name}
        self.journal.append("muted" if on else "heard")
        return True


class FakeTape:
    """`recorder.ports.Tape` over the fake Asterisk."""

    def __init__(self, asterisk: FakeAsterisk) -> None:
        self._asterisk = asterisk

    async def stop(self, call_id: CallId, recording_id: RecordingId) -> StopOutcome:
        """Stop the tape of one recording."""
        channel = await self._find(call_id)
        if channel is None:
            return StopOutcome.CHANNEL_GONE
        if recording_id not in channel.named:
            return StopOutcome.NOT_STARTED
        return self._asterisk.stop(call_id, channel.named[recording_id])

    async def mute(self, call_id: CallId, recording_id: RecordingId, *, on: bool) -> bool:
        """Mute the tape of one recording, or not."""
        channel = await self._find(call_id)
        if channel is None or recording_id not in channel.named:
            return False
        return self._asterisk.mute(call_id, channel.named[recording_id], on=on)

    async def unname(self, call_id: CallId, recording_id: RecordingId) -> None:
        """Forget the name."""
        channel = await self._find(call_id)
        if channel is not None and channel.recording_id == recording_id:
            channel.recording_id = None

    async def stop_newest(self, call_id: CallId) -> StopOutcome:
        """Stop the newest tape."""
        await self._find(call_id)
        return self._asterisk.stop(call_id, None)

    async def alive(self, call_id: CallId) -> bool:
        """Tell whether the channel exists."""
        return await self._find(call_id) is not None

    async def channels(self) -> tuple[LiveChannel, ...]:
        """Return every channel."""
        await self._answer()
        return tuple(
            LiveChannel(
                channel_id=call_id,
                bridge_id=BRIDGE if channel.bridged else None,
                recording_id=channel.recording_id,
            )
            for call_id, channel in self._asterisk.channels.items()
        )

    async def _find(self, call_id: CallId) -> FakeChannel | None:
        await self._answer()
        return self._asterisk.channels.get(call_id)

    async def _answer(self) -> None:
        await asyncio.sleep(0.0005)
        if self._asterisk.away:
            raise Unavailable("AMI: there is no connection")


class FakeRegister:
    """`recorder.ports.Register` in memory: one call after the other, bytes really unlinked.

    Attributes:
        failures: By method, how often it still fails.
        on_seal: Called while a recording is being sealed.
        sealed: By recording, the sealed bytes.
    """

    def __init__(self, journal: list[str]) -> None:
        self._journal = journal
        self._one_at_a_time = asyncio.Lock()
        self.table: dict[RecordingId, Row] = {}
        self.failures: defaultdict[str, int] = defaultdict(int)
        self.on_seal: Callable[[], None] = lambda: None
        self.sealed: dict[RecordingId, bytes] = {}
        self.durations_ms: dict[RecordingId, int] = {}
        self.withdrawn_by: dict[RecordingId, WithdrawnBy] = {}
        self.concluded_because: dict[RecordingId, ConcludedBecause] = {}
        self.restricted: set[RecordingId] = set()
        self.erased_because: dict[RecordingId, ErasedBecause] = {}
        self.problems: dict[RecordingId, str] = {}
        self.noted: dict[int, tuple[RecordingId, Pause]] = {}

    def add(
        self,
        recording_id: RecordingId,
        call_id: CallId,
        state: RecordingState = RecordingState.RECORDING,
        *,
        bridged_at: datetime | None = None,
        controller_lost: ControllerLost = ControllerLost.DROP,
        marked: bool = False,
    ) -> None:
        """Put a row in."""
        self.table[recording_id] = Row(
            recording_id=recording_id,
            call_id=call_id,
            state=state,
            bridged_at=bridged_at,
            bridge_id=None if bridged_at is None else BRIDGE,
            controller_lost=controller_lost,
            marked=marked,
        )

    def state(self, recording_id: RecordingId) -> RecordingState:
        """Return the state of a row."""
        return self.table[recording_id].state

    async def captured(self, recording_id: RecordingId, *, duration_ms: int) -> None:
        """Commit that the capture is complete."""
        await self._begin("captured")
        self.durations_ms[recording_id] = duration_ms
        self._move(recording_id, RecordingState.CAPTURED, {RecordingState.RECORDING, RecordingState.LOST})

    async def seal(self, recording_id: RecordingId, flac: Path) -> None:
        """Take the bytes in."""
        await self._begin("seal")
        self.on_seal()
        self.sealed[recording_id] = await asyncio.to_thread(flac.read_bytes)
        self._move(recording_id, RecordingState.SEALED, {RecordingState.CAPTURED})

    async def pauses(self, recording_id: RecordingId) -> tuple[Pause, ...]:
        """Return what was paused."""
        await self._begin("pauses")
        return tuple(pause for of, pause in self.noted.values() if of == recording_id)

    async def paused(self, recording_id: RecordingId, channel_id: CallId, *, from_sample: int) -> int:
        """Note the beginning of a pause."""
        await self._begin("paused")
        pause = Pause(from_sample=from_sample, until_sample=None, lasted_ms=None, muted=False)
        self.noted[len(self.noted)] = (recording_id, pause)
        return len(self.noted) - 1

    async def resumed(
        self, pause_id: int, *, until_sample: int, lasted_ms: int, because: ResumedBecause, muted: bool
    ) -> None:
        """Note its end."""
        await self._begin(f"resumed {because.value}")
        of, pause = self.noted[pause_id]
        ended = replace(pause, until_sample=until_sample, lasted_ms=lasted_ms, muted=muted)
        self.noted[pause_id] = (of, ended)

    async def quarantine(self, recording_id: RecordingId, paths: tuple[Path, ...], problem: str) -> None:
        """Note the problem."""
        await self._begin("quarantine")
        assert all(path.exists() for path in paths)
        self.problems[recording_id] = problem

    async def lost(self, recording_id: RecordingId, problem: str) -> None:
        """Note that there is nothing."""
        await self._begin("lost")
        self.problems[recording_id] = problem
        self._move(recording_id, RecordingState.LOST, {RecordingState.RECORDING, RecordingState.CAPTURED})

    async def concluded(self, recording_id: RecordingId, because: ConcludedBecause) -> None:
        """Note why."""
        await self._begin("concluded")
        self.concluded_because[recording_id] = because

    async def note_withdrawal(self, recording_id: RecordingId, by: WithdrawnBy) -> TakenBack:
        """Commit who said stop."""
        await self._begin("note")
        if recording_id not in self.table:
            raise NotFound(f"no recording {recording_id}")
        if recording_id in self.restricted:
            return TakenBack.RESTRICTED
        self.withdrawn_by.setdefault(recording_id, by)
        self._set(recording_id, RecordingState.WITHDRAWN)
        return TakenBack.ERASED

    async def destroy(
        self, recording_id: RecordingId, because: ErasedBecause, paths: tuple[Path, ...]
    ) -> None:
        """Unlink."""
        await self._begin("destroy")
        self.sealed.pop(recording_id, None)
        for path in paths:
            path.unlink(missing_ok=True)
        self.erased_because.setdefault(recording_id, because)
        if recording_id in self.table and self.state(recording_id) is not RecordingState.WITHDRAWN:
            empty = because is ErasedBecause.EMPTY
            self._set(recording_id, RecordingState.EMPTY if empty else RecordingState.PURGED)

    async def bridged(self, recording_id: RecordingId, at: datetime, bridge_id: str) -> None:
        """Note since when."""
        await self._begin("bridged")
        self.table[recording_id] = replace(self.table[recording_id], bridged_at=at, bridge_id=bridge_id)

    async def waiting(self, recording_id: RecordingId) -> None:
        """Note that it waits."""
        await self._begin("waiting")
        self.table[recording_id] = replace(self.table[recording_id], bridged_at=None, bridge_id=None)

    async def rows(self, also: Collection[RecordingId]) -> tuple[Row, ...]:
        """Return what is unfinished, and what was asked for."""
        await self._begin("rows")
        unfinished = (RecordingState.RECORDING, RecordingState.CAPTURED)
        return tuple(
            row for row in self.table.values() if row.state in unfinished or row.recording_id in also
        )

    async def _begin(self, method: str) -> None:
        async with self._one_at_a_time:
            await asyncio.sleep(0.001)
        if self.failures[method]:
            self.failures[method] -= 1
            raise ConsentlineError(f"{method}: the disk is full")
        self._journal.append(method)

    def _move(self, recording_id: RecordingId, to: RecordingState, come: set[RecordingState]) -> None:
        state = self.state(recording_id)
        if state is to:
            return
        if state not in come:
            raise StateConflict(f"recording {recording_id}: is {state.value}, cannot become {to.value}")
        self._set(recording_id, to)

    def _set(self, recording_id: RecordingId, state: RecordingState) -> None:
        self.table[recording_id] = replace(self.table[recording_id], state=state)


class FakeAlarms:
    """`recorder.ports.Alarms` in a list."""

    def __init__(self) -> None:
        self.raised: list[tuple[str, str, CallId | None]] = []

    @property
    def kinds(self) -> list[str]:
        """Return the kinds raised, in order."""
        return [kind for kind, _, _ in self.raised]

    async def alarm(self, kind: str, text: str, call_id: CallId | None) -> None:
        """Keep it."""
        self.raised.append((kind, text, call_id))
