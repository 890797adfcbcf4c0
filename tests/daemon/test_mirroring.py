"""A mount that hangs holds up nobody."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from daemon.mirroring import Mirroring
from policy.errors import Unavailable
from store.files import mirror
from store.files.epochs import EpochFolder, EpochKeyName
from tests.store.scene import CountingRandomness


class Hanging(EpochFolder):
    """A folder that answers only when it is let."""

    let = threading.Event()

    def names(self) -> tuple[EpochKeyName, ...]:
        """Hang, as a mount does whose server is gone."""
        self.let.wait(timeout=30)
        return super().names()


def _folder(path: Path) -> EpochFolder:
    path.mkdir(mode=0o700)
    (path / mirror.MARKER).touch()
    return EpochFolder(path=path, randomness=CountingRandomness(1))


def test_a_round_that_hangs_is_given_up_and_no_second_one_is_begun(tmp_path: Path) -> None:
    here, there = _folder(tmp_path / "here"), _folder(tmp_path / "there")
    hanging = Hanging(path=there.path, randomness=there.randomness)

    async def run() -> None:
        mirroring = Mirroring(here, hanging, answer_within_s=0.05)
        with pytest.raises(Unavailable, match="gave no answer within 0.05 s"):
            await mirroring.follow()
        with pytest.raises(Unavailable, match="still does not answer"):
            await mirroring.follow()
        hanging.let.set()
        async with asyncio.timeout(10):
            while True:
                try:
                    return await Mirroring(here, hanging).follow()
                except Unavailable:
                    await asyncio.sleep(0.01)

    asyncio.run(run())


def test_what_goes_wrong_there_is_told_in_words(tmp_path: Path) -> None:
    here = _folder(tmp_path / "here")
    gone = EpochFolder(path=tmp_path / "gone", randomness=CountingRandomness(2))
    with pytest.raises(Unavailable, match="must be the mirror of the epoch keys"):
        asyncio.run(Mirroring(here, gone).follow())
