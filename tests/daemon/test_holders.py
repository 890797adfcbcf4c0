"""Who holds a call, on virtual time: half a Local channel gets a moment, a telephone none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from daemon.holders import LOCAL_GRACE_S, Holders, Present
from ivr.membership import Party
from policy.errors import Unavailable
from policy.scope import Answered
from policy.vocabulary import CallId
from tests import virtual_time

CALLER, OTHER = CallId("1.1"), CallId("1.5")
AGENT, HALF, BEHIND = CallId("1.2"), CallId("1.3"), CallId("1.4")
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def party(channel_id: CallId, *, is_certain: bool = True) -> Party:
    answers = (Answered(endpoint=f"PJSIP/{channel_id}"),)
    return Party(channel_id=channel_id, answers=answers, is_certain=is_certain)


class Records:
    """What is noted, in order."""

    def __init__(self) -> None:
        self.noted: list[tuple[CallId, tuple[CallId, ...], datetime]] = []
        self.standing: tuple[CallId, ...] = ()
        self.is_away = False

    async def held_by(self, call_id: CallId, present: Present, at: datetime) -> None:
        if self.is_away:
            raise Unavailable("the disk is full")
        self.noted.append((call_id, tuple(present), at))

    async def held_calls(self) -> tuple[CallId, ...]:
        return self.standing


@asynccontextmanager
async def running(records: Records) -> AsyncIterator[Holders]:
    holders = Holders(records)
    task = asyncio.create_task(holders.run())
    try:
        yield holders
        await asyncio.sleep(0.001)
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])


def test_two_agents_after_one_another_are_noted_when_it_was_told() -> None:
    async def story() -> None:
        records = Records()
        async with running(records) as holders:
            holders.speaks_with(CALLER, (), AT)
            holders.speaks_with(CALLER, (party(AGENT),), AT)
            holders.speaks_with(CALLER, (), AT + timedelta(seconds=1))
            holders.speaks_with(CALLER, (party(BEHIND),), AT + timedelta(seconds=2))
        assert [(channels, (at - AT).seconds) for _, channels, at in records.noted] == [
            ((AGENT,), 0),
            ((), 1),
            ((BEHIND,), 2),
        ]

    virtual_time.run(story())


def test_a_telephone_that_appears_behind_half_a_channel_is_noted_alone() -> None:
    async def story() -> None:
        records = Records()
        async with running(records) as holders:
            holders.speaks_with(CALLER, (party(HALF, is_certain=False),), AT)
            await asyncio.sleep(LOCAL_GRACE_S / 2)
            holders.speaks_with(CALLER, (party(BEHIND),), AT)
            await asyncio.sleep(1)
        assert [channels for _, channels, _ in records.noted] == [(), (BEHIND,)]

    virtual_time.run(story())


def test_what_stays_half_a_channel_is_noted_from_when_it_was_there_and_stays_noted() -> None:
    async def story() -> None:
        records = Records()
        async with running(records) as holders:
            half = party(HALF, is_certain=False)
            holders.speaks_with(CALLER, (half,), AT)
            await asyncio.sleep(1)
            holders.speaks_with(CALLER, (half, party(AGENT)), AT + timedelta(seconds=5))
            holders.speaks_with(CALLER, (), AT + timedelta(seconds=9))
        assert records.noted == [
            (CALLER, (), AT),
            (CALLER, (HALF,), AT),
            (CALLER, (HALF, AGENT), AT + timedelta(seconds=5)),
            (CALLER, (), AT + timedelta(seconds=9)),
        ]

    virtual_time.run(story())


def test_after_events_were_lost_a_call_that_nobody_has_is_closed() -> None:
    async def story() -> None:
        records = Records()
        records.standing = (CALLER, OTHER)
        async with running(records) as holders:
            holders.speaks_with(CALLER, (party(AGENT),), AT)
            holders.all_told(AT + timedelta(seconds=1))
        assert records.noted == [(CALLER, (AGENT,), AT), (OTHER, (), AT + timedelta(seconds=1))]

    virtual_time.run(story())


def test_a_store_that_cannot_write_ends_nothing() -> None:
    async def story() -> None:
        records = Records()
        async with running(records) as holders:
            records.is_away = True
            holders.speaks_with(CALLER, (party(AGENT),), AT)
            await asyncio.sleep(1)
            records.is_away = False
            holders.speaks_with(CALLER, (party(AGENT), party(BEHIND)), AT)
        assert [channels for _, channels, _ in records.noted] == [(AGENT, BEHIND)]

    virtual_time.run(story())
