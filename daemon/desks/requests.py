"""The desk of data subjects' requests: each question with the asker's proven passphrase."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field, StringConstraints

from casework import answers, request_calls, requests, settling
from casework.request_calls import Candidate
from casework.requests import PURPOSE, Asked
from casework.ruling import Caseworker
from casework.settling import How
from daemon.control import Route, Row, ShortText, array, read
from daemon.desks.access import CopyWire, Moment, WhoQuestion, moment
from daemon.peers import Asker, Peer
from daemon.proofs import Proofs
from daemon.store_thread import StoreThread
from policy.access import Action
from policy.errors import ConsentlineError
from policy.load import Policies
from policy.numbers import normalise
from policy.refusals import RefusalGround
from policy.rights import IdentityCheck, Right
from policy.situation import PersonId
from publish.markdown import markdown
from publish.page import Page
from publish.web_page import web_page
from store.access import door
from store.access.accesses import Copy
from store.access.door import Question, checked_case, checked_reason
from store.access.finding import Search
from store.cases import rectifications
from store.cases.requests import Party, RequestRow
from store.files.archive import Archive
from store.keyring.key_wire import NameText

Words = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]
DayText = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Doing = Callable[[Question, RequestRow], RequestRow]


class WhyAsked(WhoQuestion):
    """Who asks, and why; it goes into the request's file and, for a refusal or delay, the letter."""

    reason: ShortText


class NewQuestion(WhyAsked):
    """A request as it came in."""

    right: Literal[
        "access", "rectification", "erasure", "restriction", "objection", "portability", "withdrawal"
    ]
    party: Literal["caller", "agent"] = "caller"
    language: Literal["nl", "en"] = "nl"
    number: ShortText | None = None
    since: Moment | None = None
    before: Moment | None = None
    agent: NameText | None = None
    case: ShortText | None = None
    on_behalf: Words | None = None
    received_on: DayText | None = None


class ListQuestion(WhoQuestion):
    """Which requests; `due_by`: those that have to be decided by then."""

    due_by: DayText | None = None


class IdentityQuestion(WhyAsked):
    """What came of checking identity; `awaiting`: the deadline stands still from now on."""

    result: Literal["confirmed", "failed", "awaiting"]
    check: IdentityCheck | None = None


class ConfirmQuestion(WhyAsked):
    """Which call is theirs, as they name it; or is not."""

    recording: ShortText
    theirs: bool = True
    named_at: Moment | None = None
    matter: Words | None = None
    keep: bool = False


class FulfilQuestion(WhyAsked):
    """What fulfilling takes besides the request."""

    copies: Annotated[tuple[CopyWire, ...], Field(max_length=8)] = ()
    partly: bool = False
    hold: NameText | None = None
    field: rectifications.Field | None = None
    value: Annotated[str, StringConstraints(min_length=1, max_length=4000)] | None = None


class RefuseQuestion(WhyAsked):
    """On which ground."""

    ground: RefusalGround


