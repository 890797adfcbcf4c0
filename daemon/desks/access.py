"""The desk at the door: find, open, copy, erase, and the words that people give each other for it."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, BinaryIO, Final, Literal

from aiohttp import web
from pydantic import Field, StringConstraints

from daemon.control import Question as Asked
from daemon.control import Route, Row, ShortText, array, read
from daemon.doorway import Doorway
from daemon.peers import Asker, Peer
from daemon.proofs import Proofs
from daemon.who import ProofQuestion
from policy.access import Action, IncidentKind, PurposeName
from policy.clock import from_iso, to_iso
from policy.errors import ConsentlineError
from policy.numbers import normalise
from policy.situation import PersonId
from store.access.accesses import Copy, Ending
from store.access.asking import Wanted
from store.access.door import Question, checked_case, checked_reason
from store.access.finding import MOST_FOUND, Search
from store.access.release import Lent, Release
from store.access.words import WordKind
from store.keyring.key_wire import (
    GrantWire,
    NameText,
    PassedShareWire,
    ProofWire,
    ShareWire,
    to_json,
)
from store.keyring.reading_keys import SealedTo
from store.retention.part_erasure import LONGEST_PART_MS, Part

MOST_TOGETHER = 4
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Moment = Annotated[str, StringConstraints(max_length=40)]
Opens = Literal["listen", "export", "retrieve", "erase"]

logger = logging.getLogger(__name__)

PIECE_BYTES: Final = 256 * 1024


class WhoQuestion(ProofQuestion):
    """Who asks; and under which policy, where they have hats under several.

    Attributes:
        together: Who is there and proved it, too.
    """

    together: Annotated[tuple[ProofWire, ...], Field(max_length=MOST_TOGETHER)] = ()
    policy: NameText | None = None


class WhyQuestion(WhoQuestion):
    """What for, and why."""

    purpose: NameText
    reason: ShortText
    case: ShortText | None = None


class OpenQuestion(WhyQuestion):
    """Which recording is to be opened, and what for."""

    recording: ShortText
    action: Opens


class EraseQuestion(WhyQuestion):
    """Which recording is to be erased."""

    recording: ShortText


class CopyWire(Asked):
    """A file that was made of a recording."""

    kind: Literal["audio", "data", "manifest", "zip", "sealed"]
    bytes: Annotated[int, Field(ge=0)]
    sha256: Sha256


class EndQuestion(Asked):
    """How an access ended.

    Attributes:
        heard_ms: How much of it was played.
    """

    complete: bool
    copies: Annotated[tuple[CopyWire, ...], Field(max_length=8)] = ()
    heard_ms: Annotated[int, Field(ge=0)] | None = None
    problem: ShortText | None = None


class PartQuestion(Asked):
    """Which part goes, and what was handed in to take the recording's place."""

    from_ms: Annotated[int, Field(ge=0)]
    to_ms: Annotated[int, Field(gt=0, le=LONGEST_PART_MS)]
    sealed_bytes: Annotated[int, Field(gt=0)]
    sealed_sha256: Sha256
    shares: Annotated[tuple[ShareWire, ...], Field(max_length=64)]


class FindQuestion(WhyQuestion):
    """What is looked for."""

    since: Moment | None = None
    before: Moment | None = None
    number: ShortText | None = None
    agent: NameText | None = None
    incident: IncidentKind | None = None
    queue: ShortText | None = None
    most: Annotated[int, Field(ge=1, le=MOST_FOUND)] = 200


class HeardQuestion(ProofQuestion):
    """Since when somebody wants to know who heard their calls."""

    since: Moment | None = None


class WordQuestion(WhyQuestion):
    """A word that is asked for, or given unasked.

    Attributes:
        kind: Of a request and of a yes that is given, the asker is the giver.
        other: The other one: who is asked for their word, or who gets it.
        gives: Whether the asker gives it.
    """

    recording: ShortText
    kind: WordKind
    other: NameText
    action: Action
    gives: bool = False
    until: Moment | None = None


class AnswerQuestion(ProofQuestion):
    """What somebody answers who was asked for a word."""

    until: Moment | None = None
    passed: Annotated[tuple[PassedShareWire, ...], Field(max_length=32)] = ()


