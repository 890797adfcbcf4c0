"""What agents ask for by key while they talk, and the signal that tells what came of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine

from casework.flagging import flag_by_key
from daemon.store_thread import StoreThread
from ivr.signals import Signal
from policy.agent_keys import AgentKey
from policy.errors import ConsentlineError
from policy.vocabulary import CallId
from recorder.background import Background
from recorder.pausing import Change, Pauses
from store.files.archive import Archive

log = logging.getLogger(__name__)

Signalling = Callable[[CallId, Signal], Coroutine[None, None, None]]


class AgentKeys:
    """`ivr.ports.AgentKeys`.

    Args:
        pauses: Every recording that is paused.
        longest_pause_s: Returns for how long a call may be paused.
        signal: Has who is at a channel hear a signal.
    """

    def __init__(
        self,
        archive: Archive,
        thread: StoreThread,
        *,
        pauses: Pauses,
        longest_pause_s: Callable[[CallId], Awaitable[int]],
        signal: Signalling,
    ) -> None:
        self._archive = archive
        self._thread = thread
        self._pauses = pauses
        self._longest_pause_s = longest_pause_s
        self._signal = signal
        self._beside = Background(lambda name, error: None)
        self._pressed: asyncio.Queue[tuple[CallId, CallId, AgentKey]] = asyncio.Queue()

    def pressed(self, call_id: CallId, channel_id: CallId, key: AgentKey) -> None:
        """Take in that the party at this channel of the call pressed a code; only note it."""
        self._pressed.put_nowait((call_id, channel_id, key))

    def tell(self, channel_id: CallId, signal: Signal) -> None:
        """Have who is at a channel hear a signal that no key of theirs asked for."""
        self._beside.start(self._signal(channel_id, signal), name=f"{signal.value} {channel_id}")

    async def run(self) -> None:
        """See to every key for ever, each beside the others."""
        try:
            while True:
                call_id, channel_id, key = await self._pressed.get()
                self._beside.start(self._obey(call_id, channel_id, key), name=f"{key.value} {call_id}")
        finally:
            await self._beside.close()

    async def _obey(self, call_id: CallId, channel_id: CallId, key: AgentKey) -> None:
        log.info("call=%s key of an agent: %s", call_id, key.value)
        try:
            heard = await (self._pause if key is AgentKey.PAUSE else self._flag)(call_id, channel_id)
        except ConsentlineError as error:
            log.info("call=%s %s: %s", call_id, key.value, error.text)
            heard = Signal.NOT_DONE
        await self._signal(channel_id, heard)

    async def _pause(self, call_id: CallId, channel_id: CallId) -> Signal:
        if await self._pauses.press(call_id, channel_id) is Change.RESUMED:
            return Signal.RESUMED
        self._pauses.end_after(call_id, await self._longest_pause_s(call_id))
        return Signal.PAUSED

    async def _flag(self, call_id: CallId, channel_id: CallId) -> Signal:
        await self._thread.run(lambda: flag_by_key(self._archive, call_id, channel_id))
        return Signal.FLAGGED
