"""Who holds a call, as it is put on record: each telephone in the caller's bridge, from when until when.

A telephone behind half a Local channel gets a moment to appear; what stays half a channel is
noted as it is, known by what the queue calls its member.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from ivr.membership import Party
from policy.errors import ConsentlineError
from policy.scope import Answered
from policy.vocabulary import CallId

logger = logging.getLogger(__name__)

LOCAL_GRACE_S: Final = 0.5

Present = Mapping[CallId, Sequence[Answered]]
"""From the channel of each telephone to every way in which it answered."""


class Record(Protocol):
    """Where it is noted."""

    async def held_by(self, call_id: CallId, present: Present, at: datetime) -> None:
        """Store who has a call now; a channel that is no call is passed over."""

    async def held_calls(self) -> tuple[CallId, ...]:
        """Return every call that somebody has, as it is on record."""


class Holders:
    """Notes who holds which call; a witness of `daemon.scope_keeper`."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._now: dict[CallId, Sequence[Party]] = {}
        self._had_time: dict[CallId, frozenset[CallId]] = {}
        self._inbox: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()

    def speaks_with(self, call_id: CallId, parties: Sequence[Party], at: datetime) -> None:
        """Take in who has a channel's call now."""
        if parties:
            self._now[call_id] = parties
        elif self._now.pop(call_id, None) is None:
            return
        else:
            self._had_time.pop(call_id, None)
        self._tell(call_id, at)
        if any(not party.is_certain for party in parties):
            asyncio.get_running_loop().call_later(LOCAL_GRACE_S, self._time_is_over, call_id, parties, at)

    def all_told(self, at: datetime) -> None:
        """Take in that everybody who speaks with somebody now was told of, after events were lost."""
        there = frozenset(self._now)

        async def close() -> None:
            for call_id in await self._record.held_calls():
                if call_id not in there:
                    await self._record.held_by(call_id, {}, at)

        self._inbox.put_nowait(close)

    async def run(self) -> None:
        """Note for ever, in the order in which it was told."""
        while True:
            work = await self._inbox.get()
            try:
                await work()
            except ConsentlineError as error:
                logger.error("who held a call is not on record: %s", error.text)

    def _tell(self, call_id: CallId, at: datetime) -> None:
        had_time = self._had_time.get(call_id, frozenset())
        present = {
            party.channel_id: party.answers
            for party in self._now.get(call_id, ())
            if party.is_certain or party.channel_id in had_time
        }
        self._inbox.put_nowait(lambda: self._record.held_by(call_id, present, at))

    def _time_is_over(self, call_id: CallId, parties: Sequence[Party], at: datetime) -> None:
        """Note half a channel too, where it is still half a channel."""
        halves = {party.channel_id for party in parties if not party.is_certain}
        now = {party.channel_id for party in self._now.get(call_id, ()) if not party.is_certain}
        if halves & now:
            self._had_time[call_id] = self._had_time.get(call_id, frozenset()) | (halves & now)
            self._tell(call_id, at)
