"""The daemon's recurring work: each job runs once at start and then on its time.

`schedule` keeps the times; it has no catch-up, hence the run at start. It knows the local wall
clock only, which goes back an hour when summer time ends, and whenever somebody sets it: so the
loop's clock watches over it. A job that fails is told to the operator and runs again on its next
time; it never takes the daemon down.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import schedule

from policy.errors import ConsentlineError

logger = logging.getLogger(__name__)

TICK_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of recurring work.

    Attributes:
        name: As it stands in log and alarms.
        run: The work; what it raises is told.
        every_minutes: How often, on the whole minute.
    """

    name: str
    run: Callable[[], Awaitable[object]]
    every_minutes: int


class Jobs:
    """Runs jobs one after another, so that none meets another half done.

    Args:
        jobs: In the order in which they run at start.
        failed: Told the name of a job and why it failed.
    """

    def __init__(self, *jobs: Job, failed: Callable[[str, str], Awaitable[None]]) -> None:
        self._jobs = jobs
        self._failed = failed
        self._scheduler = schedule.Scheduler()
        self._waiting: asyncio.Queue[Job] = asyncio.Queue()
        self._in_line: set[str] = set()
        self._called_at_s: dict[str, float] = {}

    async def run(self) -> None:
        """Run for ever."""
        for job in self._jobs:
            self._call(job)
            self._plan(job)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_time())
            tasks.create_task(self._work())

    def soon(self, name: str) -> None:
        """Have a job run next, before its time."""
        for job in self._jobs:
            if job.name == name:
                self._call(job)

    def _plan(self, job: Job) -> None:
        if job.every_minutes == 1:
            planned = self._scheduler.every().minute.at(":00")
        else:
            planned = self._scheduler.every(job.every_minutes).minutes
        planned.tag(job.name).do(self._call, job)

    def _call(self, job: Job) -> None:
        """Have a job run next, unless it waits in line already."""
        self._called_at_s[job.name] = asyncio.get_running_loop().time()
        if job.name not in self._in_line:
            self._in_line.add(job.name)
            self._waiting.put_nowait(job)

    async def _keep_time(self) -> None:
        while True:
            self._scheduler.run_pending()
            self._call_overdue()
            await asyncio.sleep(TICK_S)

    def _call_overdue(self) -> None:
        """Call whom `schedule` forgot because the wall clock went back, and plan it anew."""
        now_s = asyncio.get_running_loop().time()
        for job in self._jobs:
            if now_s - self._called_at_s[job.name] > job.every_minutes * 60 + TICK_S:
                self._call(job)
                self._scheduler.clear(job.name)
                self._plan(job)

    async def _work(self) -> None:
        while True:
            job = await self._waiting.get()
            self._in_line.discard(job.name)
            try:
                await job.run()
            except ConsentlineError as error:
                logger.error("job %s failed: %s", job.name, error.text)
                await self._failed(job.name, error.text)
            except Exception as fault:  # a bug, or a disk, in one job costs no other job its time
                logger.exception("job %s broke", job.name)
                await self._failed(job.name, type(fault).__name__)
