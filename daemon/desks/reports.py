"""The desk of reports: who may read one is asked in the store's thread, counting is done beside it.

A year of calls takes a second or two to count. Calls at the gate do not wait for that: it reads through a
connection of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from typing import TypeVar

from aiohttp import web

from casework import reports
from casework.reports import Wanted
from daemon.control import Route, ShortText, read
from daemon.peers import Asker, Peer
from daemon.proofs import Proofs
from daemon.store_thread import StoreThread
from daemon.who import ProofQuestion, proven
from policy.clock import from_iso
from policy.errors import ConsentlineError
from policy.load import Policies
from policy.reports import ReportName
from publish.reports.figures import By, Report
from store.access import door
from store.db import Db
from store.figures.period import Period
from store.files.archive import Archive
from store.keyring.key_wire import NameText

Result = TypeVar("Result")


class ReportQuestion(ProofQuestion):
    """Which report, of which period, put together how; `exact`: small counts too."""

    report: ReportName
    since: ShortText
    before: ShortText
    by: By = By.ALL
    exact: bool = False
    policy: NameText | None = None


class ReportsDesk:
    """Puts the questions about reports to `casework.reports`."""

    def __init__(self, archive: Archive, thread: StoreThread, policies: Policies, proofs: Proofs) -> None:
        self._archive = archive
        self._thread = thread
        self._policies = policies
        self._proofs = proofs

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here; who may is judged by passphrase and policy, not by login."""
        return (Route("POST", "/reports", self._report, Asker.PERSON),)

    async def _report(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, ReportQuestion)
        period = Period(since=_moment("from", asked.since), before=_moment("to", asked.before))
        archive, by = self._archive, await proven(self._proofs, asked, peer)

        def enter() -> tuple[Wanted, reports.Reader]:
            policy = door.policy_for(archive.db, self._policies, by.id, asked.policy)
            wanted = Wanted(report=asked.report, policy=policy, period=period, by=asked.by, exact=asked.exact)
            return wanted, reports.permit(archive, wanted, by)

        wanted, reader = await self._thread.run(enter)
        draft = await self._beside(lambda db: reports.make(db, wanted, archive.clock.now()))
        return _answer(await self._thread.run(lambda: reports.tell(archive, wanted, reader, draft)))

    async def _beside(self, work: Callable[[Db], Result]) -> Result:
        def read_only() -> Result:
            db = Db.open_to_read(self._archive.db.path, clock=self._archive.clock)
            with closing(db):
                return work(db)

        return await asyncio.to_thread(read_only)


def _answer(report: Report) -> web.Response:
    return web.Response(text=report.model_dump_json(), content_type="application/json")


def _moment(name: str, text: str) -> datetime:
    try:
        return from_iso(text)
    except ValueError:
        raise ConsentlineError(f'{name}: must be a moment such as 2026-11-21T08:00Z, got "{text}"') from None