class RequestsDesk:
    """Says who asks, and puts it to `casework`, in the store thread.

    Args:
        archive: Where the requests are.
        proofs: Says who asks.
        tag_key: For the keyed tags of callers' numbers.
    """

    def __init__(
        self, *, archive: Archive, thread: StoreThread, policies: Policies, proofs: Proofs, tag_key: bytes
    ) -> None:
        self._archive = archive
        self._run = thread.run
        self._policies = policies
        self._proofs = proofs
        self._tag_key = tag_key

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here; who may is judged by passphrase and policy, not by login."""
        number = r"/requests/{request:\d{1,15}}"
        return (
            Route("POST", "/requests", self._new, Asker.PERSON),
            Route("POST", "/requests/list", self._list, Asker.PERSON),
            Route("POST", f"{number}/show", self._show, Asker.PERSON),
            Route("POST", f"{number}/identity", self._identity, Asker.PERSON),
            Route("POST", f"{number}/confirm", self._confirm, Asker.PERSON),
            Route("POST", f"{number}/extend", self._extend, Asker.PERSON),
            Route("POST", f"{number}/package", self._package, Asker.PERSON),
            Route("POST", f"{number}/fulfil", self._fulfil, Asker.PERSON),
            Route("POST", f"{number}/refuse", self._refuse, Asker.PERSON),
            Route("POST", f"{number}/close", self._close, Asker.PERSON),
        )

    # ---------------------------------------------------------------- taking in

    async def _new(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, NewQuestion)
        search = Search(
            since=moment("from", asked.since),
            before=moment("to", asked.before),
            number=None if asked.number is None else normalise(asked.number),
            agent=None if asked.agent is None else PersonId(asked.agent),
        )
        taken = Asked(
            right=Right(asked.right),
            search=search,
            party=Party(asked.party),
            language=asked.language,
            reference=checked_case(asked.case),
            on_behalf=asked.on_behalf,
            received_on=_day(asked.received_on),
        )
        reason = checked_reason(asked.reason)
        person = await self._proofs.prove(asked.proof, peer)

        def work() -> RequestRow:
            policy = door.policy_for(self._archive.db, self._policies, person, asked.policy)
            question = self._question(person, peer, policy.name, reason)
            return requests.receive(self._archive, self._policies, question, taken, tag_key=self._tag_key)

        return web.json_response((await self._run(work)).to_json())

    async def _list(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, ListQuestion)
        due_by = _day(asked.due_by)
        person = await self._proofs.prove(asked.proof, peer)
        by = Caseworker(id=person, actor=peer.acting_as(person))
        rows = await self._run(lambda: requests.listed(self._archive, self._policies, by, due_by=due_by))
        return array([row.to_json() for row in rows if asked.policy in (None, row.policy)])

    async def _show(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, WhoQuestion)
        person = await self._proofs.prove(asked.proof, peer)

        def work() -> Row:
            row = requests.request_of(self._archive, self._policies, person, _number(request))
            return self._told(row) | {
                "calls": [one.to_json() for one in request_calls.candidates(self._archive, row)],
                "rectified": [
                    one.to_json() for one in rectifications.of_request(self._archive.db, row.request_id)
                ],
            }

        return web.json_response(await self._run(work))

    # ---------------------------------------------------------------- in order

    async def _identity(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, IdentityQuestion)

        def do(question: Question, row: RequestRow) -> RequestRow:
            if asked.result == "awaiting":
                return requests.await_identity(self._archive, question, row)
            if asked.check is None:
                raise ConsentlineError("identity: must say how it was checked, got nothing", hint="add --by")
            shown = asked.result == "confirmed"
            return requests.check_identity(self._archive, question, row, asked.check, shown=shown)

        return await self._do(request, peer, asked, do)

    async def _confirm(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, ConfirmQuestion)
        named_at = moment("at", asked.named_at)

        def do(question: Question, row: RequestRow) -> Candidate:
            if not asked.theirs:
                return request_calls.reject(self._archive, question, row, asked.recording)
            if named_at is None or asked.matter is None:
                raise ConsentlineError("confirm: must say when the call was and what it was about")
            return request_calls.confirm(
                self._archive,
                question,
                row,
                asked.recording,
                named_at=named_at,
                matter=asked.matter,
                keep=asked.keep,
            )

        question, row = await self._asked(request, peer, asked)
        return web.json_response((await self._run(lambda: do(question, row))).to_json())

    async def _extend(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, WhyAsked)
        return await self._do(request, peer, asked, lambda *so: requests.extend(self._archive, *so))

    # ---------------------------------------------------------------- the end of it

    async def _package(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, WhyAsked)
        question, row = await self._asked(request, peer, asked)

        def work() -> Row:
            copied = settling.to_be_copied(self._archive, question, row)
            package = answers.package_of(self._archive, question.policy, row, copied)
            return {
                "reference": row.reference,
                "policy": row.policy,
                "recordings": {name: found.recording_id for name, found in package.folders.items()},
                "silence": package.silence,
                "statements": {name: list(said) for name, said in package.statements.items()},
                "data": package.data,
                "letter": _letter(package.letter),
            }

        return web.json_response(await self._run(work))

    async def _fulfil(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, FulfilQuestion)
        how = How(
            copies=tuple(
                Copy(kind=one.kind, size_bytes=one.bytes, sha256=one.sha256) for one in asked.copies
            ),
            partly=asked.partly,
            hold=asked.hold,
            field=asked.field,
            value=asked.value,
        )
        return await self._do(
            request, peer, asked, lambda who, row: settling.fulfil(self._archive, who, row, how)
        )

    async def _refuse(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, RefuseQuestion)
        ground = asked.ground
        return await self._do(
            request, peer, asked, lambda who, row: settling.refuse(self._archive, who, row, ground)
        )

    async def _close(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, WhyAsked)
        return await self._do(request, peer, asked, lambda *so: settling.close(self._archive, *so))

    # ---------------------------------------------------------------- small steps

    async def _do(
        self, request: web.Request, peer: Peer, asked: WhyAsked, doing: Doing
    ) -> web.StreamResponse:
        question, row = await self._asked(request, peer, asked)

        def work() -> Row:
            return self._told(doing(question, row))

        return web.json_response(await self._run(work))

    async def _asked(self, request: web.Request, peer: Peer, asked: WhyAsked) -> tuple[Question, RequestRow]:
        reason = checked_reason(asked.reason)
        person = await self._proofs.prove(asked.proof, peer)

        def work() -> tuple[Question, RequestRow]:
            row = requests.request_of(self._archive, self._policies, person, _number(request))
            return self._question(person, peer, row.policy, reason, case=row.reference), row

        return await self._run(work)

    def _question(
        self, person: PersonId, peer: Peer, policy: str, reason: str, *, case: str | None = None
    ) -> Question:
        return Question(
            person=person,
            login=peer.login,
            actor=peer.acting_as(person),
            policy=self._policies.named(policy),
            action=Action.EXPORT,
            purpose=PURPOSE,
            reason=reason,
            case=case,
        )

    def _told(self, row: RequestRow) -> dict[str, object]:
        page = answers.answer_to(self._archive, self._policies.named(row.policy), row)
        return {**row.to_json(), "letter": None if page is None else _letter(page)}


def _letter(page: Page) -> Row:
    return {"html": web_page(page), "md": markdown(page)}


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise ConsentlineError(f'request: must be a day such as "2026-11-21", got "{text}"') from error


def _number(request: web.Request) -> int:
    return int(request.match_info["request"])
