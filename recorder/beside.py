"""Long blocking work in a thread beside the loop, which lets go when it is not wanted any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def beside(work: Callable[[Callable[[], bool]], Result]) -> Result:
    """Run work in a thread; if cancelled, say so to it and wait until it has let go.

    Args:
        work: Given what tells whether it was abandoned; asks that often, and then ends as it likes.

    Raises:
        asyncio.CancelledError: If cancelled; the thread has ended by then.
    """
    said_stop = threading.Event()
    task = asyncio.ensure_future(asyncio.to_thread(work, said_stop.is_set))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        said_stop.set()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # what was abandoned half done is no news
        raise
