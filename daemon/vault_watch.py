"""The way to a vault host: kept up beside the calls; an alarm while it is away, then what waited is done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from daemon.metrics import Metrics
from daemon.register import Register
from policy.alarm_kinds import Ending
from policy.errors import ConsentlineError, Unavailable
from store.files.vault_host import VaultHost

logger = logging.getLogger(__name__)

ALARM: Final = "vault_away"
LOOK_EVERY_S: Final = 5.0


class VaultWatch:
    """Looks whether the vault host is there, for ever.

    Args:
        host: The vault host; nobody else connects to it.
        register: Told by an alarm that it is away.
        metrics: Told as well.
        back: Does what waited for it.
    """

    def __init__(
        self, host: VaultHost, *, register: Register, metrics: Metrics, back: Callable[[], Awaitable[None]]
    ) -> None:
        self._host = host
        self._register = register
        self._metrics = metrics
        self._back = back
        self._was_there: bool | None = None

    @property
    def is_away(self) -> bool:
        """Whether it was away when it was last looked at."""
        return self._was_there is False

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Look once; a change is told, and what waited is done."""
        try:
            await asyncio.to_thread(self._host.keep_up)
        except Unavailable as error:
            await self._tell_away(error)
            return
        self._metrics.connected("vault", True)
        if not self._was_there:
            logger.info("the vault host is there")
            self._was_there = True
            await self._register.over(Ending.VAULT_BACK)
            try:
                await self._back()
            except ConsentlineError as error:
                logger.error("vault host: what waited for it is not done: %s", error.text)

    async def _tell_away(self, error: Unavailable) -> None:
        self._metrics.connected("vault", False)
        if self._was_there is not False:
            self._was_there = False
            await self._register.alarm(ALARM, error.text, None)
