"""The desk where a role's key is rotated: by a holder, run by root or as the daemon's own user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from aiohttp import web
from pydantic import Field

from daemon.control import Question, Route, Row, read
from daemon.peers import Asker, Peer
from daemon.proofs import Proofs
from daemon.store_thread import StoreThread
from policy.access import RoleName
from policy.errors import AccessRefused, StateConflict
from policy.situation import PersonId
from policy.vocabulary import PolicyName
from store.files.archive import Archive
from store.keyring import person_keys, reading_keys, rotation
from store.keyring.key_wire import (
    Base64,
    GrantWire,
    HeldWire,
    KeyIdText,
    NameText,
    ProofWire,
    PublicHalfWire,
    ShareWire,
    SubjectWire,
    Wire,
    to_json,
)
from store.keyring.rotation import Held, Place, Rotation
from store.keys import KeyId, PublicHalf

ShortKey = Annotated[str, Field(max_length=1200)]


class LookQuestion(Question):
    """Which role's key, and who asks."""

    proof: ProofWire
    policy: NameText
    role: NameText


class SealedTo(Wire):
    """The new private half for one holder."""

    person: NameText
    sealed: Base64


class BeginQuestion(Question):
    """A new key, made by the person who proves who they are.

    Attributes:
        lost: Whether nobody can open the old key any more; only that person holds the new one then.
    """

    proof: ProofWire
    policy: NameText
    role: NameText
    old: KeyIdText
    public_half: Base64
    grants: Annotated[tuple[SealedTo, ...], Field(min_length=1, max_length=1000)]
    lost: bool = False


class PlaceQuestion(Question):
    """How far a pass came, as the last answer said; nothing: the beginning."""

    recording: tuple[ShortKey, ShortKey, ShortKey] | None = ("", "", "")
    call: ShortKey = ""


class BatchQuestion(Question):
    """The next shares of which role."""

    policy: NameText
    role: NameText
    after: PlaceQuestion = PlaceQuestion()


class PutQuestion(Question):
    """Shares of a batch, re-sealed."""

    policy: NameText
    role: NameText
    held: Annotated[tuple[HeldWire, ...], Field(max_length=10 * rotation.BATCH)]


class RoleQuestion(Question):
    """Which role."""

    policy: NameText
    role: NameText


class RotationDesk:
    """Answers `keys rotate`.

    Args:
        archive: Opened in the thread.
        proofs: Says who begins it or goes on with it.
    """

    def __init__(self, *, archive: Archive, thread: StoreThread, proofs: Proofs) -> None:
        self._archive = archive
        self._db = archive.db
        self._run = thread.run
        self._proofs = proofs

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here."""
        owner = Asker.OWNER
        return (
            Route("POST", "/keys/rotation", self._look, owner),
            Route("POST", "/keys/rotation/begin", self._begin, owner),
            Route("POST", "/keys/rotation/batch", self._batch, owner),
            Route("POST", "/keys/rotation/put", self._put, owner),
            Route("POST", "/keys/rotation/finish", self._finish, owner),
        )

    async def _look(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, LookQuestion)
        person = await self._proofs.prove(question.proof, peer)

        def work() -> Row:
            stands = rotation.look(self._db, PolicyName(question.policy), RoleName(question.role))
            mine = [
                one
                for one in reading_keys.held_by(self._db, person)
                if one.key_id in (stands.old, stands.new)
            ]
            holders = [
                person_keys.get(self._db, grant.person)
                for grant in reading_keys.holders(self._db, stands.old)
            ]
            return {
                "old": stands.old,
                "new": stands.new,
                "grants": [to_json(GrantWire.of(grant)) for grant in mine],
                "holders": [
                    to_json(PublicHalfWire(person=key.person, public_half=key.public.data)) for key in holders
                ],
                "left": rotation.left(self._db, stands.old),
            }

        return web.json_response(await self._run(work))

    async def _begin(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, BeginQuestion)
        person = await self._proofs.prove(question.proof, peer)
        actor = peer.acting_as(person)
        public = PublicHalf(data=question.public_half)
        sealed = {PersonId(one.person): one.sealed for one in question.grants}

        def work() -> Rotation:
            stands = rotation.look(self._db, PolicyName(question.policy), RoleName(question.role))
            if stands.new is not None:
                raise StateConflict(
                    f"policy {stands.policy}, role {stands.role}: a rotation is under way",
                    hint="run it again",
                )
            stands = replace(stands, old=KeyId(question.old))
            now = self._archive.clock.now()
            with self._db.write() as tx:
                if question.lost:
                    if sealed.keys() != {person}:
                        raise AccessRefused(f"person {person}: must be the one holder of the new key")
                    return rotation.begin_anew(
                        tx, stands, public, person, sealed[person], at=now, actor=actor
                    )
                if not any(one.key_id == stands.old for one in reading_keys.held_by(self._db, person)):
                    raise AccessRefused(f"person {person}: does not hold the key, so cannot rotate it")
                return rotation.begin(tx, stands, public, sealed, at=now, actor=actor)

        begun = await self._run(work)
        return web.json_response({"old": begun.old, "new": begun.new})

    async def _batch(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, BatchQuestion)
        place = Place(recording=question.after.recording, call=question.after.call)

        def work() -> Row:
            stands = self._under_way(question.policy, question.role)
            found = rotation.batch(self._archive, stands.old, place)
            return {
                "held": [
                    to_json(HeldWire(subject=SubjectWire.of(one.subject), share=ShareWire.of(one.share)))
                    for one in found.held
                ],
                "after": {"recording": found.after.recording, "call": found.after.call},
                "skipped": found.skipped,
            }

        return web.json_response(await self._run(work))

    async def _put(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, PutQuestion)
        held = [Held(subject=one.subject.subject(), share=one.share.share()) for one in question.held]

        def work() -> int:
            return rotation.put(self._archive, self._under_way(question.policy, question.role), held)

        return web.json_response({"stored": await self._run(work)})

    async def _finish(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, RoleQuestion)

        def work() -> int:
            stands = self._under_way(question.policy, question.role)
            return rotation.finish(self._archive, stands, actor=peer.actor)

        return web.json_response({"grants": await self._run(work)})

    def _under_way(self, policy: str, role: str) -> Rotation:
        stands = rotation.look(self._db, PolicyName(policy), RoleName(role))
        if stands.new is None:
            raise StateConflict(f"policy {policy}, role {role}: no rotation is under way")
        return stands
