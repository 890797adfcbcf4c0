"""Who asks is who opens their slot: once, in time, and slower after each failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.peers import Peer
from daemon.proofs import CHALLENGE_LASTS_S, LONGEST_DELAY_S, MOST_OPEN, Challenge, Proofs
from daemon.store_thread import StoreThread
from policy.errors import AccessRefused, NotFound, WrongPassphrase
from policy.situation import PersonId
from store.keyring import proof_failures
from store.keyring.key_wire import ProofWire
from store.keys import challenge_info, open_with
from store.logbook import ledger
from tests import virtual_time
from tests.store.holding import enrol, own_half
from tests.store.scene import Scene, scene

pytestmark = pytest.mark.exhaustive

ANNA, PIET = PersonId("anna"), PersonId("piet")
ROOT = Peer(uid=0, login="root")
ANNAS_LOGIN = Peer(uid=4001, login="anna", person=ANNA)
PIETS_LOGIN = Peer(uid=4002, login="piet", person=PIET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Proofs over a store with two people in it."""

    proofs: Proofs
    stage: Scene
    thread: StoreThread

    async def entries(self) -> list[ledger.Entry]:
        """Return what the ledger tells of failures."""
        entries = await self.thread.run(lambda: ledger.show(self.stage.db))
        return [entry for entry in entries if entry.kind == "proof_failed"]


Story = Callable[[Door], Awaitable[None]]


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Callable[[Story], None]]:
    """Run a story on virtual time."""
    thread = StoreThread()

    def run(story: Story) -> None:
        async def opened() -> None:
            entered = scene(tmp_path / "store")
            stage = await thread.run(entered.__enter__)
            for person in ("anna", "piet"):
                await thread.run(lambda one=person: enrol(stage.db, one, at=stage.clock.now()))  # type: ignore[misc]
            proofs = Proofs(
                db=stage.db, thread=thread, clock=stage.clock, randomness=stage.archive.randomness
            )
            counting = asyncio.create_task(proofs.run())
            try:
                await story(Door(proofs=proofs, stage=stage, thread=thread))
            finally:
                counting.cancel()
                await thread.run(lambda: entered.__exit__(None, None, None))

        virtual_time.run(opened())

    yield run
    thread.close()


def answer(challenge: Challenge, person: str = "anna") -> ProofWire:
    """Open a challenge as its person does."""
    opened = open_with(own_half(person), challenge.sealed, challenge_info(challenge.id, person))
    return ProofWire(challenge=challenge.id, answer=opened)


def test_whoever_opens_the_challenge_is_that_person_once(tell: Callable[[Story], None]) -> None:
    async def story(door: Door) -> None:
        challenge = await door.proofs.challenge(ANNA, ANNAS_LOGIN)
        assert challenge.slot.person == ANNA
        proof = answer(challenge)
        assert await door.proofs.prove(proof, ANNAS_LOGIN) == ANNA
        with pytest.raises(AccessRefused, match="once and within two minutes"):
            await door.proofs.prove(proof, ANNAS_LOGIN)
        assert await door.entries() == []

    tell(story)


def test_a_wrong_answer_is_counted_told_and_makes_the_next_slot_wait_longer_each_time(
    tell: Callable[[Story], None],
) -> None:
    async def story(door: Door) -> None:
        loop, waited = asyncio.get_running_loop(), []
        for _ in range(9):
            before = loop.time()
            challenge = await door.proofs.challenge(ANNA, ANNAS_LOGIN)
            waited.append(loop.time() - before)
            with pytest.raises(WrongPassphrase) as caught:
                await door.proofs.prove(ProofWire(challenge=challenge.id, answer=bytes(32)), ANNAS_LOGIN)
            assert caught.value.exit_code == 12
        assert waited == [0, 1, 2, 4, 8, 16, 32, LONGEST_DELAY_S, LONGEST_DELAY_S]
        told = await door.entries()
        assert [entry.payload for entry in told] == [
            {"how": "answered wrongly", "in_a_row": times} for times in range(1, 10)
        ]
        assert {(entry.actor, entry.subject) for entry in told} == {("login:anna", "person:anna")}

    tell(story)


