"""Codes with which to listen in: once, for one call, late after wrong ones; and what ends the listening."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from casework.monitoring import LiveCall
from daemon.monitoring import CODE_LASTS_S, MOST_WRONG, Monitoring
from policy.errors import AccessRefused, NotFound, Unavailable
from policy.vocabulary import CallId
from recorder.ami_wire import ChannelListed, HungUp
from store.logbook import ledger
from tests import virtual_time
from tests.casework.staff import AGENT, call_of
from tests.casework.test_monitoring import COACH, QUALITY, nunspeet, question, recorded
from tests.store.scene import Scene

__all__ = ["nunspeet"]

Result = TypeVar("Result")
PHONE, DESK, COLLEAGUE = CallId("7.1"), CallId("8.1"), CallId("8.2")


class InPlace:
    """A store thread that is this one."""

    async def run(self, work: Callable[[], Result]) -> Result:
        return work()


class Exchange:
    """One call that goes on, and a coach's telephone."""

    def __init__(self, stage: Scene) -> None:
        self.stage = stage
        self.calls: list[LiveCall] = [recorded(stage)]
        self.hung_up: list[CallId] = []
        self.gone: set[CallId] = set()
        self.is_deaf = False
        self.monitoring = Monitoring(
            stage.archive,
            InPlace(),
            calls=lambda: self.calls,
            hang_up=self._hang_up,
            is_there=self._is_there,
        )
        self.monitoring.met(DESK, call_of(1))

    async def _hang_up(self, channel_id: CallId) -> None:
        if self.is_deaf:
            raise Unavailable("ARI: no answer")
        self.hung_up.append(channel_id)

    async def _is_there(self, channel_id: CallId) -> bool:
        return channel_id not in self.gone

    async def code(self) -> str:
        return (await self.monitoring.authorise(question(self.stage), call=call_of(1), agent=None)).digits

    def told(self, kind: str) -> list[dict[str, Any]]:
        entries = ledger.show(self.stage.db)
        return [dict(entry.payload or {}) for entry in entries if entry.kind == kind]


Story = Callable[[Exchange], Coroutine[Any, Any, None]]
Play = Callable[[Story], Exchange]


@pytest.fixture
def play(nunspeet: Scene) -> Iterator[Play]:
    """Return what runs a story on virtual time, with the agent's word given."""

    def run(story: Story) -> Exchange:
        async def played() -> Exchange:
            exchange = Exchange(nunspeet)
            until = nunspeet.clock.now() + timedelta(hours=8)
            await exchange.monitoring.ask(question(nunspeet), AGENT.id, until)
            watching = asyncio.create_task(exchange.monitoring.run())
            await story(exchange)
            watching.cancel()
            await asyncio.wait({watching})
            return exchange

        return virtual_time.run(played())

    yield run


def test_a_code_opens_one_call_once_and_its_beginning_is_on_the_ledger_first(play: Play) -> None:
    async def story(exchange: Exchange) -> None:
        digits = await exchange.code()
        code = await exchange.monitoring.enter(digits, PHONE)
        assert (code.call_id, code.seconds) == (call_of(1), 30 * 60)
        with pytest.raises(AccessRefused, match="no such code"):
            await exchange.monitoring.enter(digits, PHONE)

    told = play(story)
    assert [one["person"] for one in told.told("monitor_begun")] == [COACH]
    assert told.told("monitor_authorised")[0]["purpose"] == QUALITY
    assert told.told("monitor_code_wrong") == [{"in_a_row": 1}]


def test_a_code_whose_time_is_over_opens_nothing(play: Play) -> None:
    async def story(exchange: Exchange) -> None:
        digits = await exchange.code()
        exchange.stage.clock.advance(timedelta(seconds=CODE_LASTS_S))
        with pytest.raises(AccessRefused):
            await exchange.monitoring.enter(digits, PHONE)

    assert play(story).told("monitor_begun") == []


