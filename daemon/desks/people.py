"""The desk of people: who they are, their hats and lines, and that they were informed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Protocol

from aiohttp import web
from pydantic import BeforeValidator

from daemon.control import Question, Route, Row, ShortText, array, read
from daemon.peers import Asker, Peer
from policy.clock import from_iso
from policy.situation import PersonId
from store.persons.ways import LineKind


def _moment(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be a moment in ISO-8601")
    return from_iso(value)


Moment = Annotated[datetime, BeforeValidator(_moment)]


class AddQuestion(Question):
    """Who comes."""

    person: ShortText
    name: ShortText
    login: ShortText | None = None


class ChangeQuestion(Question):
    """What is otherwise about somebody; None: as it was."""

    person: ShortText
    name: ShortText | None = None
    login: ShortText | None = None


class RetireQuestion(Question):
    """Who goes.

    Attributes:
        even_last: Also when nobody else holds a key that they hold.
    """

    person: ShortText
    even_last: bool = False


class SpanQuestion(Question):
    """From when until when; None: from now, and without an end."""

    since: Moment | None = None
    until: Moment | None = None


class EndQuestion(Question):
    """When something ends; None: now."""

    at: Moment | None = None


class HatQuestion(Question):
    """Which hat, and whose."""

    person: ShortText
    policy: ShortText
    role: ShortText


class LineQuestion(Question):
    """Which line, and who answers there."""

    person: ShortText
    kind: LineKind
    address: ShortText


class GiveHatQuestion(HatQuestion, SpanQuestion):
    """Which hat, for whom, from when until when."""


class TakeHatQuestion(HatQuestion, EndQuestion):
    """Which hat, of whom, when."""


class AddLineQuestion(LineQuestion, SpanQuestion):
    """Who answers where, from when until when."""


class EndLineQuestion(LineQuestion, EndQuestion):
    """Who answers where no more, and since when."""


class InformedQuestion(Question):
    """Who was told, under which policy, on which occasion and day."""

    person: ShortText
    policy: ShortText
    how: ShortText
    on: date


class Office(Protocol):
    """Who does the work; each answer is ready to become JSON."""

    async def all_people(self, *, not_informed: str | None) -> Sequence[Row]:
        """Return one row a person, those who retired included."""

    async def person(self, person: str) -> Row:
        """Return all that is on record about somebody."""

    async def add(self, question: AddQuestion, *, actor: str) -> Row:
        """Add somebody."""

    async def change(self, question: ChangeQuestion, *, actor: str) -> Row:
        """Give somebody another name or login."""

    async def retire(self, question: RetireQuestion, *, actor: str) -> Row:
        """Take everything from somebody."""

    async def give_hat(self, question: GiveHatQuestion, *, actor: str) -> Row:
        """Give a hat."""

    async def take_hat(self, question: TakeHatQuestion, *, actor: str) -> Row:
        """Take a hat."""

    async def add_line(self, question: AddLineQuestion, *, actor: str) -> Row:
        """Put somebody on a line."""

    async def end_line(self, question: EndLineQuestion, *, actor: str) -> Row:
        """Take somebody off a line."""

    async def note_informed(self, question: InformedQuestion, *, actor: str) -> Row:
        """Store that somebody was told."""

    async def call_agents(self, *, actor: str) -> Sequence[Row]:
        """Return who held which call; that it was looked at is on the ledger."""


class PeopleDesk:
    """Puts the questions about people to the office."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here."""
        operators = Asker.OPERATOR
        return (
            Route("GET", "/people", self._all, operators),
            Route("GET", "/people/of/{person}", self._one, operators),
            Route("GET", "/people/me", self._me, Asker.PERSON),
            Route("POST", "/people/add", self._add, operators),
            Route("POST", "/people/change", self._change, operators),
            Route("POST", "/people/retire", self._retire, operators),
            Route("POST", "/people/hats/give", self._give_hat, operators),
            Route("POST", "/people/hats/take", self._take_hat, operators),
            Route("POST", "/people/lines/add", self._add_line, operators),
            Route("POST", "/people/lines/end", self._end_line, operators),
            Route("POST", "/people/informed", self._informed, operators),
            Route("GET", "/calls/agents", self._call_agents, Asker.OWNER),
        )

    async def _all(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return array(await self._office.all_people(not_informed=request.query.get("not_informed")))

    async def _one(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return _object(await self._office.person(request.match_info["person"]))

    async def _me(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return _object(await self._office.person(peer.person or PersonId(peer.login)))

    async def _add(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return _object(await self._office.add(await read(request, AddQuestion), actor=peer.actor))

    async def _change(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return _object(await self._office.change(await read(request, ChangeQuestion), actor=peer.actor))

    async def _retire(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return _object(await self._office.retire(await read(request, RetireQuestion), actor=peer.actor))

    async def _give_hat(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return _object(await self._office.give_hat(await read(request, GiveHatQuestion), actor=peer.actor))

    async def _take_hat(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return _object(await self._office.take_hat(await read(request, TakeHatQuestion), actor=peer.actor))

    async def _add_line(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return _object(await self._office.add_line(await read(request, AddLineQuestion), actor=peer.actor))

    async def _end_line(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return _object(await self._office.end_line(await read(request, EndLineQuestion), actor=peer.actor))

    async def _informed(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, InformedQuestion)
        return _object(await self._office.note_informed(question, actor=peer.actor))

    async def _call_agents(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return array(await self._office.call_agents(actor=peer.actor))


def _object(row: Row) -> web.Response:
    return web.json_response(dict(row))
