"""Tapes that are not ours: somebody else's MixMonitor on a call that went through our gate (fact 21).

Their events carry neither id nor file. On a call that may not be recorded all tapes are stopped, newest
first, until none answers. On a call that we record ourselves there is only an alarm: a stop without an id
could hit our own.
"""

from __future__ import annotations

import logging
from collections import Counter

from policy.errors import Unavailable
from policy.vocabulary import CallId
from recorder.background import Background
from recorder.bell import Bell
from recorder.ports import AlarmKind, StopOutcome, Tape

log = logging.getLogger(__name__)


class ForeignTapes:
    """Counts the tapes that start on each channel; one may be ours."""

    def __init__(self, *, tape: Tape, bell: Bell, background: Background) -> None:
        self._tape = tape
        self._bell = bell
        self._background = background
        self._started: Counter[CallId] = Counter()
        self._ours: set[CallId] = set()
        self._forbidden: set[CallId] = set()

    def claim(self, call_id: CallId) -> None:
        """Take in that one tape on this call is ours, started already or about to be."""
        self._ours.add(call_id)
        if self._foreign(call_id) > 0:
            self._act(call_id)

    def forbid(self, call_id: CallId) -> None:
        """Take in that nobody may record this call any more, now that no tape of ours runs on it."""
        self._forbidden.add(call_id)
        if self._foreign(call_id) > 0:
            self._act(call_id)

    def release(self, call_id: CallId) -> None:
        """Take in that our tape on this call was stopped, and that the call goes on."""
        if call_id in self._ours:
            self._ours.discard(call_id)
            self._started[call_id] = max(self._started[call_id] - 1, 0)

    def heard_start(self, call_id: CallId) -> None:
        """Take in that some tape was started."""
        self._started[call_id] += 1
        if self._foreign(call_id) > 0 and (call_id in self._ours or call_id in self._forbidden):
            self._act(call_id)

    def forget(self, call_id: CallId) -> None:
        """Take in that the channel is gone."""
        self._started.pop(call_id, None)
        self._ours.discard(call_id)
        self._forbidden.discard(call_id)

    def _foreign(self, call_id: CallId) -> int:
        return self._started[call_id] - (call_id in self._ours)

    def _act(self, call_id: CallId) -> None:
        self._background.start(self._tell_and_stop(call_id), name=f"foreign tape on {call_id}")

    async def _tell_and_stop(self, call_id: CallId) -> None:
        stops = call_id in self._forbidden
        stopped = await self._stop_all(call_id) if stops else 0
        done = f"{stopped} stopped, nobody may record this call" if stops else "left alone, ours runs too"
        text = f"another MixMonitor on a call of the gate: {done}"
        await self._bell.ring(AlarmKind.FOREIGN_TAPE, text, call_id)

    async def _stop_all(self, call_id: CallId) -> int:
        stopped = 0
        try:
            while await self._tape.stop_newest(call_id) is StopOutcome.STOPPED:
                stopped += 1
        except Unavailable as error:
            log.warning("foreign tape on %s: %s", call_id, error)
        return stopped
