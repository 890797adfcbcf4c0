"""The desk of the ledger: checkpoints, receipts and declarations, signed with the installation's key."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from daemon.checkpoints import CheckpointKeeper, rotated_to_json
from daemon.control import HexId, Question, Route, ShortText, read
from daemon.peers import Asker, Peer
from policy.clock import from_iso
from policy.errors import ConsentlineError
from policy.vocabulary import RecordingId
from publish.words import Language


class ReceiptQuestion(Question):
    """Of which recording, in which language."""

    recording: HexId
    language: Language = Language.NL


class DeclarationQuestion(Question):
    """Of which period, for which policy, in which language."""

    policy: ShortText | None = None
    since: ShortText
    until: ShortText
    language: Language = Language.NL


class LedgerDesk:
    """Puts questions to the keeper of checkpoints."""

    def __init__(self, keeper: CheckpointKeeper) -> None:
        self._keeper = keeper

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here."""
        return (
            Route("POST", "/ledger/checkpoint", self._checkpoint, Asker.OPERATOR),
            Route("POST", "/ledger/rotate-key", self._rotate_key, Asker.OPERATOR),
            Route("POST", "/receipt", self._receipt, Asker.OPERATOR),
            Route("POST", "/declaration", self._declaration, Asker.OPERATOR),
        )

    async def _checkpoint(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return web.json_response({"note": await self._keeper.checkpoint()})

    async def _rotate_key(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return web.json_response(rotated_to_json(await self._keeper.rotate_key(peer.actor)))

    async def _receipt(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, ReceiptQuestion)
        note = await self._keeper.receipt(RecordingId(question.recording), question.language)
        return web.json_response({"note": note})

    async def _declaration(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, DeclarationQuestion)
        try:
            since, until = from_iso(question.since), from_iso(question.until)
        except ValueError as error:
            raise ConsentlineError("/declaration: since and until must be ISO-8601") from error
        note = await self._keeper.declaration(
            policy=question.policy, since=since, until=until, language=question.language
        )
        return web.json_response({"note": note})
