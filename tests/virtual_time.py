"""A loop in which waiting costs nothing: when nobody is ready, time leaps to the next timer.

    def test_the_reply_window_is_three_seconds() -> None:
        async def story() -> None:
            await asyncio.sleep(3)                       # takes no real time
            assert asyncio.get_running_loop().time() == 3

        virtual_time.run(story())

Time stands still while a worker thread is busy, so a timer never fires because the machine
was slow. Real files and sockets work, but whoever waits for both a socket and a timer sees
the timer win: real sockets belong on `asyncio.run`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Args = TypeVarTuple("Args")


class Stuck(RuntimeError):
    """Nothing is ready, no timer is set and no thread is busy: the story can never go on."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time starts at 0 and moves only by leaps.

    Args:
        stuck_s: Real seconds without anything that could wake the loop; then it is `Stuck`.
    """

    def __init__(self, stuck_s: float = 10.0) -> None:
        self._virtual_s = 0.0
        self._busy_threads = 0
        super().__init__(_LeapingSelector(self, stuck_s))

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._virtual_s

    def leap(self, by_s: float) -> None:
        """Let virtual time pass; for the selector."""
        self._virtual_s += by_s

    @property
    def threads_are_busy(self) -> bool:
        """Whether a worker thread still runs; time stands still meanwhile."""
        return self._busy_threads > 0

    def run_in_executor(
        self,
        executor: concurrent.futures.Executor | None,
        func: Callable[[*Args], T],
        *args: *Args,
    ) -> asyncio.Future[T]:
        """Run in a real thread, counted."""
        future = super().run_in_executor(executor, func, *args)
        self._busy_threads += 1
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _: asyncio.Future[Any]) -> None:
        self._busy_threads -= 1


class _LeapingSelector(selectors.SelectSelector):
    def __init__(self, loop: VirtualTimeLoop, stuck_s: float) -> None:
        super().__init__()
        self._loop = loop
        self._stuck_s = stuck_s

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._loop.threads_are_busy:
            return super().select(self._stuck_s)
        if timeout is None:
            ready = super().select(self._stuck_s)
            if not ready:
                raise Stuck("nothing is ready, no timer is set and no thread is busy")
            return ready
        self._loop.leap(timeout)
        return ready


class VirtualClock:
    """The running loop's virtual time as a `policy.clock.Clock`."""

    def __init__(self, start: datetime = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)) -> None:
        self._start = start

    def now(self) -> datetime:
        """Return the start plus the loop's virtual time."""
        return self._start + timedelta(seconds=self.monotonic_s())

    def monotonic_s(self) -> float:
        """Return the running loop's virtual time."""
        return asyncio.get_running_loop().time()


def run(story: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a fresh loop with virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(story)
