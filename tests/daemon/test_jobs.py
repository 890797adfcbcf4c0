from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from daemon.jobs import Job, Jobs
from policy.errors import Unavailable
from tests import virtual_time


def test_each_job_runs_once_at_start_and_a_failing_one_stops_no_other() -> None:
    ran: list[str] = []
    failures: list[tuple[str, str]] = []

    async def purge() -> None:
        ran.append("purge")
        raise Unavailable("vault: gone")

    async def sweep() -> None:
        ran.append("sweep")
        done.set()

    async def failed(name: str, why: str) -> None:
        failures.append((name, why))

    async def run() -> None:
        jobs = Jobs(
            Job(name="purge", run=purge, every_minutes=1),
            Job(name="sweep", run=sweep, every_minutes=60),
            failed=failed,
        )
        task = asyncio.create_task(jobs.run())
        await asyncio.wait_for(done.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    done = asyncio.Event()
    asyncio.run(run())
    assert ran == ["purge", "sweep"]
    assert failures == [("purge", "vault: gone")]


def test_a_wall_clock_that_goes_back_delays_no_job() -> None:
    """As in the night when summer time ends; here the wall clock stands still and only the loop's goes on."""
    ran_s: list[float] = []

    async def purge() -> None:
        ran_s.append(asyncio.get_running_loop().time())

    async def run() -> None:
        task = asyncio.create_task(Jobs(Job(name="purge", run=purge, every_minutes=1), failed=nobody).run())
        await asyncio.sleep(3600)
        task.cancel()
        await asyncio.wait({task})

    virtual_time.run(run())
    assert max(late - early for early, late in pairwise([*ran_s, 3600])) <= 62


def test_a_job_that_breaks_takes_nobody_down_and_runs_again() -> None:
    ran: list[str] = []
    failures: list[tuple[str, str]] = []

    async def sweep() -> None:
        ran.append("sweep")
        raise PermissionError(13, "Permission denied")

    async def failed(name: str, why: str) -> None:
        failures.append((name, why))

    async def run() -> None:
        task = asyncio.create_task(Jobs(Job(name="sweep", run=sweep, every_minutes=1), failed=failed).run())
        await asyncio.sleep(130)
        assert not task.done()
        task.cancel()
        await asyncio.wait({task})

    virtual_time.run(run())
    assert len(ran) >= 3
    assert set(failures) == {("sweep", "PermissionError")}


def test_a_job_that_takes_longer_than_its_period_waits_in_line_once() -> None:
    ran: list[str] = []

    async def slow() -> None:
        ran.append("slow")
        await asyncio.sleep(600 if len(ran) == 1 else 0)

    async def run() -> None:
        task = asyncio.create_task(Jobs(Job(name="slow", run=slow, every_minutes=1), failed=nobody).run())
        await asyncio.sleep(601)
        task.cancel()
        await asyncio.wait({task})

    virtual_time.run(run())
    assert len(ran) == 2


async def nobody(name: str, why: str) -> None:
    """Hear of a failure that there must not be."""
    raise AssertionError(f"{name}: {why}")