class AccessDesk:
    """Says who asks, puts it to the door, and hands out what it releases.

    Args:
        doorway: The door.
        proofs: Says who asks.
    """

    def __init__(self, doorway: Doorway, proofs: Proofs) -> None:
        self._door = doorway
        self._proofs = proofs

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here; who may is judged by passphrase and policy, not by login."""
        persons = Asker.PERSON
        return (
            Route("GET", "/me", self._me, persons),
            Route("POST", "/access", self._open, persons),
            Route("GET", "/access/{token}/sealed", self._sealed, persons),
            Route("POST", "/access/{token}/end", self._end, persons),
            Route("PUT", "/access/{token}/part", self._hand_in, persons),
            Route("POST", "/access/{token}/part", self._erase_part, persons),
            Route("POST", "/erase", self._erase, persons),
            Route("POST", "/find", self._find, persons),
            Route("POST", "/heard", self._heard, persons),
            Route("POST", "/words", self._word, persons),
            Route("POST", "/words/mine", self._mine, persons),
            Route("POST", r"/words/{word:\d{1,15}}/lend", self._lend, persons),
            Route("POST", r"/words/{word:\d{1,15}}/grant", self._grant, persons),
            Route("POST", r"/words/{word:\d{1,15}}/deny", self._deny, persons),
            Route("POST", r"/words/{word:\d{1,15}}/take-back", self._take_back, persons),
        )

    async def _me(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return web.json_response({"person": peer.person})

    # ---------------------------------------------------------------- opening

    async def _open(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, OpenQuestion)
        question = await self._question(asked, peer, Action(asked.action))
        token, released = await self._door.open(question, asked.recording, peer)
        row = release_to_json(token, released)
        if question.action is Action.ERASE:
            row["sealed_to"] = sealed_to_json(await self._door.sealed_to(question.policy))
        return web.json_response(row)

    async def _sealed(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        file = await self._door.sealed(request.match_info["token"], peer)
        try:
            return await _streamed(request, file)
        finally:
            await asyncio.to_thread(file.close)

    async def _end(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, EndQuestion)
        row = await self._door.end(
            request.match_info["token"],
            peer,
            Ending.COMPLETE if asked.complete else Ending.FAILED,
            copies=[Copy(kind=copy.kind, size_bytes=copy.bytes, sha256=copy.sha256) for copy in asked.copies],
            told=asked.model_dump(include={"heard_ms", "problem"}, exclude_none=True),
        )
        return web.json_response(row.to_json())

    async def _hand_in(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        pieces = request.content.iter_chunked(256 * 1024)
        size_bytes = await self._door.hand_in(request.match_info["token"], peer, pieces)
        return web.json_response({"bytes": size_bytes})

    async def _erase_part(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, PartQuestion)
        if asked.to_ms <= asked.from_ms:
            raise ConsentlineError("erase: --to must be after --from")
        token = request.match_info["token"]
        recording_id, person = self._door.recording_of(token, peer)
        part = Part(
            recording_id=recording_id,
            from_ms=asked.from_ms,
            to_ms=asked.to_ms,
            person=person,
            size_bytes=asked.sealed_bytes,
            sha256=asked.sealed_sha256,
            shares=tuple(share.share() for share in asked.shares),
        )
        entry = await self._door.erase_part(token, peer, part)
        return web.json_response({"recording_id": recording_id, "ledger_entry": entry})

    async def _erase(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, EraseQuestion)
        receipt = await self._door.erase(await self._question(asked, peer, Action.ERASE), asked.recording)
        return web.json_response(
            {
                "recording_id": receipt.recording_id,
                "erased_at": to_iso(receipt.erased_at),
                "removed": list(receipt.removed),
            }
        )

    # ---------------------------------------------------------------- finding

    async def _find(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, FindQuestion)
        search = Search(
            since=moment("from", asked.since),
            before=moment("to", asked.before),
            number=None if asked.number is None else normalise(asked.number),
            agent=None if asked.agent is None else PersonId(asked.agent),
            incident=asked.incident,
            queue=asked.queue,
        )
        question = await self._question(asked, peer, Action.FIND)
        found = await self._door.find(question, search, most=asked.most)
        return array([one.to_json() for one in found])

    async def _heard(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, HeardQuestion)
        since = moment("from", asked.since)
        agent = await self._proofs.prove(asked.proof, peer)
        heard = await self._door.heard(agent, since, peer.acting_as(agent))
        return array([one.to_json() for one in heard])

    # ---------------------------------------------------------------- words

    async def _word(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, WordQuestion)
        until = moment("until", asked.until)
        asker = await self._proofs.prove(asked.proof, peer)
        gives = asked.kind is WordKind.REQUEST or asked.gives
        if gives and asked.kind not in (WordKind.REQUEST, WordKind.YES):
            raise ConsentlineError(f"words: a {asked.kind.value} is asked for first, then granted")
        other = PersonId(asked.other)
        policy = await self._door.policy_for(asker, asked.policy)
        question = Question(
            person=other if gives else asker,
            login=peer.login,
            policy=policy,
            action=asked.action,
            purpose=PurposeName(asked.purpose),
            reason=checked_reason(asked.reason),
            actor=peer.acting_as(asker),
        )
        wanted = Wanted(
            kind=asked.kind,
            question=question,
            giver=asker if gives else other,
            recording=asked.recording,
        )
        row = await self._door.ask(wanted, until=until, unasked=gives)
        return web.json_response(row.to_json(self._door.now()))

    async def _mine(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, ProofQuestion)
        return array(await self._door.words_of(await self._proofs.prove(asked.proof, peer)))

    async def _lend(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, AnswerQuestion)
        giver = await self._proofs.prove(asked.proof, peer)
        lent = await self._door.lend(_number(request), giver, peer)
        return web.json_response({} if lent is None else lent_to_json(lent))

    async def _grant(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, AnswerQuestion)
        until = moment("until", asked.until)
        giver = await self._proofs.prove(asked.proof, peer)
        passed = [one.passed_share() for one in asked.passed]
        row = await self._door.grant(_number(request), giver, peer, until=until, passed=passed)
        return web.json_response(row.to_json(self._door.now()))

    async def _deny(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, AnswerQuestion)
        giver = await self._proofs.prove(asked.proof, peer)
        row = await self._door.deny(_number(request), giver, actor=peer.acting_as(giver))
        return web.json_response(row.to_json(self._door.now()))

    async def _take_back(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        asked = await read(request, AnswerQuestion)
        person = await self._proofs.prove(asked.proof, peer)
        row = await self._door.take_back(_number(request), person, actor=peer.acting_as(person))
        return web.json_response(row.to_json(self._door.now()))

    # ---------------------------------------------------------------- small steps

    async def _question(self, asked: WhyQuestion, peer: Peer, action: Action) -> Question:
        return await question_of(asked, peer, action, door=self._door, proofs=self._proofs)


async def question_of(
    asked: WhyQuestion, peer: Peer, action: Action, *, door: Doorway, proofs: Proofs
) -> Question:
    """Return what is asked as a value, once everybody in it proved who they are.

    Raises:
        AccessRefused: If somebody did not, or has no role here.
        ConsentlineError: If a reason or a case number is none, or nobody can tell the policy.
    """
    reason, case = checked_reason(asked.reason), checked_case(asked.case)
    person = await proofs.prove(asked.proof, peer)
    company = tuple([await proofs.prove(one, peer, beside=person) for one in asked.together])
    if person in company or len(set(company)) != len(company):
        raise ConsentlineError("together: nobody counts as a second person to themselves")
    policy = await door.policy_for(person, asked.policy)
    return Question(
        person=person,
        login=peer.login,
        actor=peer.acting_as(person),
        company=company,
        policy=policy,
        action=action,
        purpose=PurposeName(asked.purpose),
        reason=reason,
        case=case,
    )


async def _streamed(request: web.Request, file: BinaryIO) -> web.StreamResponse:
    """Answer with a file, piece by piece; one that breaks off in the middle breaks the connection off."""
    piece = await asyncio.to_thread(file.read, PIECE_BYTES)
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
    await response.prepare(request)
    while piece:
        await response.write(piece)
        try:
            piece = await asyncio.to_thread(file.read, PIECE_BYTES)
        except (ConsentlineError, OSError) as error:
            logger.warning("a sealed file broke off while it was handed out: %s", error)
            if request.transport is not None:
                request.transport.abort()
            break
    return response


def release_to_json(token: str, released: Release) -> dict[str, object]:
    """Return a release as the command line reads it."""
    return {
        "token": token,
        "access": released.access_id,
        "recording_id": released.recording_id,
        "ledger_entry": released.entry,
        "shares": [to_json(ShareWire.of(share)) for share in released.shares],
        "passed": [{"word": one.word, **to_json(PassedShareWire.of(one.share))} for one in released.passed],
        "grants": {
            person: [to_json(GrantWire.of(grant)) for grant in grants]
            for person, grants in released.grants.items()
        },
        "manifest": dict(released.manifest),
    }


def sealed_to_json(to: SealedTo) -> Row:
    """Return what recordings are sealed to, as the command line reads it."""
    return {
        "paths": list(to.paths),
        "keys": {role: _base64(half.data) for role, half in to.keys.items()},
    }


def lent_to_json(lent: Lent) -> Row:
    """Return what the giver of a word takes, as the command line reads it."""
    return {
        "recording_id": lent.word.recording_id,
        "shares": [to_json(ShareWire.of(share)) for share in lent.shares],
        "grants": [to_json(GrantWire.of(grant)) for grant in lent.grants],
        "to": _base64(lent.to.data),
        "fingerprint": lent.to.fingerprint,
    }


def moment(what: str, text: str | None) -> datetime | None:
    """Return a moment that was asked with, or None.

    Raises:
        ConsentlineError: If it is none.
    """
    try:
        return None if text is None else from_iso(text)
    except ValueError as error:
        raise ConsentlineError(f'{what}: must be ISO-8601, got "{text}"') from error


def _number(request: web.Request) -> int:
    return int(request.match_info["word"])


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
