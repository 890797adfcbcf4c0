"""The keeper of checkpoints: makes, brings, waits, tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from daemon import checkpoints as keeping
from daemon.checkpoint_targets import file_name, folder_of
from daemon.checkpoints import CheckpointKeeper
from daemon.metrics import Metrics
from daemon.register import Register
from daemon.store_thread import StoreThread
from policy.clock import SteppedClock
from policy.config import Target, TargetKind
from policy.errors import NotFound
from store.logbook import checkpoints
from store.records import alarms
from tests.recorder.patience import until
from tests.store.scene import STARTED_AT, Scene, scene


class Stage:
    """A keeper over a scene of its own thread, with two folders as targets."""

    def __init__(self, folder: Path, thread: StoreThread, opened: Scene, metrics: Metrics) -> None:
        self.thread, self.scene, self.metrics = thread, opened, metrics
        self.near, self.far = folder / "near", folder / "far"
        self.near.mkdir()
        self.key_path = folder / "ledger.key"
        self.register = Register(
            archive=opened.archive,
            policies=opened.policies,
            thread=thread,
            metrics=metrics,
            tag_key=b"",
        )
        self.keeper = CheckpointKeeper(
            key_path=self.key_path,
            targets=[
                Target(name=path.name, kind=TargetKind.DIRECTORY, to=str(path))
                for path in (self.far, self.near)
            ],
            register=self.register,
            metrics=metrics,
        )

    async def sizes(self) -> list[int]:
        return [
            signed.size for signed in await self.thread.run(lambda: checkpoints.waiting(self.scene.db, "?"))
        ]

    async def kinds(self) -> tuple[str, ...]:
        return await self.thread.run(lambda: alarms.standing_kinds(self.scene.db))

    def has(self, place: Path) -> list[str]:
        return sorted(path.name for path in place.glob("*/*"))


@asynccontextmanager
async def stage_in(folder: Path) -> AsyncIterator[Stage]:
    thread, clock = StoreThread(), SteppedClock(STARTED_AT)
    manager = scene(folder / "installation", clock=clock)
    opened = await thread.run(manager.__enter__)
    try:
        yield Stage(folder, thread, opened, Metrics())
    finally:
        await thread.run(lambda: manager.__exit__(None, None, None))
        thread.close()


def test_checkpoints_are_made_and_brought_and_one_target_that_is_away_keeps_no_other(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage_in(tmp_path) as stage:
            await stage.keeper.keep()
            await stage.keeper.keep()
            (size,) = await stage.sizes()
            task = asyncio.create_task(stage.keeper.run())

            async def near_has_it() -> bool:
                return stage.has(stage.near) == [file_name(size)]

            await until(near_has_it)
            assert await stage.kinds() == ()  # a quarter of an hour has not passed

            stage.scene.clock.advance(timedelta(hours=1))
            await stage.keeper.keep()

            far_waits_for_both = 'checkpoints_waiting{target="far"} 2.0'

            async def alarm_stands() -> bool:
                return keeping.ALARM in await stage.kinds()

            await until(alarm_stands)

            async def near_has_both() -> bool:  # a round that began before the second tells of the alarm, too
                return len(stage.has(stage.near)) == 2 and far_waits_for_both in stage.metrics.text().decode()

            await until(near_has_both)

            stage.far.mkdir()
            await stage.keeper.checkpoint()

            async def recovered() -> bool:
                return await stage.kinds() == ()

            await until(recovered)
            assert stage.has(stage.far) == stage.has(stage.near)
            assert folder_of(stage.far, (await stage.thread.run(stage.keeper.signer)).name).is_dir()
            assert 'checkpoints_waiting{target="far"} 0.0' in stage.metrics.text().decode()
            task.cancel()

    asyncio.run(story())


def test_a_key_that_is_gone_fails_the_job_and_signs_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with stage_in(tmp_path) as stage:
            await stage.keeper.keep()
            before = await stage.sizes()
            stage.key_path.unlink()
            stage.scene.clock.advance(timedelta(hours=1))
            with pytest.raises(NotFound, match="is gone"):
                await stage.keeper.keep()
            assert await stage.sizes() == before

    asyncio.run(story())


def test_without_a_daemon_the_same_is_made_and_brought_and_what_fails_is_told(tmp_path: Path) -> None:
    (tmp_path / "near").mkdir()
    targets = [
        Target(name=name, kind=TargetKind.DIRECTORY, to=str(tmp_path / name)) for name in ("far", "near")
    ]
    with scene(tmp_path / "installation") as opened:
        problems = keeping.make_and_bring(opened.archive, tmp_path / "ledger.key", targets)
        assert [problem.split(":")[0] for problem in problems] == ["checkpoint target far"]
        assert [len(checkpoints.waiting(opened.db, name)) for name in ("far", "near")] == [1, 0]
        (tmp_path / "far").mkdir()
        assert keeping.make_and_bring(opened.archive, tmp_path / "ledger.key", targets) == []
        assert len(list((tmp_path / "far").glob("*/*"))) == 1
