"""Waiting, on real time, for what another process does; bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

LOOK_EVERY_S = 0.01


async def until(look: Callable[[], bool | Awaitable[bool]], *, within_s: float = 10.0) -> None:
    """Look again until it is so."""
    for _ in range(int(within_s / LOOK_EVERY_S)):
        seen = look()
        if seen if isinstance(seen, bool) else await seen:
            return
        await asyncio.sleep(LOOK_EVERY_S)
    raise AssertionError(f"not within {within_s:g} s")
