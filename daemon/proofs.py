"""The proof of a passphrase: who asks for something is who can open their own slot.

    person asks      ->  slot, and a challenge sealed to their public half       at most 2 minutes,
    opens the slot       (their own process, their passphrase)                   used once
    sends it opened  ->  only now anything is judged, told or released

A challenge that is answered wrongly, given back, or not answered in time is a wrong passphrase:
it is on the ledger, and the next slot is handed out after 1 s, 2 s, 4 s ... at most a minute.
Counts outlive the daemon; open challenges do not: who can restart it can have the slot anyway.
What fails beside somebody, at their login, is counted for that login: nobody makes another wait
for their own slot at their own.
Somebody who got hold of a slot can guess at it elsewhere, as fast as they like; only the cost
of scrypt and the passphrase stand against that.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from daemon.peers import Peer
from daemon.store_thread import StoreThread
from policy.clock import Clock, Randomness
from policy.errors import AccessRefused, WrongPassphrase
from policy.situation import PersonId
from store.db import Db
from store.keyring import person_keys, proof_failures
from store.keyring.key_wire import ProofWire
from store.keyring.proof_failures import Failures, Tried
from store.keys import Slot, challenge_info, seal_to
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.persons import people

CHALLENGE_LASTS_S: Final = 120.0
FIRST_DELAY_S: Final = 1.0
LONGEST_DELAY_S: Final = 60.0
MOST_OPEN: Final = 16

_SECRET_BYTES: Final = 32
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What is handed out.

    Attributes:
        id: 32 hexadecimal digits.
        slot: The person's own.
        sealed: The secret to be sent back, sealed to their public half.
    """

    id: str
    slot: Slot
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    tried: Tried
    peer: Peer
    secret: bytes = field(repr=False)
    until_s: float