def test_one_right_answer_ends_the_waiting_and_others_never_wait(tell: Callable[[Story], None]) -> None:
    async def story(door: Door) -> None:
        loop = asyncio.get_running_loop()
        challenge = await door.proofs.challenge(ANNA, ROOT)
        assert await door.proofs.give_back(challenge.id, ROOT) == 1
        before = loop.time()
        assert await door.proofs.prove(answer(await door.proofs.challenge(PIET, ROOT), "piet"), ROOT) == PIET
        assert loop.time() == before
        assert await door.proofs.prove(answer(await door.proofs.challenge(ANNA, ROOT)), ROOT) == ANNA
        before = loop.time()
        await door.proofs.challenge(ANNA, ROOT)
        assert loop.time() == before

    tell(story)


def test_tries_that_wait_at_once_do_not_pass_each_other(tell: Callable[[Story], None]) -> None:
    async def story(door: Door) -> None:
        first = await door.proofs.challenge(ANNA, ROOT)
        second = await door.proofs.challenge(ANNA, ROOT)
        await door.proofs.give_back(first.id, ROOT)
        waiting = asyncio.create_task(door.proofs.challenge(ANNA, ROOT))
        await asyncio.sleep(0.5)
        await door.proofs.give_back(second.id, ROOT)
        await asyncio.sleep(1.9)
        assert not waiting.done()
        await asyncio.sleep(0.2)
        assert waiting.done()

    tell(story)


def test_a_challenge_that_nobody_answers_is_a_wrong_passphrase_too(tell: Callable[[Story], None]) -> None:
    async def story(door: Door) -> None:
        challenge = await door.proofs.challenge(ANNA, ANNAS_LOGIN)
        await asyncio.sleep(CHALLENGE_LASTS_S - 1)
        assert await door.entries() == []
        await asyncio.sleep(2)
        (entry,) = await door.entries()
        assert entry.payload == {"how": "not answered", "in_a_row": 1}
        with pytest.raises(AccessRefused):
            await door.proofs.prove(answer(challenge), ANNAS_LOGIN)

    tell(story)


def test_a_slot_is_handed_to_its_own_login_or_to_root_and_to_nobody_else(
    tell: Callable[[Story], None],
) -> None:
    async def story(door: Door) -> None:
        for peer in (PIETS_LOGIN, Peer(uid=4003, login="guest")):
            with pytest.raises(AccessRefused, match="is not theirs"):
                await door.proofs.challenge(ANNA, peer)
        with pytest.raises(NotFound):
            await door.proofs.challenge(PersonId("nobody"), ROOT)
        challenge = await door.proofs.challenge(ANNA, ROOT)
        with pytest.raises(AccessRefused):
            await door.proofs.prove(answer(challenge), PIETS_LOGIN)
        assert await door.proofs.prove(answer(challenge), ROOT) == ANNA

    tell(story)


def test_who_sits_beside_somebody_unlocks_with_them_and_does_nothing_else_at_that_login(
    tell: Callable[[Story], None],
) -> None:
    async def story(door: Door) -> None:
        with pytest.raises(AccessRefused, match="is not theirs"):
            await door.proofs.challenge(PIET, ANNAS_LOGIN)
        for beside in (None, PIET):
            challenge = await door.proofs.challenge(PIET, ANNAS_LOGIN, beside=ANNA)
            with pytest.raises(AccessRefused, match="piet: proved that they are who sits beside anna"):
                await door.proofs.prove(answer(challenge, "piet"), ANNAS_LOGIN, beside=beside)
        challenge = await door.proofs.challenge(PIET, ANNAS_LOGIN, beside=ANNA)
        assert await door.proofs.prove(answer(challenge, "piet"), ANNAS_LOGIN, beside=ANNA) == PIET
        guessed = await door.proofs.challenge(PIET, ANNAS_LOGIN, beside=ANNA)
        with pytest.raises(WrongPassphrase):  # it counts, whatever it was brought for
            await door.proofs.prove(ProofWire(challenge=guessed.id, answer=bytes(32)), ANNAS_LOGIN)
        assert len(await door.entries()) == 1
        own = await door.proofs.challenge(ANNA, ANNAS_LOGIN)
        with pytest.raises(AccessRefused, match="proved that they are who asks"):
            await door.proofs.prove(answer(own), ANNAS_LOGIN, beside=PIET)

    tell(story)


