"""The mirror of the epoch keys follows, obeys the same destruction, and never leads."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from policy.errors import Unavailable
from store.files import mirror
from store.files.epochs import EpochFolder, EpochFolderExposed, EpochKeyName, EpochLength, epoch_of
from tests.store.scene import CountingRandomness

DAY = epoch_of(datetime(2027, 1, 20, 12, tzinfo=UTC), EpochLength.DAY)
HOUR = epoch_of(datetime(2026, 11, 23, 17, tzinfo=UTC), EpochLength.HOUR)


@pytest.fixture
def here(tmp_path: Path) -> EpochFolder:
    """The epoch folder, with a key of a day and one of an hour."""
    folder = EpochFolder(path=tmp_path / "epochs", randomness=CountingRandomness(1))
    folder.prepare()
    for epoch in (DAY, HOUR):
        folder.current(epoch)
    return folder


@pytest.fixture
def there(tmp_path: Path) -> EpochFolder:
    """A marked folder on what stands for another host."""
    path = tmp_path / "second" / "epochs"
    path.mkdir(mode=0o700, parents=True)
    (path / mirror.MARKER).touch()
    return EpochFolder(path=path, randomness=CountingRandomness(2))


def test_every_key_is_copied_byte_for_byte_and_once(here: EpochFolder, there: EpochFolder) -> None:
    assert len(mirror.follow(here, there).to_copy) == 2
    assert there.names() == here.names()
    for name in here.names():
        assert there.load(name) == here.load(name)
        assert (there.path / name).stat().st_mode & 0o777 == 0o600
    assert mirror.follow(here, there) == mirror.Plan(to_copy=(), to_destroy=(), lost_here=())


def test_what_is_destroyed_here_is_destroyed_there_and_never_comes_back(
    here: EpochFolder, there: EpochFolder
) -> None:
    mirror.follow(here, there)
    (name, other) = here.names()
    secret = here.load(name).secret
    here.destroy(name)
    assert mirror.follow(here, there).to_destroy == (name,)
    assert there.names() == (other,)
    everything = b"".join(path.read_bytes() for path in there.path.iterdir())
    assert secret not in everything
    assert mirror.follow(here, there) == mirror.Plan(to_copy=(), to_destroy=(), lost_here=())


def test_a_key_that_only_the_mirror_has_was_lost_here_and_stays(
    here: EpochFolder, there: EpochFolder
) -> None:
    mirror.follow(here, there)
    (name, _) = here.names()
    (here.path / name).unlink()
    assert mirror.follow(here, there).lost_here == (name,)
    assert name in there.names()


def test_a_key_destroyed_while_it_is_copied_does_not_stay_there(
    here: EpochFolder, there: EpochFolder
) -> None:
    class DestroyedMeanwhile(EpochFolder):
        def adopt(self, key: object) -> None:
            super().adopt(key)  # type: ignore[arg-type]  # only to take part in the copying
            for name in here.names():
                here.destroy(name)

    mirror.follow(here, DestroyedMeanwhile(path=there.path, randomness=CountingRandomness(3)))
    assert there.names() == ()


def test_a_folder_that_nobody_marked_is_no_mirror_and_stays_as_it_is(
    here: EpochFolder, there: EpochFolder
) -> None:
    (there.path / mirror.MARKER).unlink()
    with pytest.raises(Unavailable, match="must be the mirror of the epoch keys"):
        mirror.follow(here, there)
    assert list(there.path.iterdir()) == []


def test_a_mirror_that_others_may_enter_gets_no_key(here: EpochFolder, there: EpochFolder) -> None:
    there.path.chmod(0o755)
    with pytest.raises(EpochFolderExposed):
        mirror.follow(here, there)
    assert there.names() == ()


def test_the_plan_is_told_by_three_sets() -> None:
    one, two, three, four = (EpochKeyName(f"2027-01-2{day}.1.key") for day in range(4))
    found = mirror.plan(here={one, two}, destroyed={three}, there={two, three, four})
    assert found == mirror.Plan(to_copy=(one,), to_destroy=(three,), lost_here=(four,))
