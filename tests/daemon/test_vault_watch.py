"""The way to a vault host, as the daemon keeps it: told when it goes, what waited is done when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.metrics import Metrics
from daemon.register import Register
from daemon.store_thread import StoreThread
from daemon.vault_watch import ALARM, VaultWatch
from policy.clock import SteppedClock
from policy.errors import Unavailable
from policy.vocabulary import RecordingState
from store.files.vault_folder import VaultFolder
from store.files.vault_host import VaultHost
from store.records import alarms
from tests.store.scene import STARTED_AT, Scene, recording_named, scene
from tests.store.vaults import made, served


class Far:
    """A register whose sealed files go to a vault host, and who watches that."""

    def __init__(self, thread: StoreThread, opened: Scene, folder: VaultFolder) -> None:
        self.thread, self.scene, self.folder, self.metrics = thread, opened, folder, Metrics()
        self.host = VaultHost(served(folder.folder), kept_up=True)
        self.backs = 0
        self.register = Register(
            archive=replace(opened.archive, vault=self.host),
            policies=opened.policies,
            thread=thread,
            metrics=self.metrics,
            tag_key=b"",
        )
        self.watch = VaultWatch(self.host, register=self.register, metrics=self.metrics, back=self._back)

    async def _back(self) -> None:
        self.backs += 1

    async def alarms(self) -> list[str]:
        found = await self.thread.run(lambda: alarms.standing(self.scene.db))
        return [alarm.kind for alarm in found]

    async def captured(self, number: int) -> Path:
        """Have a capture that waits to be sealed, and return its audio."""

        def work() -> Path:
            self.scene.capture(number)
            return self.scene.flac(number)

        return await self.thread.run(work)

    async def state(self, number: int) -> RecordingState:
        return await self.thread.run(lambda: self.scene.state(recording_named(number)))


@asynccontextmanager
async def far_in(folder: Path) -> AsyncIterator[Far]:
    thread, manager = StoreThread(), scene(folder / "installation", clock=SteppedClock(STARTED_AT))
    opened = await thread.run(manager.__enter__)
    far = Far(thread, opened, made(folder / "there"))
    try:
        yield far
    finally:
        far.host.close()
        await thread.run(lambda: manager.__exit__(None, None, None))
        thread.close()


def test_it_is_told_once_that_it_is_away_and_what_waited_is_done_once_it_is_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with far_in(tmp_path) as far:
            marker = far.folder.folder / ".consentline-vault"
            await far.watch.look()
            assert (far.backs, far.watch.is_away, await far.alarms()) == (1, False, [])
            marker.unlink()  # its disk is not mounted
            for _ in range(2):
                await far.watch.look()
            assert (far.watch.is_away, await far.alarms()) == (True, [ALARM])
            (raised,) = await far.thread.run(lambda: alarms.standing(far.scene.db))
            assert raised.times == 1
            assert 'interface="vault"} 0.0' in far.metrics.text().decode()
            marker.touch()
            await far.watch.look()
            assert (far.backs, far.watch.is_away, await far.alarms()) == (2, False, [])

    asyncio.run(story())


def test_a_capture_is_sealed_there_and_the_store_thread_is_free_meanwhile(tmp_path: Path) -> None:
    async def story() -> None:
        async with far_in(tmp_path) as far:
            await far.watch.look()
            flac = await far.captured(1)
            sealing = asyncio.create_task(far.register.seal(recording_named(1), flac))
            asked = 0
            while not sealing.done():  # each of these is a decision that waits for nothing
                await far.thread.run(lambda: far.scene.db.rows("SELECT 1"))
                asked += 1
            await sealing
            assert asked > 3
            assert await far.state(1) is RecordingState.SEALED
            assert list(far.folder.ids()) == [recording_named(1)]
            assert list(far.scene.vault.ids()) == []

    asyncio.run(story())


@pytest.mark.exhaustive
def test_a_seal_that_is_cancelled_has_let_go_when_it_returns_and_is_done_later(tmp_path: Path) -> None:
    async def story() -> None:
        async with far_in(tmp_path) as far:
            await far.watch.look()
            flac = await far.captured(1)
            sealing = asyncio.create_task(far.register.seal(recording_named(1), flac))
            await asyncio.sleep(0)
            await far.thread.run(lambda: None)
            await asyncio.sleep(0)
            sealing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sealing
            assert await far.state(1) is RecordingState.CAPTURED
            await far.register.seal(recording_named(1), flac)
            assert await far.state(1) is RecordingState.SEALED

    asyncio.run(story())


@pytest.mark.exhaustive
def test_while_it_is_away_a_capture_is_refused_at_once_and_stays(tmp_path: Path) -> None:
    async def story() -> None:
        async with far_in(tmp_path) as far:
            flac = await far.captured(1)
            (far.folder.folder / ".consentline-vault").unlink()
            await far.watch.look()
            with pytest.raises(Unavailable, match="must be the vault"):
                await far.register.seal(recording_named(1), flac)
            assert await far.state(1) is RecordingState.CAPTURED
            assert flac.exists()

    asyncio.run(story())
