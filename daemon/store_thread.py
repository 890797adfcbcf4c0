"""The one thread in which the database, the vault and the epoch folder are touched.

Work is done in the order in which it was asked. What has begun is carried out even if its
asker is cancelled: a caller who hangs up does not undo a decision half stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class StoreThread:
    """Runs blocking work one piece at a time."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def run(self, work: Callable[[], Result]) -> Result:
        """Run `work` in the thread and return what it returns; what it raises comes out here.

        Raises:
            asyncio.CancelledError: If the asker is cancelled; the work goes on.
        """
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._executor, work))

    def close(self) -> None:
        """Finish what was asked, and end the thread."""
        self._executor.shutdown(wait=True)