def test_each_wrong_code_makes_the_next_wait_longer_and_five_make_every_code_void(play: Play) -> None:
    async def story(exchange: Exchange) -> None:
        digits, loop = await exchange.code(), asyncio.get_running_loop()
        waited = []
        for _ in range(MOST_WRONG):
            began_s = loop.time()
            with pytest.raises(AccessRefused):
                await exchange.monitoring.enter("x" + digits, PHONE)
            waited.append(round(loop.time() - began_s))
        assert waited == [0, 1, 2, 4, 8]
        with pytest.raises(AccessRefused):
            await exchange.monitoring.enter(digits, PHONE)

    assert len(play(story).told("monitor_code_wrong")) == MOST_WRONG + 1


def test_who_may_is_judged_once_more_when_the_code_is_dialled(play: Play) -> None:
    async def story(exchange: Exchange) -> None:
        digits = await exchange.code()
        exchange.calls = [replace(exchange.calls[0], recording_id=None)]  # its caller withdrew meanwhile
        with pytest.raises(NotFound):
            await exchange.monitoring.enter(digits, PHONE)

    assert play(story).told("monitor_begun") == []


def _withdrawn(exchange: Exchange) -> None:
    exchange.calls = [replace(exchange.calls[0], recording_id=None)]


def _over(exchange: Exchange) -> None:
    exchange.calls = []


def _agent_leaves(exchange: Exchange) -> None:
    exchange.monitoring.parted(DESK)


def _somebody_comes(exchange: Exchange) -> None:
    exchange.monitoring.met(COLLEAGUE, call_of(1))


@pytest.mark.parametrize(
    ("happens", "because"),
    [
        (_withdrawn, "recording_ended"),
        (_over, "call_over"),
        (_agent_leaves, "agent_left"),
        (_somebody_comes, "somebody_came"),
    ],
)
def test_what_it_hangs_on_ends_it_within_a_second(
    play: Play, happens: Callable[[Exchange], None], because: str
) -> None:
    async def story(exchange: Exchange) -> None:
        await exchange.monitoring.enter(await exchange.code(), PHONE)
        await asyncio.sleep(5)
        assert exchange.hung_up == []
        happens(exchange)
        await asyncio.sleep(1)
        assert exchange.hung_up == [PHONE]

    (ended,) = play(story).told("monitor_ended")
    assert (ended["person"], ended["because"]) == (COACH, because)


def test_a_hang_up_that_asterisk_did_not_take_is_asked_again(play: Play) -> None:
    async def story(exchange: Exchange) -> None:
        await exchange.monitoring.enter(await exchange.code(), PHONE)
        exchange.is_deaf = True
        exchange.calls = []
        await asyncio.sleep(2)
        assert exchange.told("monitor_ended") == []
        exchange.is_deaf = False
        await asyncio.sleep(1)
        assert exchange.hung_up == [PHONE]

    assert len(play(story).told("monitor_ended")) == 1


def test_the_coach_who_hangs_up_ends_it(play: Play) -> None:
    async def story(exchange: Exchange) -> None:
        await exchange.monitoring.enter(await exchange.code(), PHONE)
        exchange.monitoring.hear(HungUp(channel_id=PHONE, linked_id=PHONE, channel="PJSIP/agent2-1"))
        await asyncio.sleep(1)

    told = play(story)
    assert [one["because"] for one in told.told("monitor_ended")] == ["hung_up"]
    assert told.hung_up == []


def test_when_the_daemon_stops_nobody_listens_on(play: Play) -> None:
    async def story(exchange: Exchange) -> None:
        await exchange.monitoring.enter(await exchange.code(), PHONE)
        await exchange.monitoring.close()
        await asyncio.sleep(1)

    told = play(story)
    assert told.hung_up == [PHONE]
    assert [one["because"] for one in told.told("monitor_ended")] == ["daemon_stopped"]


def test_who_listens_since_an_earlier_life_is_hung_up_and_no_other_spy(play: Play) -> None:
    async def story(exchange: Exchange) -> None:
        def spy(channel: str, data: str) -> ChannelListed:
            return ChannelListed(
                action_id="1",
                channel_id=CallId(channel),
                bridge_id=None,
                application="ChanSpy",
                application_data=data,
            )

        theirs, ours = spy("9.1", "PJSIP/agent1,q"), spy("9.2", f"{call_of(1)},uqEbS")
        await exchange.monitoring.end_strangers([theirs, ours])
        assert exchange.hung_up == ["9.2"]

    play(story)
