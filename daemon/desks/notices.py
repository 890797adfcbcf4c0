"""The desk of notices: what was told to whom, and what waits."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from daemon.control import Route, array
from daemon.notices import NoticeKeeper
from daemon.peers import Asker, Peer


class NoticesDesk:
    """Says what became of each notice; there is no personal data in them."""

    def __init__(self, keeper: NoticeKeeper) -> None:
        self._keeper = keeper

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here."""
        return (Route("GET", "/notices", self._listed, Asker.OPERATOR),)

    async def _listed(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return array([notice.to_json() for notice in await self._keeper.listed()])
