"""The desk for keys: proofs of a passphrase, people's own keys, who holds which reading key."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from daemon.control import Question, Route, Row, array, read
from daemon.peers import Asker, Peer
from daemon.proofs import Proofs, must_be
from daemon.store_thread import StoreThread
from daemon.who import ProofQuestion
from policy.access import RoleName
from policy.clock import Clock, to_iso
from policy.errors import AccessRefused, NotFound, StateConflict
from policy.situation import PersonId
from policy.vocabulary import PolicyName
from store.db import Db
from store.keyring import person_keys, reading_keys
from store.keyring.key_wire import (
    Base64,
    ChallengeId,
    ChallengeWire,
    GrantWire,
    KeyIdText,
    NameText,
    PublicHalfWire,
    SlotWire,
    to_json,
)
from store.keyring.reading_keys import ReadingKey
from store.keys import KeyId, PublicHalf
from store.persons import people


class PersonQuestion(Question):
    """About whom."""

    person: NameText


class ChallengeQuestion(Question):
    """Who is to prove their passphrase.

    Attributes:
        beside: At whose login they sit, to unlock together with them.
    """

    person: NameText
    beside: NameText | None = None


class FailedQuestion(Question):
    """Which challenge was not opened."""

    challenge: ChallengeId


class EnrolQuestion(Question):
    """A key that somebody made for themselves: its public half and the slot of its private half."""

    public_half: Base64
    slot: SlotWire


class PassphraseQuestion(ProofQuestion):
    """The same key under another passphrase."""

    slot: SlotWire


class GrantQuestion(ProofQuestion):
    """A reading key, sealed by a holder to somebody else.

    Attributes:
        to_key: The person's key that it was sealed to, so that one made anew meanwhile is noticed.
    """

    key_id: KeyIdText
    person: NameText
    to_key: KeyIdText
    sealed: Base64


class RevokeQuestion(Question):
    """From whom which role's key is taken."""

    person: NameText
    policy: NameText
    role: NameText


