"""The desk that says which policies run: the very files that the daemon loaded (X9)."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from daemon.control import Route, array
from daemon.peers import Asker, Peer
from policy.load import Policies


class PoliciesDesk:
    """Answers with the policies in force, whatever lies beside the config file by now."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here."""
        return (Route("GET", "/policies", self._in_force, Asker.OPERATOR),)

    async def _in_force(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return array(
            [
                {
                    "name": policy.name,
                    "content_hash": policy.content_hash,
                    "text": self._policies.texts[policy.content_hash].decode("utf-8"),
                }
                for policy in self._policies.by_name.values()
            ]
        )
