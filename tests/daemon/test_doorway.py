"""The door as the daemon keeps it: what a script of somebody's own tries with an access that was released."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.doorway import Doorway
from daemon.peers import Peer
from daemon.store_thread import StoreThread
from policy.access import Action, PurposeName
from policy.errors import AccessRefused, DestructionIncomplete, NotFound, StateConflict
from policy.situation import PersonId
from policy.terms import Hold
from policy.vocabulary import PolicyName
from store.access import asking
from store.access.door import Question
from store.logbook import ledger
from store.persons import hats
from store.retention import keeping
from store.retention.holds import Ruling
from store.retention.part_erasure import Part
from tests import virtual_time
from tests.store.holding import enrol, hold
from tests.store.scene import EINDHOVEN, Scene, recording_named, scene, voice
from tests.store.test_part_erasure import hand_in

pytestmark = pytest.mark.exhaustive

OFFICER = PersonId("po-lee")
LOGIN = Peer(uid=4001, login="lee", person=OFFICER)
SOMEBODY_ELSE = Peer(uid=4002, login="kim", person=PersonId("agent-kim"))
RECORDING = recording_named(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A doorway with one recording, of which a data subject's request was confirmed for an hour."""

    doorway: Doorway
    stage: Scene
    thread: StoreThread

    def question(self) -> Question:
        return Question(
            person=OFFICER,
            login=LOGIN.login,
            actor=LOGIN.actor,
            policy=self.stage.policies.named(PolicyName(EINDHOVEN)),
            action=Action.ERASE,
            purpose=PurposeName("data_subject_request"),
            reason="request of 12 November",
            case="2026-118",
        )

    async def open(self) -> str:
        """Return the token of an access that erases."""
        token, _ = await self.doorway.open(self.question(), RECORDING, LOGIN)
        return token

    async def made(self, token: str, peer: Peer = LOGIN) -> Part:
        """Hand in a new copy through the door."""
        part = await self.thread.run(lambda: hand_in(self.stage, RECORDING))
        staged = self.stage.vault.path(RECORDING).with_name(f".{RECORDING}.part")
        content = await self.thread.run(staged.read_bytes)
        await self.doorway.hand_in(token, peer, pieces(content))
        return part

    async def kinds(self) -> list[str]:
        return [entry.kind for entry in await self.thread.run(lambda: ledger.show(self.stage.db))]

    async def heard(self) -> bytes:
        return await self.thread.run(lambda: self.stage.hear(RECORDING))

    async def pass_time(self, by: timedelta) -> None:
        self.stage.clock.advance(by)


Story = Callable[[Door], Awaitable[None]]


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Callable[[Story], None]]:
    """Run a story on virtual time."""
    thread = StoreThread()

    def run(story: Story) -> None:
        async def opened() -> None:
            entered = scene(tmp_path / "store")
            stage = await thread.run(entered.__enter__)
            await thread.run(lambda: requested(stage))
            doorway = Doorway(
                archive=stage.archive, policies=stage.policies, thread=thread, tag_key=bytes(32)
            )
            try:
                await story(Door(doorway=doorway, stage=stage, thread=thread))
            finally:
                await thread.run(lambda: entered.__exit__(None, None, None))

        virtual_time.run(opened())

    yield run
    thread.close()


def requested(stage: Scene) -> None:
    policy, now = stage.policies.named(EINDHOVEN), stage.clock.now()
    enrol(stage.db, OFFICER, at=now)
    with stage.db.write() as tx:
        hats.give(tx, OFFICER, policy, "privacy_officer", since=None, until=None, at=now, actor="test")
    hold(stage.db, OFFICER, stage.halves, "privacy_officer", at=now)
    stage.keep(1)
    asked = Door(doorway=None, stage=stage, thread=None).question()  # type: ignore[arg-type]  # the question needs neither
    asking.confirm(stage.archive, asked, RECORDING, "2026-118", now + timedelta(hours=1), now)


