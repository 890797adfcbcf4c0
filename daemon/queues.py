"""In which queue a caller waits, from what class `call` of AMI tells.

Asterisk tells of joining a queue to class `agent` only, which also tells of every agent's every pause. So the
caller's channel is asked which application it is in, whenever it begins to hear music on hold or has somebody
rung. Queue() does the one at once, unless its option `r` forbids it, and the other when somebody is free.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, Protocol

from policy.clock import Clock
from policy.errors import ConsentlineError
from policy.vocabulary import CallId
from recorder.ami_wire import HungUp, MusicStarted, Rang

logger = logging.getLogger(__name__)

QUESTION_LIMIT_S: Final = 1.0

ApplicationOf = Callable[[CallId], Awaitable[tuple[str, str]]]
"""The dialplan application in which a channel is, and what it was given."""


class Record(Protocol):
    """Where it is noted."""

    async def queued(self, call_id: CallId, queue: str, at: datetime) -> None:
        """Store in which queue a caller waits; who was answered is passed over."""


async def queue_of(channel_id: CallId, application_of: ApplicationOf) -> str | None:
    """Return the queue in which a channel is, or None; that it could not be asked is on the log."""
    try:
        async with asyncio.timeout(QUESTION_LIMIT_S):
            name, data = await application_of(channel_id)
    except (ConsentlineError, TimeoutError) as error:
        logger.warning("call=%s in which queue is not known: %s", channel_id, error)
        return None
    return data.partition(",")[0] if name == "Queue" else None


class Queues:
    """Notes where callers wait.

    Args:
        record: Where it is noted.
        application_of: Asks Asterisk.
        is_ours: Whether a channel is the caller's of a call that passed the gate.
    """

    def __init__(
        self,
        record: Record,
        *,
        application_of: ApplicationOf,
        is_ours: Callable[[CallId], bool],
        clock: Clock,
    ) -> None:
        self._record = record
        self._application_of = application_of
        self._is_ours = is_ours
        self._clock = clock
        self._known: set[CallId] = set()
        self._inbox: asyncio.Queue[tuple[CallId, datetime]] = asyncio.Queue()

    def hear(self, event: object) -> None:
        """Take in what AMI tells; only notes it. Of a queue that rings many, the first ring is enough."""
        match event:
            case MusicStarted(channel_id=channel_id) if self._is_ours(channel_id):
                self._inbox.put_nowait((channel_id, self._clock.now()))
            case Rang(channel_id=channel_id) if self._is_ours(channel_id) and channel_id not in self._known:
                self._inbox.put_nowait((channel_id, self._clock.now()))
            case HungUp(channel_id=channel_id):
                self._known.discard(channel_id)

    async def run(self) -> None:
        """Ask and note for ever, in the order in which it was told."""
        while True:
            channel_id, at = await self._inbox.get()
            queue = await queue_of(channel_id, self._application_of)
            if queue is None:
                continue
            if self._is_ours(channel_id):
                self._known.add(channel_id)
            try:
                await self._record.queued(channel_id, queue, at)
            except ConsentlineError as error:
                logger.error("call=%s its queue is not on record: %s", channel_id, error.text)
