"""Work that goes on after its asker has left: one owner, ended as a whole.

Not a TaskGroup: one failing task would end the others, and a fault in one call must not end the
withdrawal of another.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from policy.errors import ConsentlineError

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Background:
    """Owns tasks.

    Args:
        faulted: Called with what a task died of; a `ConsentlineError` is for its asker and is no fault.
    """

    def __init__(self, faulted: Callable[[str, BaseException], None]) -> None:
        self._faulted = faulted
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False

    async def close(self) -> None:
        """Cancel all work and wait until it is gone; what is started from now on is cancelled at once."""
        self._closing = True
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    def start(self, work: Coroutine[Any, Any, Result], *, name: str) -> asyncio.Task[Result]:
        """Start work and return its task; whoever awaits it shields it."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        if self._closing:
            task.cancel()
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, ConsentlineError):
            log.warning("%s: %s", task.get_name(), error)
            return
        log.error("%s: fault", task.get_name(), exc_info=error)
        if not self._closing:
            self._faulted(task.get_name(), error)