def test_a_part_is_erased_once_with_one_access_and_by_the_login_that_asked(
    tell: Callable[[Story], None],
) -> None:
    async def story(door: Door) -> None:
        token = await door.open()
        for peer in (SOMEBODY_ELSE, Peer(uid=0, login="root")):
            with pytest.raises(AccessRefused, match="none under this token"):
                await door.doorway.hand_in(token, peer, pieces(b"x"))
        part = await door.made(token)
        with pytest.raises(AccessRefused, match="another recording"):
            await door.doorway.erase_part(token, LOGIN, replace(part, recording_id=recording_named(2)))
        await door.doorway.erase_part(token, LOGIN, part)
        with pytest.raises(AccessRefused, match="or did already"):
            await door.doorway.hand_in(token, LOGIN, pieces(b"x"))
        with pytest.raises(AccessRefused, match="or did already"):
            await door.doorway.erase_part(token, LOGIN, part)
        assert (await door.kinds()).count("part_erased") == 1

    tell(story)


def test_whether_a_part_may_be_erased_is_judged_again_when_its_copy_is_there(
    tell: Callable[[Story], None],
) -> None:
    async def story(door: Door) -> None:
        token = await door.open()
        part = await door.made(token)
        await door.pass_time(timedelta(hours=2))  # the request that opened it is over by now
        with pytest.raises(NotFound, match="or not yours"):
            await door.doorway.erase_part(token, LOGIN, part)
        kinds = await door.kinds()
        assert "part_erasure_intended" not in kinds
        assert kinds[-1] == "access_refused"
        assert await door.heard() == voice(1)

    tell(story)


def test_what_is_still_being_handed_in_takes_no_place(tell: Callable[[Story], None]) -> None:
    async def story(door: Door) -> None:
        token, other = await door.open(), await door.open()
        part = await door.made(token)
        going_on = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b"first"
            await going_on.wait()
            yield b"and what would be written into the file that was checked"

        writing = asyncio.create_task(door.doorway.hand_in(other, LOGIN, slowly()))
        await asyncio.sleep(1)
        for ask in (
            door.doorway.erase_part(token, LOGIN, part),
            door.doorway.hand_in(token, LOGIN, pieces(b"x")),
        ):
            with pytest.raises(StateConflict, match="being handed in"):
                await ask
        going_on.set()
        await writing
        await door.made(token)
        await door.doorway.erase_part(token, LOGIN, part)

    tell(story)


def test_what_is_held_is_erased_by_nobody(tell: Callable[[Story], None]) -> None:
    async def story(door: Door) -> None:
        def held() -> None:
            now = door.stage.clock.now()
            ruling = Ruling(by=PersonId("an"), role="head", actor="person:an login:an", why="aangifte")
            threat = Hold(reason="threat", placed_at=now, until=now + timedelta(days=30))
            keeping.place_hold(door.stage.archive, RECORDING, threat, ruling)

        token = await door.open()
        part = await door.made(token)
        await door.thread.run(held)
        with pytest.raises(StateConflict, match="is held for threat until"):
            await door.doorway.erase_part(token, LOGIN, part)
        with pytest.raises(StateConflict, match="is held for threat until"):
            await door.doorway.erase(door.question(), RECORDING)
        assert await door.heard() == voice(1)

    tell(story)


def test_an_erasure_that_stays_incomplete_is_an_access_that_ended_so(tell: Callable[[Story], None]) -> None:
    async def story(door: Door) -> None:
        vault = door.stage.vault

        def stuck() -> None:
            path = vault.path(RECORDING)
            path.unlink()
            path.mkdir()  # cannot be unlinked
            (path / "x").touch()

        await door.thread.run(stuck)
        with pytest.raises(DestructionIncomplete):
            await door.doorway.erase(door.question(), RECORDING)
        last = (await door.thread.run(lambda: ledger.show(door.stage.db)))[-1]
        assert last.payload is not None
        assert (last.kind, last.payload["result"]) == ("access_ended", "failed")

    tell(story)
