"""The desk of reviews: draws, forms, notes on how agents develop, and calibration; each with a proof."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Concatenate, ParamSpec, TypeVar

from aiohttp import web
from pydantic import Field, StrictInt, StrictStr

from casework import calibrations, development, reviews
from casework.reviews import Sample, Wanted
from casework.ruling import Caseworker
from daemon.control import Question, Route, Row, ShortText, array, read
from daemon.desks.access import WhyQuestion, question_of
from daemon.doorway import Doorway
from daemon.peers import Asker, Peer
from daemon.proofs import Proofs
from daemon.store_thread import StoreThread
from policy.access import Action
from policy.cadence import Turn
from policy.clock import to_iso
from policy.errors import NotFound
from policy.model import Policy
from policy.review_form import LARGEST_WORDS_CHARACTERS, criteria
from policy.situation import PersonId
from store.cases.reviews import judges
from store.files.archive import Archive
from store.keyring.key_wire import NameText, ProofWire

Answer = TypeVar("Answer")
More = ParamSpec("More")
Words = Annotated[str, Field(max_length=2 * LARGEST_WORDS_CHARACTERS)]
Number = Annotated[int, Field(ge=1, lt=2**63)]
MOST_AGENTS = 500


class OwnQuestion(Question):
    """Who asks, proven; and under which policy, where they have hats under several."""

    proof: ProofWire
    policy: NameText | None = None


class DrawQuestion(WhyQuestion):
    """Whose calls are drawn, how many of each, and why so soon."""

    agents: Annotated[tuple[NameText, ...], Field(max_length=MOST_AGENTS)] = ()
    calls: int | None = None
    again: ShortText | None = None


class DrawnQuestion(OwnQuestion):
    """Which draw is to be drawn again."""

    draw: Number


class FillQuestion(WhyQuestion):
    """What was scored on which recording: as it was typed, so that the policy's form judges it."""

    recording: ShortText
    scores: Annotated[dict[ShortText, StrictInt | StrictStr | float | bool | None], Field(max_length=200)]
    remark: Words = ""


class ShowQuestion(OwnQuestion):
    """Which form is to be seen."""

    form: Number


class DueQuestion(OwnQuestion):
    """Whether also those whose review is still to come."""

    every: bool = False


class NoteQuestion(OwnQuestion):
    """How which agent develops."""

    agent: NameText
    words: Words


class NotesQuestion(OwnQuestion):
    """About which agent; None: about all."""

    agent: NameText | None = None


class CalibrateQuestion(WhyQuestion):
    """Which recording, and who scores it."""

    recording: ShortText
    scorers: Annotated[tuple[NameText, ...], Field(max_length=50)]


class CompareQuestion(OwnQuestion):
    """Which calibration case."""

    case: Number


