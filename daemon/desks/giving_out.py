"""The desk of giving out: hand-overs to the police and third parties, and compulsory orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Protocol

from aiohttp import web
from pydantic import BeforeValidator, StringConstraints

from casework import handovers, orders
from casework.at_the_door import Asking
from casework.giving_out import Demand, contradictions
from casework.orders import Decided, Received
from casework.ruling import Caseworker
from daemon.control import Route, ShortText, array, read
from daemon.desks.access import release_to_json
from daemon.desks.registrations import IncidentNumber, PolicyQuestion
from daemon.doorway import Doorway
from daemon.peers import Asker, Peer
from daemon.proofs import Proofs
from daemon.store_thread import StoreThread
from daemon.who import proven, who_if_any
from policy.clock import from_iso
from policy.errors import ConsentlineError
from policy.load import Policies
from policy.sharing import Content
from policy.situation import PersonId
from store.cases.handovers import HandoverRow, Outcome, RecipientKind
from store.cases.orders import OrderOutcome, OrderRow
from store.files.archive import Archive
from store.keyring.key_wire import NameText
from store.logbook.ledger import Json

Line = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Lines = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ./_-]{0,39}$")]
Day = Annotated[date, BeforeValidator(date.fromisoformat)]


Shown = Callable[[Archive, Policies, Caseworker | None, int], dict[str, Json]]


class Listed(Protocol):
    """Lists the cases of one kind that somebody has to do with."""

    def __call__(
        self, archive: Archive, policies: Policies, by: Caseworker | None, *, running: bool
    ) -> Sequence[HandoverRow | OrderRow]:
        """Return them, oldest first."""


class HandoverQuestion(PolicyQuestion):
    """What is to be handed over, to whom, on which ground, and whose word is asked for."""

    incident: IncidentNumber | None = None
    recording: ShortText | None = None
    recipient: RecipientKind
    content: Content | None = None
    authority: Line
    officer: Line | None = None
    legal_basis: Line | None = None
    report_number: Reference | None = None
    agreement: Lines | None = None
    second: NameText
    reason: ShortText


class CloseQuestion(PolicyQuestion):
    """How a hand-over ended."""

    outcome: Outcome
    how: Lines


class OrderQuestion(PolicyQuestion):
    """An order that came in."""

    subject: ShortText
    authority: Line
    reference: Reference
    legal_basis: Line
    content: Content
    answer_by: ShortText


class DeviationQuestion(PolicyQuestion):
    """What the college decided."""

    finding: Lines
    approved_by: Line
    approved_on: Day
    until: ShortText


class CloseOrderQuestion(PolicyQuestion):
    """How an order ended."""

    outcome: OrderOutcome
    how: Lines


class GivingOutDesk:
    """Puts the questions to `casework.handovers` and `casework.orders`, in the store thread.

    Args:
        archive: Opened in the thread.
        thread: The store's.
        policies: Every policy served.
        proofs: Says who asks.
        doorway: Lets in who packages, as it does who listens.
    """

    def __init__(
        self, archive: Archive, thread: StoreThread, policies: Policies, *, proofs: Proofs, doorway: Doorway
    ) -> None:
        self._archive = archive
        self._run = thread.run
        self._policies = policies
        self._proofs = proofs
        self._doorway = doorway

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here; who may is judged by passphrase and policy, not by login."""
        number, persons = r"{number:\d{1,15}}", Asker.PERSON
        return (
            Route("GET", "/handovers", self._handovers, persons),
            Route("POST", "/handovers", self._new, persons),
            Route("GET", f"/handovers/{number}", self._handover, persons),
            Route("POST", f"/handovers/{number}/approve", self._approve, persons),
            Route("POST", f"/handovers/{number}/package", self._package, persons),
            Route("POST", f"/handovers/{number}/close", self._close, persons),
            Route("GET", "/orders", self._orders, persons),
            Route("POST", "/orders", self._register, persons),
            Route("GET", f"/orders/{number}", self._order, persons),
            Route("POST", f"/orders/{number}/deviate", self._deviate, persons),
            Route("POST", f"/orders/{number}/confirm", self._confirm, persons),
            Route("POST", f"/orders/{number}/package", self._package_order, persons),
            Route("POST", f"/orders/{number}/close", self._close_order, persons),
        )

    # ---------------------------------------------------------------- hand-overs

    async def _handovers(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return await self._listed(request, peer, handovers.listed)

    async def _handover(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return await self._shown(request, peer, handovers.shown)

    async def _new(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, HandoverQuestion)
        demand = Demand(
            incident=asked.incident,
            recording=asked.recording,
            recipient=asked.recipient,
            content=asked.content,
            authority=asked.authority,
            officer=asked.officer,
            legal_basis=asked.legal_basis,
            report_number=asked.report_number,
            agreement=asked.agreement,
            second=PersonId(asked.second),
        )
        by = await self._asking(asked, peer, asked.reason)

        def work() -> dict[str, Json]:
            row = handovers.new(self._archive, self._policies, by, demand)
            return {**row.to_json(), "contradictions": contradictions(self._policies.named(row.policy))}

        return web.json_response(await self._run(work))

    async def _approve(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked, number = await read(request, PolicyQuestion), _number(request)
        by = await self._asking(asked, peer, f"approving handover {number}")
        row = await self._run(lambda: handovers.approve(self._archive, self._policies, by, number))
        return web.json_response(row.to_json())

    async def _package(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked, number = await read(request, PolicyQuestion), _number(request)
        by = await self._asking(asked, peer, f"packaging handover {number}")
        question = await self._run(
            lambda: handovers.asks_to_package(self._archive, self._policies, by, number)
        )
        token, released = await self._doorway.enter(
            question, peer, lambda at: handovers.package(self._archive, question, number, at)
        )
        return web.json_response(release_to_json(token, released))

    async def _close(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked, number = await read(request, CloseQuestion), _number(request)
        by = await self._asking(asked, peer, f"closing handover {number}")
        row = await self._run(
            lambda: handovers.close(self._archive, self._policies, by, number, asked.outcome, how=asked.how)
        )
        return web.json_response(row.to_json())

    # ---------------------------------------------------------------- orders

    async def _orders(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return await self._listed(request, peer, orders.listed)

    async def _order(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return await self._shown(request, peer, orders.shown)

    async def _register(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, OrderQuestion)
        received = Received(
            subject=asked.subject,
            authority=asked.authority,
            reference=asked.reference,
            legal_basis=asked.legal_basis,
            content=asked.content,
            answer_by=_moment("answer-by", asked.answer_by),
        )
        by = await self._asking(asked, peer, "registering an order")
        row = await self._run(lambda: orders.register(self._archive, self._policies, by, received))
        return web.json_response(row.to_json())

    async def _deviate(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked, number = await read(request, DeviationQuestion), _number(request)
        decided = Decided(
            finding=asked.finding,
            approved_by=asked.approved_by,
            approved_on=asked.approved_on,
            until=_moment("until", asked.until),
        )
        by = await self._asking(asked, peer, f"recording the deviation for order {number}")
        row = await self._run(lambda: orders.deviate(self._archive, self._policies, by, number, decided))
        return web.json_response(row.to_json())

    async def _confirm(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked, number = await read(request, PolicyQuestion), _number(request)
        by = await self._asking(asked, peer, f"confirming the deviation for order {number}")
        row = await self._run(lambda: orders.confirm(self._archive, self._policies, by, number))
        return web.json_response(row.to_json())

    async def _package_order(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked, number = await read(request, PolicyQuestion), _number(request)
        by = await self._asking(asked, peer, f"packaging order {number}")
        question = await self._run(lambda: orders.asks_to_package(self._archive, self._policies, by, number))
        token, released = await self._doorway.enter(
            question, peer, lambda at: orders.package(self._archive, question, number, at)
        )
        return web.json_response(release_to_json(token, released))

    async def _close_order(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked, number = await read(request, CloseOrderQuestion), _number(request)
        by = await self._asking(asked, peer, f"closing order {number}")
        row = await self._run(
            lambda: orders.close(self._archive, self._policies, by, number, asked.outcome, how=asked.how)
        )
        return web.json_response(row.to_json())

    # ---------------------------------------------------------------- small steps

    async def _listed(self, request: web.Request, peer: Peer, listed: Listed) -> web.StreamResponse:
        named, running = request.query.get("person"), request.query.get("all") is None

        def work() -> list[dict[str, Json]]:
            by = who_if_any(self._archive.db, peer, named)
            return [row.to_json() for row in listed(self._archive, self._policies, by, running=running)]

        return array(await self._run(work))

    async def _shown(self, request: web.Request, peer: Peer, shown: Shown) -> web.StreamResponse:
        named, number = request.query.get("person"), _number(request)

        def work() -> dict[str, Json]:
            by = who_if_any(self._archive.db, peer, named)
            return shown(self._archive, self._policies, by, number)

        return web.json_response(await self._run(work))

    async def _asking(self, asked: PolicyQuestion, peer: Peer, reason: str) -> Asking:
        by = await proven(self._proofs, asked, peer)
        return Asking(person=by.id, login=peer.login, actor=by.actor, policy=asked.policy, reason=reason)


def _number(request: web.Request) -> int:
    return int(request.match_info["number"])


def _moment(what: str, text: str) -> datetime:
    try:
        return from_iso(text)
    except ValueError:
        raise ConsentlineError(f'{what}: must be a moment such as 2026-12-01, got "{text}"') from None
