"""Seeing that a tape really writes: a start that was answered with success proves nothing (fact 7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from policy.vocabulary import CallId, RecordingId
from recorder.bell import Bell
from recorder.ports import AlarmKind
from recorder.spool import Spool
from recorder.wav import HEADER_BYTES

FILES_WITHIN_S = 0.5
LOOK_EVERY_S = 0.05
GROWTH_WITHIN_S = 5.0
"""Asterisk hands samples over 32 KiB at a time, 2 s of them at 8 kHz (measured)."""


class Confirmation:
    """Looks at the files of live captures, and rings when they are not what they should be."""

    def __init__(self, *, spool: Spool, bell: Bell) -> None:
        self._spool = spool
        self._bell = bell

    async def files_appear(
        self, recording_id: RecordingId, call_id: CallId, *, still: Callable[[], bool]
    ) -> None:
        """See both files come into being.

        Args:
            still: Whether the capture still matters; looked at each time.
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + FILES_WITHIN_S
        while still() and min(self._spool.sizes(recording_id)) < HEADER_BYTES:
            if loop.time() >= until_s:
                text = f"{recording_id}: no files within {FILES_WITHIN_S * 1000:g} ms"
                await self._bell.ring(AlarmKind.CAPTURE_NOT_STARTED, text, call_id)
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def files_grow(
        self, recording_id: RecordingId, call_id: CallId, *, still: Callable[[], bool]
    ) -> None:
        """See audio arrive for as long as the caller speaks with somebody.

        Args:
            still: Whether that conversation goes on; looked at each time.
        """
        before = self._spool.sizes(recording_id)
        while True:
            await asyncio.sleep(GROWTH_WITHIN_S)
            if not still():
                return
            now = self._spool.sizes(recording_id)
            if now[0] <= before[0] or now[1] <= before[1]:
                text = f"{recording_id}: not growing for {GROWTH_WITHIN_S:g} s of conversation"
                await self._bell.ring(AlarmKind.CAPTURE_STALLED, text, call_id)
                return
            before = now
