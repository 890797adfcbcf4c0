"""The end of a call that came by AGI, told truly, forged, and while Asterisk does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from daemon.agi_ends import AGAIN_AFTER_S, AgiEnds
from policy.errors import NotFound, Unavailable
from policy.vocabulary import CallId
from recorder.ami_wire import HungUp
from tests import virtual_time

CALL, OTHER = CallId("1795282161.17"), CallId("1795282161.18")


class Scene:
    """Two calls underway, and the channels that Asterisk has."""

    def __init__(self) -> None:
        self.open = {CALL, OTHER}
        self.alive = {CALL, OTHER}
        self.on_record: list[CallId] = []
        self.is_away = False
        self.store_fails = False
        self.ends = AgiEnds(self, self._is_alive)

    def underway(self) -> frozenset[CallId]:
        return frozenset(self.open)

    async def ended(self, call_id: CallId) -> None:
        if self.store_fails:
            raise NotFound("no such call")
        self.open.discard(call_id)
        self.on_record.append(call_id)

    async def _is_alive(self, channel_id: CallId) -> bool:
        if self.is_away:
            raise Unavailable("AMI: no answer")
        return channel_id in self.alive

    def hangs_up(self, channel_id: CallId, *, truly: bool = True) -> None:
        if truly:
            self.alive.discard(channel_id)
        self.ends.hear(HungUp(channel_id=channel_id, linked_id=channel_id, channel="PJSIP/trunk-0000001a"))


@asynccontextmanager
async def running() -> AsyncIterator[Scene]:
    scene = Scene()
    task = asyncio.create_task(scene.ends.run())
    try:
        yield scene
        await asyncio.sleep(0.1)
    finally:
        task.cancel()


def test_a_true_end_is_put_on_record() -> None:
    async def story() -> None:
        async with running() as scene:
            scene.hangs_up(CALL)
        assert scene.on_record == [CALL]

    virtual_time.run(story())


def test_a_forged_end_is_not_and_the_true_one_is_afterwards() -> None:
    async def story() -> None:
        async with running() as scene:
            scene.hangs_up(CALL, truly=False)
            await asyncio.sleep(60)
            assert scene.on_record == []
            scene.hangs_up(CALL)
        assert scene.on_record == [CALL]

    virtual_time.run(story())


def test_a_channel_that_a_list_lacks_is_gone_only_where_asterisk_says_so() -> None:
    async def story() -> None:
        async with running() as scene:
            scene.alive.discard(OTHER)
            scene.ends.look_again([])  # CALL's own line of the list was tampered with
        assert scene.on_record == [OTHER]

    virtual_time.run(story())


def test_where_asterisk_does_not_answer_it_is_asked_until_it_does() -> None:
    async def story() -> None:
        async with running() as scene:
            scene.is_away = True
            scene.hangs_up(CALL)
            await asyncio.sleep(3 * AGAIN_AFTER_S)
            assert scene.on_record == []
            scene.is_away = False
            await asyncio.sleep(AGAIN_AFTER_S)
        assert scene.on_record == [CALL]

    virtual_time.run(story())


def test_an_end_that_cannot_be_stored_stops_no_other() -> None:
    async def story() -> None:
        async with running() as scene:
            scene.store_fails = True
            scene.hangs_up(CALL)
            await asyncio.sleep(0.1)
            scene.store_fails = False
            scene.hangs_up(OTHER)
        assert scene.on_record == [OTHER]

    virtual_time.run(story())


def test_calls_that_did_not_come_by_agi_are_none_of_its_business() -> None:
    async def story() -> None:
        async with running() as scene:
            scene.open.discard(CALL)
            scene.is_away = True  # nothing is asked
            scene.hangs_up(CALL)
        assert scene.on_record == []

    virtual_time.run(story())
