"""The ends of calls that came by AGI: ARI tells nothing of them, AMI does.

What AMI tells can be forged by who dials line breaks, and a list of channels that was tampered with lacks
one. So Asterisk is asked whether the channel lives before the end is put on record: a channel leaves its
list before its hang-up is told (Asterisk 22.10.1, main/channel.c).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

from policy.errors import ConsentlineError, Unavailable
from policy.vocabulary import CallId
from recorder.ami_wire import HungUp

log = logging.getLogger(__name__)

AGAIN_AFTER_S = 5.0
"""After so long a question that Asterisk did not answer is put once more."""


class Calls(Protocol):
    """The gate's calls, as far as they are needed here."""

    def underway(self) -> frozenset[CallId]:
        """Return the calls that entered and have not ended."""

    async def ended(self, call_id: CallId) -> None:
        """Put the end of a call on record."""


class AgiEnds:
    """Puts ends on record.

    Args:
        calls: Which are underway.
        alive: Whether a channel exists; raises `Unavailable` if Asterisk did not answer.
    """

    def __init__(self, calls: Calls, alive: Callable[[CallId], Awaitable[bool]]) -> None:
        self._calls = calls
        self._alive = alive
        self._perhaps: asyncio.Queue[CallId] = asyncio.Queue()

    def hear(self, event: object) -> None:
        """Take in what AMI tells; only notes it."""
        if isinstance(event, HungUp) and event.channel_id in self._calls.underway():
            self._perhaps.put_nowait(event.channel_id)

    def look_again(self, there: Collection[CallId]) -> None:
        """Take in which channels there are after events were lost."""
        for call_id in sorted(self._calls.underway() - set(there)):
            self._perhaps.put_nowait(call_id)

    async def run(self) -> None:
        """Work for ever."""
        while True:
            await self._settle(await self._perhaps.get())

    async def _settle(self, call_id: CallId) -> None:
        try:
            if await self._alive(call_id):
                log.warning("call=%s its end was told and never happened", call_id)
            else:
                await self._calls.ended(call_id)
        except Unavailable as error:
            log.warning("call=%s whether it ended is not known: %s", call_id, error.text)
            asyncio.get_running_loop().call_later(AGAIN_AFTER_S, self._perhaps.put_nowait, call_id)
        except ConsentlineError as error:
            log.error("call=%s its end is not on record: %s", call_id, error.text)