class ReviewsDesk:
    """Says who asks, and puts the questions to `casework`, in the store thread.

    Args:
        archive: Opened in the thread.
        doorway: Knows under which policy somebody asks.
        proofs: Says who asks.
    """

    def __init__(self, *, archive: Archive, thread: StoreThread, doorway: Doorway, proofs: Proofs) -> None:
        self._archive = archive
        self._run = thread.run
        self._door = doorway
        self._proofs = proofs

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here; who may is judged by passphrase and policy, not by login."""
        persons = Asker.PERSON
        return (
            Route("POST", "/reviews/form", self._form, persons),
            Route("POST", "/reviews/draw", self._draw, persons),
            Route("POST", "/reviews/drawn", self._drawn, persons),
            Route("POST", "/reviews/fill", self._fill, persons),
            Route("POST", "/reviews/list", self._list, persons),
            Route("POST", "/reviews/due", self._due, persons),
            Route("POST", "/reviews/show", self._show, persons),
            Route("POST", "/reviews/note", self._note, persons),
            Route("POST", "/reviews/notes", self._notes, persons),
            Route("POST", "/reviews/calibrate", self._calibrate, persons),
            Route("POST", "/reviews/calibrations", self._calibrations, persons),
            Route("POST", "/reviews/compare", self._compare, persons),
        )

    async def _form(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, OwnQuestion)
        policy, _ = await self._who(asked, peer)
        if policy.reviews is None or not criteria(policy.reviews):
            raise NotFound(f"{policy.identity.organisation}: no form is filled in under {policy.name}.toml")
        return array(
            [
                {
                    "criterion": one.name,
                    "judges": judges(one),
                    "lowest": one.lowest,
                    "highest": one.highest,
                }
                for one in criteria(policy.reviews)
            ]
        )

    async def _draw(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, DrawQuestion)
        question = await question_of(asked, peer, Action.LISTEN, door=self._door, proofs=self._proofs)
        wanted = Wanted(
            agents=tuple(PersonId(agent) for agent in asked.agents), per_agent=asked.calls, again=asked.again
        )
        sample = await self._run(lambda: reviews.draw(self._archive, question, wanted))
        return array(picks_to_json(sample))

    async def _drawn(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, DrawnQuestion)
        sample = await self._for(asked, peer, reviews.drawn, asked.draw)
        return web.json_response(sample_to_json(sample))

    async def _fill(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, FillQuestion)
        question = await question_of(asked, peer, Action.LISTEN, door=self._door, proofs=self._proofs)
        form = await self._run(
            lambda: reviews.fill(self._archive, question, asked.recording, asked.scores, asked.remark)
        )
        return array(form.to_json())

    async def _list(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, OwnQuestion)
        return array([one.to_json() for one in await self._for(asked, peer, reviews.listed)])

    async def _due(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, DueQuestion)
        turns = await self._for(asked, peer, reviews.overdue, every=asked.every)
        return array([turn_to_json(turn) for turn in turns])

    async def _show(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, ShowQuestion)
        form = await self._for(asked, peer, reviews.show, asked.form)
        return array(form.to_json())

    async def _note(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, NoteQuestion)
        agent = PersonId(asked.agent)
        note = await self._for(
            asked,
            peer,
            lambda archive, policy, by: development.write(archive, policy, by, agent, asked.words),
        )
        return array([note.to_json()])

    async def _notes(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, NotesQuestion)
        agent = None if asked.agent is None else PersonId(asked.agent)
        found = await self._for(asked, peer, development.notes, agent)
        return array([note.to_json() for note in found])

    async def _calibrate(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, CalibrateQuestion)
        question = await question_of(asked, peer, Action.LISTEN, door=self._door, proofs=self._proofs)
        scorers = tuple(PersonId(scorer) for scorer in asked.scorers)
        case = await self._run(
            lambda: calibrations.open_case(self._archive, question, asked.recording, scorers)
        )
        return array([case.to_json()])

    async def _calibrations(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, OwnQuestion)
        return array([case.to_json() for case in await self._for(asked, peer, calibrations.of_person)])

    async def _compare(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, CompareQuestion)
        found = await self._for(asked, peer, calibrations.compare, asked.case)
        return array(found.to_json())

    async def _for(
        self,
        asked: OwnQuestion,
        peer: Peer,
        work: Callable[Concatenate[Archive, Policy, Caseworker, More], Answer],
        *args: More.args,
        **named: More.kwargs,
    ) -> Answer:
        """Do something for whoever proved who they are, in the store thread."""
        policy, by = await self._who(asked, peer)
        return await self._run(lambda: work(self._archive, policy, by, *args, **named))

    async def _who(self, asked: OwnQuestion, peer: Peer) -> tuple[Policy, Caseworker]:
        person = await self._proofs.prove(asked.proof, peer)
        policy = await self._door.policy_for(person, asked.policy)
        return policy, Caseworker(id=person, actor=peer.acting_as(person))


def picks_to_json(sample: Sample) -> list[Row]:
    """Return one row a drawn recording, in the order of agents."""
    return [
        {
            "draw": sample.row.draw_id,
            "policy": sample.row.policy,
            "purpose": sample.row.purpose,
            "agent": agent,
            "recording_id": recording_id,
            "until_at": to_iso(sample.row.until),
            "ledger_entry": sample.row.entry,
        }
        for agent, theirs in sample.picks.items()
        for recording_id in theirs
    ]


def sample_to_json(sample: Sample) -> Row:
    """Return all that it takes to draw a draw again."""
    return {
        "draw": sample.row.draw_id,
        "policy": sample.row.policy,
        "purpose": sample.row.purpose,
        "drawn_by": sample.row.drawn_by,
        "drawn_at": to_iso(sample.row.drawn_at),
        "seed": sample.row.seed.hex(),
        "per_agent": sample.row.per_agent,
        "population": {agent: list(theirs) for agent, theirs in sample.population.items()},
        "population_sha256": sample.row.population_sha256,
        "picks": {agent: list(theirs) for agent, theirs in sample.picks.items()},
        "ledger_entry": sample.row.entry,
        "ledger": None if sample.told is None else dict(sample.told),
    }


def turn_to_json(turn: Turn) -> Row:
    """Return when an agent's review has to be there, as the command line reads it."""
    return {
        "agent": turn.agent,
        "last_review_at": None if turn.last_at is None else to_iso(turn.last_at),
        "due_at": to_iso(turn.latest_at),
    }
