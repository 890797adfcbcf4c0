"""The desk where a recording is released to a person who proved who they are (I5)."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from daemon.control import Question, Route, Row, ShortText, read
from daemon.peers import Asker, Peer
from daemon.proofs import Proofs
from daemon.store_thread import StoreThread
from policy.vocabulary import RecordingId
from store import export
from store.archive import Archive
from store.key_wire import GrantWire, ProofWire, ShareWire, to_json


class ExportQuestion(Question):
    """Which recording, and who asks."""

    recording: ShortText
    proof: ProofWire


class ExportDesk:
    """Puts the access on the ledger, then releases what it takes.

    Args:
        archive: Opened in the thread.
        proofs: Says who asks.
    """

    def __init__(self, *, archive: Archive, thread: StoreThread, proofs: Proofs) -> None:
        self._archive = archive
        self._run = thread.run
        self._proofs = proofs

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here."""
        return (Route("POST", "/export", self._export, Asker.OPERATOR),)

    async def _export(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, ExportQuestion)
        person = await self._proofs.prove(question.proof, peer)
        asked = export.Request(recording_id=RecordingId(question.recording), person=person, login=peer.login)
        released = await self._run(lambda: export.release(self._archive, asked))
        return web.json_response(release_to_json(released))


def release_to_json(released: export.Release) -> Row:
    """Return a release as the command line reads it."""
    return {
        "shares": [to_json(ShareWire.of(share)) for share in released.shares],
        "grants": [to_json(GrantWire.of(grant)) for grant in released.grants],
        "manifest": dict(released.manifest),
    }
