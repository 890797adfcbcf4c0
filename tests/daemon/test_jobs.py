from __future__ import annotations

import asyncio

import pytest

from daemon.jobs import Job, Jobs
from policy.errors import Unavailable


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
