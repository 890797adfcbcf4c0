"""After a message that Asterisk cannot have written: nothing it told is trusted, Asterisk is asked again.

A forged event can stand beside the message that gives it away, so what was heard meanwhile may be wrong, and
the list that is asked for holds the forger's own channel, which tampers with it once more. Hence not more
often than every `AGAIN_AFTER_S`, and always once more after the last such message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from recorder.background import Background
from recorder.bell import Bell
from recorder.ports import AlarmKind

AGAIN_AFTER_S = 5.0
TEXT = "AMI sent a message that Asterisk cannot have written: a dialled number holds line breaks"


class Tampering:
    """Raises the alarm and has state read again.

    Args:
        look_again: Compares what is believed with what Asterisk has.
    """

    def __init__(
        self, *, bell: Bell, background: Background, look_again: Callable[[], Awaitable[None]]
    ) -> None:
        self._bell = bell
        self._background = background
        self._look_again = look_again
        self._heard = False
        self._looking: asyncio.Task[None] | None = None

    def heard(self) -> None:
        """Take in that there was one; only notes it and starts what has to be done."""
        self._heard = True
        if self._looking is None or self._looking.done():
            self._looking = self._background.start(self._look(), name="look again after tampering")

    async def _look(self) -> None:
        while self._heard:
            self._heard = False
            await self._look_again()
            await self._bell.ring(AlarmKind.AMI_TAMPERED, TEXT, None)
            await asyncio.sleep(AGAIN_AFTER_S)