class Proofs:
    """Hands out challenges and judges their answers; for the daemon's event loop."""

    def __init__(self, *, db: Db, thread: StoreThread, clock: Clock, randomness: Randomness) -> None:
        self._db = db
        self._run = thread.run
        self._clock = clock
        self._randomness = randomness
        self._open: dict[str, _Open] = {}
        self._failures: dict[Tried, int] = defaultdict(int)
        self._next_at_s: dict[Tried, float] = {}
        self._handed_out = asyncio.Event()

    async def remember(self) -> None:
        """Go on from the failures that an earlier life counted; once at start."""
        for failures in await self._run(lambda: proof_failures.standing(self._db)):
            self._failures[failures.tried] = failures.in_a_row
            delay_s = _delay_s(failures.in_a_row)
            gone_s = (self._clock.now() - failures.last_at).total_seconds()
            self._next_at_s[failures.tried] = _now_s() + min(delay_s, max(0.0, delay_s - gone_s))

    async def challenge(self, person: PersonId, peer: Peer, *, beside: PersonId | None = None) -> Challenge:
        """Hand out somebody's slot with a challenge, after the delay that earlier failures earned.

        Args:
            person: Whose.
            peer: Who asks for it.
            beside: At whose login they sit, to unlock together with them; None: at their own.

        Raises:
            NotFound: If there is no such person, or they have no key.
            AccessRefused: If this login may not be them, or too many challenges are open.
        """
        must_be(peer, beside or person)
        key, tried = (
            await self._run(lambda: person_keys.get(self._db, person)),
            Tried(person=person, beside=beside),
        )
        # From the last wait on nothing is awaited: many who ask at once do not pass the limit together.
        # Again and again: another try may fail while this one waits.
        while (wait_s := self._next_at_s.get(tried, 0.0) - _now_s()) > 0:  # noqa: ASYNC110 - until a moment
            await asyncio.sleep(wait_s)
        if sum(one.tried == tried for one in self._open.values()) >= MOST_OPEN:
            raise AccessRefused(f"person {person}: {MOST_OPEN} challenges wait for their answer already")
        challenge_id = self._randomness.token(_ID_BYTES).hex()
        secret = self._randomness.token(_SECRET_BYTES)
        sealed = seal_to(key.public, secret, challenge_info(challenge_id, person))
        self._open[challenge_id] = _Open(
            tried=tried, peer=peer, secret=secret, until_s=_now_s() + CHALLENGE_LASTS_S
        )
        self._handed_out.set()
        return Challenge(id=challenge_id, slot=key.slot, sealed=sealed)

    async def prove(self, proof: ProofWire, peer: Peer, *, beside: PersonId | None = None) -> PersonId:
        """Return who proved that they know their passphrase; a challenge counts once.

        Args:
            proof: The answer.
            peer: Who brings it.
            beside: With whom this person unlocks, at whose login they sit; None: they ask for themselves.
                A challenge for the one is none for the other: company at a login does not act there.

        Raises:
            AccessRefused: If there is no such challenge (any more), or it is another login's.
            WrongPassphrase: If the answer is wrong; the next slot will wait.
        """
        known = await self._take(proof.challenge, peer)
        if not hmac.compare_digest(known.secret, proof.answer):
            await self._failed(known, "answered wrongly")
            raise WrongPassphrase(f"person {known.tried.person}: the passphrase does not open their slot")
        await self._forget(known.tried)
        person, sat = known.tried.person, known.tried.beside
        if sat != beside:
            asks = "asks" if sat is None else f"sits beside {sat}"
            raise AccessRefused(f"person {person}: proved that they are who {asks}, and nothing else")
        return person

    async def give_back(self, challenge_id: str, peer: Peer) -> float:
        """Note that somebody could not open their slot.

        Returns:
            Seconds until the next slot is handed out.

        Raises:
            AccessRefused: If there is no such challenge (any more), or it is another login's.
        """
        return await self._failed(await self._take(challenge_id, peer), "did not open the slot")

    async def run(self) -> None:
        """Count challenges that nobody answers, for as long as the daemon runs."""
        while True:
            self._handed_out.clear()
            for challenge_id, known in list(self._open.items()):
                if known.until_s <= _now_s() and self._open.pop(challenge_id, None) is not None:
                    await self._failed(known, "not answered")
            nearest_s = min((known.until_s for known in self._open.values()), default=None)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(nearest_s):
                    await self._handed_out.wait()

    async def _take(self, challenge_id: str, peer: Peer) -> _Open:
        known = self._open.get(challenge_id)
        if known is None or known.peer.uid != peer.uid:
            raise AccessRefused(
                "proof: must answer a challenge of this login, once and within two minutes", hint="ask again"
            )
        del self._open[challenge_id]
        if known.until_s <= _now_s():
            await self._failed(known, "not answered")
            raise AccessRefused("proof: came later than two minutes after its challenge", hint="ask again")
        return known

    async def _forget(self, tried: Tried) -> None:
        self._next_at_s.pop(tried, None)
        if not self._failures.pop(tried, 0):
            return

        def work() -> None:
            with self._db.write() as tx:
                proof_failures.clear(tx, tried)

        await self._run(work)

    async def _failed(self, known: _Open, how: str) -> float:
        self._failures[known.tried] += 1
        times = self._failures[known.tried]
        delay_s = _delay_s(times)
        self._next_at_s[known.tried] = _now_s() + delay_s
        await self._run(lambda: self._tell(known, how, times))
        return delay_s

    def _tell(self, known: _Open, how: str, times: int) -> None:
        tried, now = known.tried, self._clock.now()
        told: dict[str, Json] = {"how": how, "in_a_row": times}
        if tried.beside is not None:
            told["beside"] = tried.beside
        with self._db.write() as tx:
            ledger.append(
                tx,
                Kind.PROOF_FAILED,
                now,
                actor=known.peer.acting_as(None),
                subject=people.subject_of(tried.person),
                payload=told,
            )
            if person_keys.has_key(tx, tried.person):  # else they retired meanwhile
                proof_failures.put(tx, Failures(tried=tried, in_a_row=times, last_at=now))


def must_be(peer: Peer, person: PersonId) -> None:
    """Check that this login may act as that person, if they prove their passphrase.

    Raises:
        AccessRefused: If the login is not theirs, nor root's or the daemon's own.
    """
    if not peer.is_owner and peer.person != person:
        raise AccessRefused(f'person {person}: login "{peer.login}" is not theirs')


def _delay_s(times: int) -> float:
    return min(FIRST_DELAY_S * 2.0 ** min(times - 1, 30), LONGEST_DELAY_S)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
