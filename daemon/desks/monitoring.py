"""The desk of listening in: an agent asks for it, a coach gets a code, Asterisk's script brings it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from aiohttp import web
from pydantic import Field, StringConstraints

from daemon.control import Question as Asked
from daemon.control import Route, ShortText, read
from daemon.desks.access import WhyQuestion, question_of
from daemon.doorway import Doorway
from daemon.monitoring import Monitoring
from daemon.peers import Asker, Peer
from daemon.proofs import Proofs
from policy.access import Action
from policy.clock import to_iso
from policy.errors import ConsentlineError
from policy.situation import PersonId
from policy.vocabulary import CallId
from store.access.door import Question
from store.keyring.key_wire import NameText


class RequestQuestion(WhyQuestion):
    """An agent asks somebody to listen in on their own calls."""

    of: NameText
    hours: Annotated[int, Field(ge=1, le=12)] = 8


class AuthoriseQuestion(WhyQuestion):
    """Which call, or whose."""

    call: ShortText | None = None
    agent: NameText | None = None


class EnterQuestion(Asked):
    """A code that was dialled, and at which channel."""

    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,20}$")]
    channel: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,150}$")]


class MonitoringDesk:
    """Says who asks, and puts it to `daemon.monitoring`."""

    def __init__(self, monitoring: Monitoring, door: Doorway, proofs: Proofs) -> None:
        self._monitoring = monitoring
        self._door = door
        self._proofs = proofs

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here."""
        return (
            Route("POST", "/monitor/ask", self._ask, Asker.PERSON),
            Route("POST", "/monitor/authorise", self._authorise, Asker.PERSON),
            Route("POST", "/monitor-enter", self._enter, Asker.ASTERISK),
        )

    async def _ask(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, RequestQuestion)
        by_agent = await self._question(asked, peer)
        coach = Question(
            person=PersonId(asked.of),
            login=by_agent.login,
            actor=by_agent.actor,
            policy=by_agent.policy,
            action=Action.MONITOR,
            purpose=by_agent.purpose,
            reason=by_agent.reason,
        )
        until = self._door.now() + timedelta(hours=asked.hours)
        made = await self._monitoring.ask(coach, by_agent.person, until)
        return web.json_response({"by": made.by, "of": made.to, "until": to_iso(made.until)})

    async def _authorise(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, AuthoriseQuestion)
        if (asked.call is None) == (asked.agent is None):
            raise ConsentlineError("/monitor/authorise: must name a call or an agent, one of them")
        code = await self._monitoring.authorise(
            await self._question(asked, peer),
            call=None if asked.call is None else CallId(asked.call),
            agent=None if asked.agent is None else PersonId(asked.agent),
        )
        told = {"code": code.digits, "call_id": code.call_id, "until": to_iso(code.until)}
        return web.json_response({**told, "at_most_s": code.seconds})

    async def _enter(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, EnterQuestion)
        code = await self._monitoring.enter(asked.code, CallId(asked.channel))
        return web.json_response({"call": code.call_id, "seconds": code.seconds})

    async def _question(self, asked: WhyQuestion, peer: Peer) -> Question:
        return await question_of(asked, peer, Action.MONITOR, door=self._door, proofs=self._proofs)
