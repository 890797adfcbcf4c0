"""The desk of incidents: pointing a call out, assessing it, and what there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from aiohttp import web
from pydantic import StringConstraints

from casework import incidents
from casework.discretion import discretion
from daemon.control import Question, Route, ShortText, array, read
from daemon.peers import Asker, Peer
from daemon.proofs import Proofs
from daemon.store_thread import StoreThread
from daemon.who import ProofQuestion, proven, who, who_if_any
from policy.access import IncidentKind
from policy.vocabulary import CallId
from store.files.archive import Archive
from store.retention.incidents import IncidentRow

Words = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]


class FlagQuestion(Question):
    """Which call, for what; `person`: who says so, where that is not the login's own."""

    call: ShortText
    kind: IncidentKind
    person: ShortText | None = None


class AssessQuestion(ProofQuestion):
    """Which call, whether it is kept, and why."""

    call: ShortText
    keep: bool
    reason: Words


class IncidentsDesk:
    """Puts the questions about incidents to `casework.incidents`, in the store thread."""

    def __init__(self, archive: Archive, thread: StoreThread, proofs: Proofs) -> None:
        self._archive = archive
        self._thread = thread
        self._proofs = proofs

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here."""
        return (
            Route("GET", "/incidents", self._listed, Asker.PERSON),
            Route("POST", "/incidents/flag", self._flag, Asker.PERSON),
            Route("POST", "/incidents/assess", self._assess, Asker.PERSON),
        )

    async def _listed(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        named = request.query.get("person")
        archive = self._archive
        found = await self._thread.run(lambda: incidents.listed(archive, who_if_any(archive.db, peer, named)))
        return array([incident.to_json() for incident in found])

    async def _flag(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked, archive = await read(request, FlagQuestion), self._archive

        def work() -> IncidentRow:
            by = who(archive.db, peer, asked.person)
            with discretion(archive, by, asked.call, action="flag"):
                return incidents.flag(archive, CallId(asked.call), asked.kind, by)

        row = await self._thread.run(work)
        return web.json_response(row.to_json())

    async def _assess(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked, archive = await read(request, AssessQuestion), self._archive
        by = await proven(self._proofs, asked, peer)

        def work() -> IncidentRow:
            with discretion(archive, by, asked.call, action="assess"):
                return incidents.assess(
                    archive, CallId(asked.call), keep=asked.keep, reason=asked.reason, by=by
                )

        row = await self._thread.run(work)
        return web.json_response(row.to_json())
