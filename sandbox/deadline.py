"""The one place that waits: look again until it is so, or say what did not happen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from sandbox.fetch import SandboxError

Found = TypeVar("Found")
LOOK_EVERY_S = 0.02


def wait_until(
    look: Callable[[], Found], *, within_s: float, what: str, every_s: float = LOOK_EVERY_S
) -> Found:
    """Return the first true result of `look`.

    Raises:
        SandboxError: `what` did not happen within `within_s` seconds.
    """
    deadline = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() >= deadline:
            raise SandboxError(f"{what}: not within {within_s:g} s")
        time.sleep(every_s)
    return found
