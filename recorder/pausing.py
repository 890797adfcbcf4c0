"""Pausing a recording while a number is spoken: until the key, for a while, or until the agent leaves.

    key       the length of the files is read, Asterisk mutes the tape, the pause is noted (both at once)
    again     after `GRACE_S` Asterisk is told to go on, and that is noted with the length of the files

What is noted decides what is heard later: `recorder/silence.py` silences a pause where the tape cannot
show that it was mute, and one without an end to the end of the recording. So a pause that nobody ended,
because the call was over or the daemon died, is never ended here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from policy.errors import ConsentlineError, StateConflict, Unavailable
from policy.vocabulary import CallId, RecordingId, ResumedBecause
from recorder.background import Background
from recorder.bell import Bell
from recorder.ports import AlarmKind, PauseNotes, Tape
from recorder.spool import Spool
from recorder.wav import HEADER_BYTES, SAMPLE_BYTES

log = logging.getLogger(__name__)

GRACE_S = 0.2
"""What was said before the key is on its way through Asterisk's queues for so long."""
AGAIN_AFTER_S = 0.5


class Change(Enum):
    """What a key did."""

    PAUSED = "paused"
    RESUMED = "resumed"


@dataclass(slots=True, kw_only=True, eq=False)
class _Open:
    """A recording that is paused.

    Attributes:
        channel_id: Of the agent who paused it; None: not known, after a restart.
        noted: Its number in the store; None while, or as long as, it could not be noted.
        muted: Whether Asterisk obeyed.
        ready: Set once the key was seen to.
    """

    call_id: CallId
    recording_id: RecordingId
    channel_id: CallId | None
    began_s: float
    noted: int | None = None
    muted: bool = False
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    timer: asyncio.TimerHandle | None = None
    is_ending: bool = False