class KeyDesk:
    """Answers what the commands `people` and `keys` ask.

    Args:
        db: Owned by the thread.
        proofs: Says who asks.
    """

    def __init__(self, *, db: Db, thread: StoreThread, proofs: Proofs, clock: Clock) -> None:
        self._db = db
        self._run = thread.run
        self._proofs = proofs
        self._clock = clock

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here."""
        persons, operators = Asker.PERSON, Asker.OPERATOR
        return (
            Route("POST", "/proofs", self._challenge, persons),
            Route("POST", "/proofs/failed", self._failed, persons),
            Route("POST", "/keys/enrol", self._enrol, persons),
            Route("POST", "/keys/passphrase", self._passphrase, persons),
            Route("POST", "/keys/mine", self._mine, persons),
            Route("POST", "/keys/person", self._person, persons),
            Route("POST", "/keys/grant", self._grant, persons),
            Route("POST", "/keys/revoke", self._revoke, operators),
            Route("GET", "/keys", self._list, operators),
        )

    async def _challenge(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, ChallengeQuestion)
        beside = None if question.beside is None else PersonId(question.beside)
        challenge = await self._proofs.challenge(PersonId(question.person), peer, beside=beside)
        wire = ChallengeWire(
            challenge=challenge.id, slot=SlotWire.of(challenge.slot), sealed=challenge.sealed
        )
        return web.json_response(to_json(wire))

    async def _failed(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, FailedQuestion)
        return web.json_response({"wait_s": await self._proofs.give_back(question.challenge, peer)})

    async def _enrol(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, EnrolQuestion)
        slot, public = question.slot.slot(), PublicHalf(data=question.public_half)
        person = PersonId(slot.person)
        must_be(peer, person)

        def work() -> None:
            with self._db.write() as tx:
                person_keys.enrol(tx, public, slot, at=self._clock.now(), actor=peer.acting_as(person))

        await self._run(work)
        return web.json_response({"person": person, "fingerprint": public.fingerprint})

    async def _passphrase(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, PassphraseQuestion)
        person = await self._proofs.prove(question.proof, peer)
        slot = question.slot.slot()
        if slot.person != person:
            raise AccessRefused(f"person {person}: may change their own passphrase only")

        def work() -> None:
            with self._db.write() as tx:
                person_keys.change_slot(tx, slot, at=self._clock.now(), actor=peer.acting_as(person))
            self._db.forget_deleted()  # else the old slot waits in the write-ahead log for a guess

        await self._run(work)
        return web.json_response({"person": person})

    async def _mine(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, ProofQuestion)
        person = await self._proofs.prove(question.proof, peer)
        grants = await self._run(lambda: reading_keys.held_by(self._db, person))
        return array([to_json(GrantWire.of(grant)) for grant in grants])

    async def _person(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, PersonQuestion)
        key = await self._run(lambda: person_keys.get(self._db, question.person))
        wire = PublicHalfWire(person=key.person, public_half=key.public.data)
        return web.json_response(to_json(wire))

    async def _grant(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, GrantQuestion)
        granter = await self._proofs.prove(question.proof, peer)
        row = await self._run(lambda: self._store_grant(question, granter, peer))
        return web.json_response(row)

    def _store_grant(self, question: GrantQuestion, granter: PersonId, peer: Peer) -> Row:
        person, key_id, now = PersonId(question.person), KeyId(question.key_id), self._clock.now()
        held = {grant.key_id: grant for grant in reading_keys.held_by(self._db, granter)}
        if key_id not in held:
            raise AccessRefused(f"person {granter}: does not hold key {key_id[:16]}, so cannot pass it on")
        policy, role = held[key_id].policy, held[key_id].role
        if not self._wears(person, policy, role):
            raise StateConflict(
                f"person {person}: must wear the role {role} of {policy} to hold its key",
                hint="give them the hat first, see: consentline people --help",
            )
        if person_keys.get(self._db, person).public.key_id != question.to_key:
            raise StateConflict(f"person {person}: has another key by now", hint="run it again")
        actor = peer.acting_as(granter)
        with self._db.write() as tx:
            reading_keys.grant(tx, key_id, person, question.sealed, at=now, actor=actor)
            over = reading_keys.end_custody(
                tx, key_id, lambda other: self._wears(other, policy, role), at=now, actor=actor
            )
        if over:
            self._db.forget_deleted()
        return {"person": person, "policy": policy, "role": role, "custody_over": list(over)}

    async def _revoke(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, RevokeQuestion)
        person = PersonId(question.person)

        def work() -> int:
            policy, role = PolicyName(question.policy), RoleName(question.role)
            held = [
                grant.key_id
                for grant in reading_keys.held_by(self._db, person)
                if (grant.policy, grant.role) == (policy, role)
            ]
            if not held:
                raise NotFound(f"person {person}: does not hold the key of {role} of {policy}")
            for key_id in held:
                if len(reading_keys.holders(self._db, key_id)) == 1:
                    raise StateConflict(
                        f"person {person}: is the only one who holds the key of {role} of {policy}; "
                        "without it nobody opens what is sealed to it",
                        hint="grant it to somebody else first: consentline keys grant",
                    )
            with self._db.write() as tx:
                gone = reading_keys.remove_grants(
                    tx, held, [person], because="revoked", at=self._clock.now(), actor=peer.actor
                )
            self._db.forget_deleted()
            return gone

        return web.json_response({"person": person, "grants": await self._run(work)})

    async def _list(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        def work() -> Sequence[Row]:
            in_use = reading_keys.reading_keys(self._db)
            retired = reading_keys.reading_keys(self._db, retired=True)
            return [self._row(key) for key in (*in_use, *retired)]

        return array(await self._run(work))

    def _row(self, key: ReadingKey) -> Row:
        holders = reading_keys.holders(self._db, key.public.key_id)
        return {
            "policy": key.policy,
            "role": key.role,
            "fingerprint": key.public.fingerprint,
            "held_by": [grant.person for grant in holders if not grant.is_custodian],
            "custodians": [grant.person for grant in holders if grant.is_custodian],
            "created_at": to_iso(key.created_at),
            "retired_at": None if key.retired_at is None else to_iso(key.retired_at),
        }

    def _wears(self, person: PersonId, policy: PolicyName, role: RoleName) -> bool:
        now = self._clock.now()
        hats = people.in_policy(self._db, person, policy).hats
        return any(hat.role == role and hat.worn_at(now) for hat in hats)