def test_the_answer_of_one_challenge_is_none_to_another(tell: Callable[[Story], None]) -> None:
    async def story(door: Door) -> None:
        one, other = [await door.proofs.challenge(ANNA, ROOT) for _ in range(2)]
        with pytest.raises(WrongPassphrase):
            await door.proofs.prove(ProofWire(challenge=one.id, answer=answer(other).answer), ROOT)

    tell(story)


def test_open_challenges_are_bounded(tell: Callable[[Story], None]) -> None:
    async def story(door: Door) -> None:
        asking = [door.proofs.challenge(ANNA, ROOT) for _ in range(2 * MOST_OPEN)]
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert sum(isinstance(one, Challenge) for one in answers) == MOST_OPEN
        with pytest.raises(AccessRefused, match="wait for their answer"):
            await door.proofs.challenge(ANNA, ROOT)
        await door.proofs.challenge(PIET, ROOT)

    tell(story)


def test_a_restart_of_the_daemon_forgets_no_failure(tell: Callable[[Story], None]) -> None:
    async def story(door: Door) -> None:
        loop, stage = asyncio.get_running_loop(), door.stage
        for _ in range(4):
            challenge = await door.proofs.challenge(ANNA, ANNAS_LOGIN)
            await door.proofs.give_back(challenge.id, ANNAS_LOGIN)
        stage.clock.advance(timedelta(seconds=3))
        again = Proofs(
            db=stage.db, thread=door.thread, clock=stage.clock, randomness=stage.archive.randomness
        )
        await again.remember()
        before = loop.time()
        challenge = await again.challenge(ANNA, ANNAS_LOGIN)
        assert loop.time() - before == 8 - 3
        assert await again.give_back(challenge.id, ANNAS_LOGIN) == 16
        assert [(entry.payload or {})["in_a_row"] for entry in await door.entries()] == [1, 2, 3, 4, 5]
        await again.prove(answer(await again.challenge(ANNA, ANNAS_LOGIN)), ANNAS_LOGIN)
        assert await door.thread.run(lambda: proof_failures.standing(stage.db)) == ()

    tell(story)


def test_who_fails_beside_somebody_makes_nobody_wait_at_their_own_login(
    tell: Callable[[Story], None],
) -> None:
    async def story(door: Door) -> None:
        loop = asyncio.get_running_loop()
        held = [await door.proofs.challenge(PIET, ANNAS_LOGIN, beside=ANNA) for _ in range(MOST_OPEN)]
        with pytest.raises(AccessRefused, match="wait for their answer"):
            await door.proofs.challenge(PIET, ANNAS_LOGIN, beside=ANNA)
        for challenge in held:
            await door.proofs.give_back(challenge.id, ANNAS_LOGIN)
        before = loop.time()
        own = await door.proofs.challenge(PIET, PIETS_LOGIN)
        assert loop.time() == before
        assert await door.proofs.prove(answer(own, "piet"), PIETS_LOGIN) == PIET
        await door.proofs.challenge(PIET, ANNAS_LOGIN, beside=ANNA)
        assert loop.time() - before == LONGEST_DELAY_S
        told = await door.entries()
        assert {(entry.payload or {}).get("beside") for entry in told} == {ANNA}

    tell(story)


def test_who_retires_while_a_challenge_is_open_leaves_no_count(tell: Callable[[Story], None]) -> None:
    async def story(door: Door) -> None:
        first = await door.proofs.challenge(ANNA, ANNAS_LOGIN)
        second = await door.proofs.challenge(ANNA, ANNAS_LOGIN)
        await door.proofs.give_back(first.id, ANNAS_LOGIN)

        def forget() -> None:
            with door.stage.db.write() as tx:
                tx.execute("DELETE FROM person_keys WHERE person = 'anna'")

        await door.thread.run(forget)
        await door.proofs.give_back(second.id, ANNAS_LOGIN)
        assert await door.thread.run(lambda: proof_failures.standing(door.stage.db)) == ()

    tell(story)
