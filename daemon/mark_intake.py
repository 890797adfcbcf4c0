"""Taking in the marks that were left while the daemon was away, or too busy to answer in time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from daemon.marks import UNREADABLE, GateMark, Mark, UnreadableMark, WithdrawMark, marks
from policy.clock import Clock, to_ms
from policy.errors import ConsentlineError, NotFound, StateConflict
from policy.vocabulary import CallId, RecordingId, TakenBack, WithdrawnBy
from recorder.withdrawal import Withdrawal

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
UNREADABLE_AFTER = timedelta(seconds=30)
"""Asterisk does not write a mark in one step: a young file may only be unfinished."""


class Register(Protocol):
    """The store, as far as marks go. Methods raise `ConsentlineError` when they could not do it."""

    async def take_gate_mark(self, call_id: CallId, policy_or_number: str, at: datetime) -> None:
        """Note that a call went through a gate while the daemon was away."""

    async def call_of(self, recording_id: RecordingId) -> CallId:
        """Return the call of a recording."""

    async def alarm(self, kind: str, text: str, call_id: CallId | None) -> None:
        """Raise an alarm."""


class Recorder(Protocol):
    """Whoever can take a recording back."""

    async def withdraw(self, recording_id: RecordingId, by: WithdrawnBy) -> Withdrawal:
        """Stop it and destroy what there is (I6); twice is harmless."""


class MarkIntake:
    """Reads the folder of marks.

    Args:
        withdrawn: Told of the recording that a mark withdrew, while somebody is on the line of its call.
        passed: Told of the call that went past a gate unseen, and may be on the line still.
    """

    def __init__(
        self,
        folder: Path,
        *,
        register: Register,
        captures: Recorder,
        clock: Clock,
        withdrawn: Callable[[CallId, RecordingId, TakenBack], object],
        passed: Callable[[CallId], Awaitable[None]],
    ) -> None:
        self._folder = folder
        self._register = register
        self._captures = captures
        self._clock = clock
        self._withdrawn = withdrawn
        self._passed = passed
        self._stuck: set[Path] = set()

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            await self.take_all()
            await asyncio.sleep(LOOK_EVERY_S)

    async def take_all(self) -> None:
        """Take in every mark that is there; one that cannot be taken in now stays for the next time."""
        try:
            found = tuple(marks(self._folder))
        except OSError as error:
            logger.error("%s: marks cannot be read: %s", self._folder, error.strerror)
            return
        for mark in found:
            if mark.path in self._stuck:
                continue
            try:
                await self._take(mark)
            except ConsentlineError as error:
                logger.error("%s: mark not taken in: %s", mark.path.name, error.text)
            except OSError as error:
                await self._is_stuck(mark, error)

    async def _take(self, mark: Mark) -> None:
        match mark:
            case GateMark():
                await self._register.take_gate_mark(mark.call_id, mark.policy_or_number, mark.at)
                logger.warning("call %s went through a gate while the daemon was away", mark.call_id)
                await self._passed(mark.call_id)
                mark.path.unlink(missing_ok=True)
            case WithdrawMark():
                await self._take_withdrawal(mark)
                mark.path.unlink(missing_ok=True)
                if not mark.readable:
                    text = f"{mark.path.name}: cannot be read; the recording was destroyed by the mark's name"
                    await self._register.alarm("mark_unreadable", text, None)
            case UnreadableMark():
                await self._set_aside(mark)

    async def _take_withdrawal(self, mark: WithdrawMark) -> None:
        try:
            withdrawal = await self._captures.withdraw(mark.recording_id, mark.by)
            call_id = await self._register.call_of(mark.recording_id)
        except NotFound:
            logger.warning("mark of an unknown recording %s: its files, if any, are gone", mark.recording_id)
        except StateConflict as error:
            logger.warning("mark of recording %s: %s", mark.recording_id, error.text)
        else:
            self._withdrawn(call_id, mark.recording_id, withdrawal.taken_back)

    async def _is_stuck(self, mark: Mark, error: OSError) -> None:
        """Tell once of a mark that was taken in and cannot be removed; the next start takes it in again."""
        self._stuck.add(mark.path)
        text = f"{mark.path.name}: cannot be removed from the folder of marks: {error.strerror}"
        await self._register.alarm("mark_stuck", text, None)

    async def _set_aside(self, mark: UnreadableMark) -> None:
        try:
            written_ms = int(mark.path.stat().st_mtime * 1000)
        except FileNotFoundError:
            return
        if to_ms(self._clock.now()) - written_ms < UNREADABLE_AFTER.total_seconds() * 1000:
            return
        mark.path.rename(mark.path.with_name(mark.path.name + UNREADABLE))
        text = f"{mark.path.name}: is no mark of ours; renamed to {UNREADABLE}"
        await self._register.alarm("mark_unreadable", text, None)