class Pauses:
    """Every recording that is paused.

    Args:
        running_on: The recording that runs on a call, or None.
        resumed: Told of the channel of each agent whose pause ended by itself.
    """

    def __init__(
        self,
        *,
        spool: Spool,
        tape: Tape,
        notes: PauseNotes,
        bell: Bell,
        running_on: Callable[[CallId], RecordingId | None],
        resumed: Callable[[CallId], object],
    ) -> None:
        self._spool = spool
        self._tape = tape
        self._notes = notes
        self._bell = bell
        self._running_on = running_on
        self._resumed = resumed
        self._background = Background(lambda name, error: None)
        self._open: dict[RecordingId, _Open] = {}

    async def close(self) -> None:
        """End all work; what is paused stays so."""
        for one in self._open.values():
            if one.timer is not None:
                one.timer.cancel()
        await self._background.close()

    def take_up(self, paused: Sequence[tuple[RecordingId, CallId, int]]) -> None:
        """Take up what was paused in an earlier life; only a key ends it."""
        for recording_id, call_id, pause_id in paused:
            one = _Open(
                call_id=call_id, recording_id=recording_id, channel_id=None, began_s=_now_s(), noted=pause_id
            )
            one.ready.set()
            self._open[recording_id] = one

    async def press(self, call_id: CallId, channel_id: CallId) -> Change:
        """Pause the recording of a call, or have it go on.

        Args:
            call_id: The call.
            channel_id: Of the agent who pressed.

        Raises:
            StateConflict: If nothing is recorded.
            ConsentlineError: If the tape was not muted, and the pause could not be noted either.
        """
        recording_id = self._running_on(call_id)
        if recording_id is None:
            raise StateConflict(f"call {call_id}: is not recorded, so there is nothing to pause")
        one = self._open.get(recording_id)
        if one is not None:
            await self._end(one, ResumedBecause.KEY)
            return Change.RESUMED
        one = _Open(call_id=call_id, recording_id=recording_id, channel_id=channel_id, began_s=_now_s())
        self._open[recording_id] = one
        await self._begin(one, channel_id)
        return Change.PAUSED

    def end_after(self, call_id: CallId, seconds: float) -> None:
        """Have the pause of a call end by itself."""
        one = self._of_call(call_id)
        if one is not None and one.timer is None:
            left_s = one.began_s + seconds - _now_s()
            loop = asyncio.get_running_loop()
            one.timer = loop.call_later(max(left_s, 0.0), self._end_by_itself, one, ResumedBecause.TIME)

    def agent_left(self, channel_id: CallId) -> None:
        """Take in that somebody left a call; what they paused goes on."""
        for one in tuple(self._open.values()):
            if one.channel_id == channel_id:
                self._end_by_itself(one, ResumedBecause.AGENT_LEFT)

    async def _begin(self, one: _Open, channel_id: CallId) -> None:
        from_sample = _whole_samples(min(self._spool.sizes(one.recording_id)))
        log.info("call %s capture %s -> paused", one.call_id, one.recording_id)
        mute = self._background.start(self._mute(one, on=True), name=f"mute {one.recording_id}")
        try:
            one.noted = await self._notes.paused(one.recording_id, channel_id, from_sample=from_sample)
        except ConsentlineError as error:
            await asyncio.wait({mute})
            if not one.muted:
                del self._open[one.recording_id]
                raise
            log.error("pause of %s not noted, the tape is mute: %s", one.recording_id, error.text)
        await asyncio.wait({mute})
        if not one.muted:
            text = f"{one.recording_id}: the tape was not muted; the pause becomes silence when it is sealed"
            await self._bell.ring(AlarmKind.PAUSE_NOT_MUTED, text, one.call_id)
        one.ready.set()

    def _end_by_itself(self, one: _Open, because: ResumedBecause) -> None:
        work = self._end_and_tell(one, because)
        self._background.start(work, name=f"resume {one.recording_id}")

    async def _end_and_tell(self, one: _Open, because: ResumedBecause) -> None:
        ends = not one.is_ending
        await self._end(one, because)
        if ends and because is ResumedBecause.TIME and one.channel_id is not None:
            self._resumed(one.channel_id)

    async def _end(self, one: _Open, because: ResumedBecause) -> None:
        await one.ready.wait()
        if one.is_ending:
            return
        one.is_ending = True
        if one.timer is not None:
            one.timer.cancel()
        await asyncio.sleep(GRACE_S)
        if self._running_on(one.call_id) == one.recording_id:  # else over, or ending: then to its end
            await self._go_on(one, because)
        self._open.pop(one.recording_id, None)

    async def _go_on(self, one: _Open, because: ResumedBecause) -> None:
        was_muted, lasted_ms = one.muted, round((_now_s() - one.began_s) * 1000)
        until_sample = _whole_samples(max(self._spool.sizes(one.recording_id)))
        log.info("call %s capture %s -> goes on: %s", one.call_id, one.recording_id, because.value)
        unmuted = await self._mute(one, on=False)
        if not unmuted:
            again = self._unmute_again(one)
            self._background.start(again, name=f"unmute {one.recording_id}")
        if one.noted is not None:
            await self._notes.resumed(
                one.noted,
                until_sample=until_sample,
                lasted_ms=lasted_ms,
                because=because,
                muted=was_muted and unmuted,
            )

    async def _mute(self, one: _Open, *, on: bool) -> bool:
        try:
            obeyed = await self._tape.mute(one.call_id, one.recording_id, on=on)
        except Unavailable as error:
            log.warning("call %s tape not %s: %s", one.call_id, "muted" if on else "heard", error.text)
            obeyed = False
        if on:
            one.muted = obeyed
        return obeyed

    async def _unmute_again(self, one: _Open) -> None:
        while self._running_on(one.call_id) == one.recording_id and one.recording_id not in self._open:
            if await self._mute(one, on=False):
                return
            await asyncio.sleep(AGAIN_AFTER_S)

    def _of_call(self, call_id: CallId) -> _Open | None:
        return next((one for one in self._open.values() if one.call_id == call_id), None)


def _whole_samples(file_bytes: int) -> int:
    return max(file_bytes - HEADER_BYTES, 0) // SAMPLE_BYTES


def _now_s() -> float:
    return asyncio.get_running_loop().time()
