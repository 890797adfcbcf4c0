"""The desk at which a changed policy is applied to calls already made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from casework import promises
from casework.promises import PAGE, CallPage, Sooner
from daemon.control import Route, ShortText, array, read
from daemon.peers import Asker, Peer
from daemon.proofs import Proofs
from daemon.store_thread import StoreThread
from daemon.who import ProofQuestion, proven
from policy.errors import StateConflict
from policy.load import Policies
from policy.model import Policy
from store.files.archive import Archive


class ApplyQuestion(ProofQuestion):
    """Which policy, and the version whose plan was seen and agreed to, by whom."""

    policy: ShortText
    content_hash: ShortText


class PromisesDesk:
    """Says what the policies in force would let go sooner, and has it done."""

    def __init__(self, archive: Archive, thread: StoreThread, policies: Policies, proofs: Proofs) -> None:
        self._archive = archive
        self._thread = thread
        self._policies = policies
        self._proofs = proofs

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here."""
        return (
            Route("GET", "/policies/{name}/sooner", self._sooner, Asker.OPERATOR),
            Route("GET", "/policies/{name}/sooner/calls", self._calls, Asker.OPERATOR),
            Route("POST", "/policies/apply", self._apply, Asker.OPERATOR),
        )

    async def _sooner(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        policy = self._policies.named(request.match_info["name"])
        found = await self._look(policy)
        return array([{**one.to_json(), "content_hash": policy.content_hash} for one in found])

    async def _apply(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, ApplyQuestion)
        policy = self._policies.named(asked.policy)
        if asked.content_hash != policy.content_hash:
            raise StateConflict(
                f"policy {policy.name}: version {asked.content_hash[:12]} was agreed to,"
                f" and version {policy.content_hash[:12]} is in force",
                hint="look at the plan again",
            )
        by = await proven(self._proofs, asked, peer)
        shortened = 0
        found = await self._look(policy)
        for start in range(0, len(found), PAGE):
            shortened += await self._shorten(policy, found[start : start + PAGE], by.actor)
        return web.json_response(
            {"policy": policy.name, "recordings": shortened, "calls": await self._call_data(policy, by.actor)}
        )

    async def _look(self, policy: Policy) -> list[Sooner]:
        found: list[Sooner] = []
        after: int | None = 0
        while after is not None:
            page = await self._page(policy, after)
            found += page.sooner
            after = page.after
        return sorted(found, key=lambda one: one.due_at)  # one epoch after the other: each moves once

    async def _page(self, policy: Policy, after: int) -> promises.Page:
        return await self._thread.run(lambda: promises.look(self._archive.db, policy, after=after))

    async def _shorten(self, policy: Policy, page: Sequence[Sooner], actor: str) -> int:
        return await self._thread.run(lambda: promises.shorten(self._archive, policy, page, actor=actor))

    async def _calls(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        policy = self._policies.named(request.match_info["name"])
        pages = [page async for page in self._call_pages(policy)]
        return web.json_response({"policy": policy.name, "calls": sum(len(page.ends) for page in pages)})

    async def _call_data(self, policy: Policy, actor: str) -> int:
        return sum(
            [await self._shorten_call_data(policy, page, actor) async for page in self._call_pages(policy)]
        )

    async def _shorten_call_data(self, policy: Policy, page: CallPage, actor: str) -> int:
        return await self._thread.run(
            lambda: promises.shorten_call_data(self._archive, policy, page, actor=actor)
        )

    async def _call_pages(self, policy: Policy) -> AsyncIterator[CallPage]:
        after: int | None = 0
        while after is not None:
            page = await self._call_page(policy, after)
            yield page
            after = page.after

    async def _call_page(self, policy: Policy, after: int) -> CallPage:
        return await self._thread.run(lambda: promises.look_at_calls(self._archive.db, policy, after=after))
