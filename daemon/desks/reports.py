"""The desk of reports: who may read one is asked in the store's thread, counting is done beside it.

A year of calls takes a second or two to count. Calls at the gate do not wait for that: it reads through a
connection of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from aiohttp import web

from casework import breach, compliance, reports
from casework.reports import Reader, Wanted
from casework.ruling import Caseworker
from daemon.control import Route, ShortText, read
from daemon.peers import Asker, Peer
from daemon.proofs import Proofs
from daemon.store_thread import StoreThread
from daemon.who import ProofQuestion, proven
from policy.clock import from_iso
from policy.errors import ConsentlineError
from policy.load import Policies
from policy.model import Policy
from policy.reports import ReportName
from publish.reports.figures import By, Wire
from store.access import door
from store.db import Db
from store.figures.period import Period
from store.files.archive import Archive
from store.keyring.key_wire import NameText

Result = TypeVar("Result")

_ONE: Final = timedelta(milliseconds=1)


class ReportQuestion(ProofQuestion):
    """Which report, of which period, put together how; `exact`: small counts too."""

    report: ReportName
    since: ShortText
    before: ShortText
    by: By = By.ALL
    exact: bool = False
    policy: NameText | None = None


class ComplianceQuestion(ProofQuestion):
    """Of which policy and period; `verify`: the whole ledger as well."""

    policy: NameText
    since: ShortText
    before: ShortText
    verify: bool = True


class BreachQuestion(ProofQuestion):
    """What was there at which moment, known since when; `callers`: each number, masked."""

    at: ShortText
    known: ShortText
    callers: bool = False
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
        return (
            Route("POST", "/reports", self._report, Asker.PERSON),
            Route("POST", "/reports/compliance", self._compliance, Asker.PERSON),
            Route("POST", "/reports/breach", self._breach, Asker.PERSON),
        )

    async def _report(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, ReportQuestion)
        period = Period(since=_moment("from", asked.since), before=_moment("to", asked.before))
        archive, by = self._archive, await proven(self._proofs, asked, peer)

        def enter() -> tuple[Wanted, Reader]:
            wanted = Wanted(
                report=asked.report,
                policy=self._policy(by, asked.policy),
                period=period,
                by=asked.by,
                exact=asked.exact,
            )
            return wanted, reports.permit(archive, wanted, by)

        wanted, reader = await self._thread.run(enter)
        draft = await self._beside(
            lambda db: reports.make(replace(archive, db=db), wanted, archive.clock.now())
        )
        return _answer(await self._thread.run(lambda: reports.tell(archive, wanted, reader, draft)))

    async def _compliance(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, ComplianceQuestion)
        period = Period(since=_moment("from", asked.since), before=_moment("to", asked.before))
        by = await proven(self._proofs, asked, peer)
        wanted, reader = await self._entered(by, asked.policy, ReportName.COMPLIANCE, period)
        archive = self._archive
        made = await self._beside(
            lambda db: compliance.make(
                db, archive, wanted.policy, period, now=archive.clock.now(), verify=asked.verify
            )
        )
        entry = await self._thread.run(lambda: reports.note(archive, wanted.to_json(), reader))
        return _answer(made.model_copy(update={"entry": entry}))

    async def _breach(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, BreachQuestion)
        at, known_at = _moment("at", asked.at), _moment("known", asked.known)
        by, archive = await proven(self._proofs, asked, peer), self._archive
        moment = Period(since=at, before=at + _ONE)
        wanted, reader = await self._entered(by, asked.policy, ReportName.BREACH, moment)
        made = await self._beside(
            lambda db: breach.make(
                db,
                wanted.policy,
                at=at,
                known_at=known_at,
                now=archive.clock.now(),
                with_callers=asked.callers,
            )
        )
        told = wanted.to_json() | {"known_at": made.known_at, "callers": len(made.callers)}
        entry = await self._thread.run(lambda: reports.note(archive, told, reader))
        return _answer(made.model_copy(update={"entry": entry}))

    async def _entered(
        self, by: Caseworker, policy: str | None, report: ReportName, period: Period
    ) -> tuple[Wanted, Reader]:
        """Return who reads a report; errors as those of `casework.reports.permit`."""

        def enter() -> tuple[Wanted, Reader]:
            wanted = Wanted(report=report, policy=self._policy(by, policy), period=period)
            return wanted, reports.permit(self._archive, wanted, by)

        return await self._thread.run(enter)

    def _policy(self, by: Caseworker, named: str | None) -> Policy:
        return door.policy_for(self._archive.db, self._policies, by.id, named)

    async def _beside(self, work: Callable[[Db], Result]) -> Result:
        def read_only() -> Result:
            db = Db.open_to_read(self._archive.db.path, clock=self._archive.clock)
            with closing(db):
                return work(db)

        return await asyncio.to_thread(read_only)


def _answer(report: Wire) -> web.Response:
    return web.Response(text=report.model_dump_json(), content_type="application/json")


def _moment(name: str, text: str) -> datetime:
    try:
        return from_iso(text)
    except ValueError:
        raise ConsentlineError(f'{name}: must be a moment such as 2026-11-21T08:00Z, got "{text}"') from None
