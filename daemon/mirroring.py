"""Keeps the mirror of the epoch keys in step, in a thread of its own.

The mirror lies on another host: a mount that hangs must hold up neither the gate nor the purge, so
nobody waits for it longer than some seconds, and the next round waits until the last one is over.
"""

from __future__ import annotations

import asyncio
import threading

from policy.errors import ConsentlineError, Unavailable
from store.files import mirror
from store.files.epochs import EpochFolder

ANSWER_WITHIN_S = 20.0


class Mirroring:
    """Follows the epoch folder into a folder on a second host.

    Args:
        epochs: The folder.
        there: Its mirror.
        answer_within_s: How long a round is waited for.
    """

    def __init__(
        self, epochs: EpochFolder, there: EpochFolder, *, answer_within_s: float = ANSWER_WITHIN_S
    ) -> None:
        self._epochs = epochs
        self._there = there
        self._answer_within_s = answer_within_s
        self._thread: threading.Thread | None = None

    async def follow(self) -> None:
        """Make the mirror like the folder.

        Raises:
            Unavailable: If it does not answer in time, or cannot be written.
            ConsentlineError: If others may enter it, or a key there cannot be destroyed.
        """
        if self._thread is not None and self._thread.is_alive():
            raise Unavailable(f"{self._there.path}: the mirror of the epoch keys still does not answer")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def settle(error: Exception | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        def work() -> None:
            found: Exception | None = None
            try:
                mirror.follow(self._epochs, self._there)
            except ConsentlineError as error:
                found = error
            except OSError as error:
                found = Unavailable(f"{self._there.path}: cannot be mirrored into: {error.strerror or error}")
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, found)

        # A daemon thread: the end of the process waits for no mount.
        self._thread = threading.Thread(target=work, name="mirror", daemon=True)
        self._thread.start()
        try:
            await asyncio.wait_for(done, self._answer_within_s)
        except TimeoutError as error:
            waited = f"{self._answer_within_s:g} s"
            raise Unavailable(
                f"{self._there.path}: the mirror of the epoch keys gave no answer within {waited}"
            ) from error
