"""The loop that the other tests stand on."""

from __future__ import annotations

import asyncio

import pytest

from tests import virtual_time
from tests.virtual_time import Stuck, VirtualClock, VirtualTimeLoop


def test_a_long_wait_costs_nothing_and_timers_fire_in_order() -> None:
    async def story() -> tuple[list[str], float]:
        order: list[str] = []

        async def after(delay_s: float, name: str) -> None:
            await asyncio.sleep(delay_s)
            order.append(name)

        await asyncio.gather(after(3600, "last"), after(0.25, "first"), after(60, "middle"))
        return order, asyncio.get_running_loop().time()

    order, took_s = virtual_time.run(story())
    assert order == ["first", "middle", "last"]
    assert took_s == pytest.approx(3600)


def test_time_stands_still_while_a_thread_is_busy() -> None:
    async def story() -> int:
        async with asyncio.timeout(0.001):
            return await asyncio.to_thread(sum, range(3_000_000))

    assert virtual_time.run(story()) == sum(range(3_000_000))


def test_the_clock_follows_the_loop() -> None:
    async def story() -> float:
        clock = VirtualClock()
        before = clock.now()
        await asyncio.sleep(90)
        return (clock.now() - before).total_seconds()

    assert virtual_time.run(story()) == pytest.approx(90)


def test_a_story_that_can_never_go_on_fails_instead_of_hanging() -> None:
    async def story() -> None:
        await asyncio.Event().wait()

    with (
        asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(stuck_s=0.01)) as runner,
        pytest.raises(Stuck),
    ):
        runner.run(story())
