"""In which queue a caller waits, on virtual time: who is asked for, when, and what is noted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from daemon.queues import QUESTION_LIMIT_S, Queues
from policy.errors import Unavailable
from policy.vocabulary import CallId
from recorder.ami_wire import HungUp, MusicStarted, Rang
from tests import virtual_time
from tests.virtual_time import VirtualClock

CALLER, STRANGER, MEMBER = CallId("1.1"), CallId("1.2"), CallId("1.3")


class Scene:
    """Asterisk, and what is noted."""

    def __init__(self) -> None:
        self.application = ("Queue", "kcc-heerde,tTb(consentline-agent^s^1)")
        self.is_away = False
        self.hangs = False
        self.asked: list[CallId] = []
        self.noted: list[tuple[CallId, str]] = []
        self.gated = {CALLER}
        self.queues = Queues(
            self,
            application_of=self._application_of,
            is_ours=self.gated.__contains__,
            clock=VirtualClock(),
        )

    async def queued(self, call_id: CallId, queue: str, at: datetime) -> None:
        if self.is_away:
            raise Unavailable("the disk is full")
        self.noted.append((call_id, queue))

    async def _application_of(self, channel_id: CallId) -> tuple[str, str]:
        self.asked.append(channel_id)
        if self.hangs:
            await asyncio.sleep(QUESTION_LIMIT_S * 10)
        return self.application

    def hears_music(self, channel_id: CallId = CALLER) -> None:
        self.queues.hear(MusicStarted(channel_id=channel_id))

    def rings(self, channel_id: CallId = CALLER) -> None:
        self.queues.hear(
            Rang(channel_id=channel_id, channel="a", dest_id=MEMBER, dest_channel="b", dial_string="c")
        )

    def hangs_up(self) -> None:
        self.queues.hear(HungUp(channel_id=CALLER, linked_id=CALLER, channel="a"))


@asynccontextmanager
async def running(scene: Scene) -> AsyncIterator[None]:
    task = asyncio.create_task(scene.queues.run())
    try:
        yield
    finally:
        task.cancel()


def test_who_hears_music_in_a_queue_waits_there_and_a_later_queue_counts_as_well() -> None:
    scene = Scene()

    async def play() -> None:
        async with running(scene):
            scene.hears_music()
            await asyncio.sleep(0.1)
            scene.application = ("Queue", "kcc-overflow")
            scene.hears_music()
            await asyncio.sleep(0.1)

    virtual_time.run(play())
    assert scene.noted == [(CALLER, "kcc-heerde"), (CALLER, "kcc-overflow")]


def test_a_queue_without_music_is_known_by_its_first_ring_and_not_asked_for_again() -> None:
    scene = Scene()

    async def play() -> None:
        async with running(scene):
            for _ in range(20):
                scene.rings()
                await asyncio.sleep(0.1)
            scene.hangs_up()
            scene.rings()
            await asyncio.sleep(0.1)

    virtual_time.run(play())
    assert scene.asked == [CALLER, CALLER]


def test_what_is_no_call_of_ours_or_rung_by_dial_is_no_queue() -> None:
    scene = Scene()

    async def play() -> None:
        async with running(scene):
            scene.hears_music(STRANGER)
            scene.rings(STRANGER)
            scene.application = ("Dial", "PJSIP/agent1,30")
            scene.rings()
            await asyncio.sleep(0.1)

    virtual_time.run(play())
    assert (scene.asked, scene.noted) == ([CALLER], [])


def test_asterisk_that_does_not_answer_and_a_full_disk_stop_nothing() -> None:
    scene = Scene()

    async def play() -> None:
        async with running(scene):
            scene.hangs = True
            scene.hears_music()
            await asyncio.sleep(QUESTION_LIMIT_S * 2)
            scene.hangs, scene.is_away = False, True
            scene.hears_music()
            await asyncio.sleep(0.1)
            scene.is_away = False
            scene.hears_music()
            await asyncio.sleep(0.1)

    virtual_time.run(play())
    assert scene.noted == [(CALLER, "kcc-heerde")]
