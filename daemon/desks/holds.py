"""The desk of holds: placing, releasing, and what there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from aiohttp import web
from pydantic import Field

from casework import holds
from casework.discretion import discretion
from daemon.control import Route, ShortText, array, read
from daemon.desks.incidents import Words
from daemon.peers import Asker, Peer
from daemon.proofs import Proofs
from daemon.store_thread import StoreThread
from daemon.who import ProofQuestion, proven, who_if_any
from policy.clock import from_iso
from policy.errors import ConsentlineError
from store.files.archive import Archive
from store.retention.holds import HoldRow


class PlaceQuestion(ProofQuestion):
    """Which recording or call, for which reason, until when."""

    subject: ShortText
    reason: ShortText
    why: Words
    until: ShortText | None = None


class ReleaseQuestion(ProofQuestion):
    """Which hold, and why it ends."""

    hold: Annotated[int, Field(ge=1, lt=2**63)]
    why: Words


class HoldsDesk:
    """Puts the questions about holds to `casework.holds`, in the store thread."""

    def __init__(self, archive: Archive, thread: StoreThread, proofs: Proofs) -> None:
        self._archive = archive
        self._thread = thread
        self._proofs = proofs

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here."""
        return (
            Route("GET", "/holds", self._listed, Asker.PERSON),
            Route("POST", "/holds/place", self._place, Asker.PERSON),
            Route("POST", "/holds/release", self._release, Asker.PERSON),
        )

    async def _listed(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        named, running = request.query.get("person"), request.query.get("all") is None
        archive = self._archive
        found = await self._thread.run(
            lambda: holds.listed(archive, who_if_any(archive.db, peer, named), running=running)
        )
        return array([hold.to_json() for hold in found])

    async def _place(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked, archive = await read(request, PlaceQuestion), self._archive
        try:
            until = None if asked.until is None else from_iso(asked.until)
        except ValueError:
            raise ConsentlineError(
                f'until: must be a date or time such as 2027-02-01, got "{asked.until}"'
            ) from None
        by = await proven(self._proofs, asked, peer)

        def work() -> HoldRow:
            with discretion(archive, by, asked.subject, action="hold"):
                return holds.place(archive, asked.subject, asked.reason, by, why=asked.why, until=until)

        row = await self._thread.run(work)
        return web.json_response(row.to_json())

    async def _release(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked, archive = await read(request, ReleaseQuestion), self._archive
        by = await proven(self._proofs, asked, peer)

        def work() -> HoldRow:
            with discretion(archive, by, holds.subject_of(archive, asked.hold), action="release"):
                return holds.release(archive, asked.hold, by, why=asked.why)

        row = await self._thread.run(work)
        return web.json_response(row.to_json())
