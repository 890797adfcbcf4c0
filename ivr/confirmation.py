"""Saying something into a call while its parties talk on: to both of them, or to an agent alone.

A snoop channel whispers into a call that has long left our application (fact 15). Its id and its
playback's id follow from the call, so that whatever a crash leaves behind can be found and hung up.
"""

from __future__ import annotations

import asyncio

from ivr.ari_wire import PlaybackFinished, StasisStart
from ivr.ports import Answer, Telephony, Whisper
from ivr.signals import Signal, duration_ms, tone_of
from policy.errors import StateConflict, Unavailable
from policy.evidence import Prompt
from policy.vocabulary import CallId

SETTLE_S = 0.3
"""How long after the tape's stop the whisper begins.

Asterisk renews a channel's audio hooks once it has none, at the next frame. A whisper that joins the hooks
of a tape just stopped is not heard by the caller in one of three calls that were transferred, and the
feature's AGI script suspends the bridge for some 100 ms. Source: measured on Asterisk 22.10.1.
"""
TAIL_S = 0.2
"""After the last tone: what is on its way to the agent is not cut off."""
ENTRY_LIMIT_S = 3.0
OVERDUE_S = 5.0


def snoop_id(channel_id: CallId) -> CallId:
    """Return the id of the whisper channel of a call, or of an agent's channel."""
    return CallId(f"confirm-{channel_id}")


class Confirmations:
    """The whispers that are being said now; at most one for each call."""

    def __init__(self, telephony: Telephony) -> None:
        self._telephony = telephony
        self._waiting: dict[str, asyncio.Future[bool]] = {}

    def speaks_on(self, channel_id: CallId) -> bool:
        """Return whether a whisper channel is in use."""
        return channel_id in self._waiting

    async def say(self, call_id: CallId, prompt: Prompt) -> None:
        """Whisper a prompt to both parties; a call that is gone hears nothing, and that is fine.

        Raises:
            StateConflict: If it could not be played to its end.
            Unavailable: If Asterisk did not take a command, or gave no answer in time.
        """
        snoop, playback_id = snoop_id(call_id), f"withdrawn-{call_id}"
        if self.speaks_on(snoop):
            return
        for key in (snoop, playback_id):
            self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            if await self._whisper(call_id, snoop, playback_id, prompt):
                return
        finally:
            del self._waiting[snoop], self._waiting[playback_id]
            await self._telephony.channels.hangup(snoop)
        if await self._telephony.channels.get(call_id) is not None:
            raise StateConflict("the confirmation of a withdrawal was not played to its end")

    async def signal(self, channel_id: CallId, signal: Signal) -> None:
        """Have an agent hear a signal that nobody else does; one who is gone hears nothing.

        While something is being said to them already, it is left out.

        Raises:
            Unavailable: If Asterisk did not take a command, or gave no answer in time.
        """
        snoop = snoop_id(channel_id)
        if self.speaks_on(snoop):
            return
        self._waiting[snoop] = asyncio.get_running_loop().create_future()
        channels = self._telephony.channels
        try:
            if await channels.snoop(channel_id, snoop, whisper=Whisper.OUT) is Answer.GONE:
                return
            await self._until(snoop, ENTRY_LIMIT_S)
            await channels.play_tones(snoop, f"signal-{channel_id}", tone_of(signal))
            await asyncio.sleep(duration_ms(signal) / 1000 + TAIL_S)
        finally:
            del self._waiting[snoop]
            await channels.hangup(snoop)

    async def _whisper(self, call_id: CallId, snoop: CallId, playback_id: str, prompt: Prompt) -> bool:
        """Return whether it was heard to its end."""
        channels = self._telephony.channels
        await asyncio.sleep(SETTLE_S)
        if await channels.snoop(call_id, snoop, whisper=Whisper.BOTH) in (Answer.GONE, Answer.ELSEWHERE):
            return False
        await self._until(snoop, ENTRY_LIMIT_S)
        answer = await channels.play(snoop, playback_id, path=prompt.path, language=prompt.language)
        if answer in (Answer.GONE, Answer.ELSEWHERE):
            return False
        return await self._until(playback_id, prompt.duration_ms / 1000 + OVERDUE_S)

    def entered(self, event: StasisStart) -> None:
        """Take note that a whisper channel is ready."""
        self._settle(event.channel.channel_id, well=True)

    def finished(self, event: PlaybackFinished) -> None:
        """Take note that a prompt is over, ours or another's."""
        self._settle(event.playback_id, well=not event.failed)

    def _settle(self, key: str, *, well: bool) -> None:
        waiting = self._waiting.get(key)
        if waiting is not None and not waiting.done():
            waiting.set_result(well)

    async def _until(self, key: str, limit_s: float) -> bool:
        try:
            async with asyncio.timeout(limit_s):
                return await self._waiting[key]
        except TimeoutError as error:
            raise Unavailable(f"ARI: nothing heard of a confirmation within {limit_s:.0f} s") from error
