"""Telling people that something waits for them: when it comes up, and again before it is too late.

    each ten seconds   ask every source what somebody has to be told -> write down what is new, drop
                       what is over -> carry what waits, one after another -> note that it was carried

A task of its own: a mail server that hangs costs neither a purge nor a call its time. What cannot be carried
is tried again after 1, 2, 4 ... at most 60 minutes, and an alarm stands until everything is carried.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from casework.notices import Source
from daemon.carriers import carry
from daemon.register import Register
from policy.errors import ConsentlineError
from policy.notify import Notify
from store.cases import notices
from store.cases.notices import NoticeRow

logger = logging.getLogger(__name__)

JOB: Final = "notices"
ALARM: Final = f"{JOB}_failed"
LOOK_EVERY_S: Final = 10.0
LONGEST_WAIT: Final = timedelta(hours=1)


class NoticeKeeper:
    """Writes down what has to be told, and has it carried.

    Args:
        notify: How; where it says nothing, nobody is told.
        sources: Every kind of case of which somebody has to be told.
        register: Over the archive; its alarms tell of what cannot be carried.
    """

    def __init__(self, *, notify: Notify, sources: Sequence[Source], register: Register) -> None:
        self._notify = notify
        self._sources = tuple(sources)
        self._register = register
        self._archive = register.archive
        self._run = register.thread.run
        self._stands: bool | None = None  # whether the alarm does; None: an earlier life may have left it

    async def run(self) -> None:
        """Tell, for ever."""
        while self._notify.is_set:
            try:
                await self.tell()
            except ConsentlineError as error:
                logger.error("notices: %s", error.text)
                await self._register.alarm(ALARM, error.text, None)
            except Exception as fault:  # a bug here costs no call anything
                logger.exception("notices broke")
                await self._register.alarm(ALARM, type(fault).__name__, None)
            await asyncio.sleep(LOOK_EVERY_S)
        await asyncio.Event().wait()

    async def tell(self) -> None:
        """Write down what is due, carry what waits, and raise or clear the alarm."""
        waiting = await self._run(self._write_down)
        now = self._archive.clock.now()
        failed = [why for notice in waiting if notice.again_at <= now for why in await self._carry(notice)]
        left = [notice.problem for notice in waiting if notice.again_at > now and notice.problem]
        if failed or (left and not self._stands):
            await self._register.alarm(ALARM, (*failed, *left)[0], None)
        elif not left and self._stands is not False:
            await self._register.job_done(JOB)
        self._stands = bool(failed or left)  # told once, not each ten seconds

    async def listed(self) -> tuple[NoticeRow, ...]:
        """Return every notice that is kept, oldest first."""
        return await self._run(lambda: notices.all_notices(self._archive.db))

    def _write_down(self) -> tuple[NoticeRow, ...]:
        db, now = self._archive.db, self._archive.clock.now()
        wanted = [notice for source in self._sources for notice in source.wanted(db, now, self._notify)]
        new = [notice for notice in wanted if notice.tell_at <= now and not notices.known(db, notice)]
        keys = {notice.key for notice in wanted}
        over = [notice for notice in notices.waiting(db) if notice.key not in keys]
        if new or over:
            with db.write() as tx:
                notices.keep(tx, new, now)
                notices.dropped(tx, over, now)
        return notices.waiting(db)

    async def _carry(self, notice: NoticeRow) -> list[str]:
        """Carry one notice; return why it was not, or nothing."""
        try:
            await carry(self._notify, notice)
        except ConsentlineError as error:
            logger.warning("notice %d: %s", notice.notice_id, error.text)
            await self._run(partial(self._note_failure, notice, error.text))
            return [error.text]
        await self._run(partial(self._note_sent, notice))
        return []

    def _note_sent(self, notice: NoticeRow) -> None:
        with self._archive.db.write() as tx:
            notices.sent(tx, notice, self._archive.clock.now())

    def _note_failure(self, notice: NoticeRow, problem: str) -> None:
        wait = min(timedelta(minutes=2.0 ** min(notice.tries, 6)), LONGEST_WAIT)
        with self._archive.db.write() as tx:
            notices.failed(tx, notice, problem, self._archive.clock.now() + wait)
