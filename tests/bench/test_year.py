"""The benchmark of a year, small: what it makes is as the product makes it, and purge is exact on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import synthetic_year, year
from bench.synthetic_year import Made
from policy.clock import SteppedClock
from store.logbook import ledger
from tests.store.scene import Scene, scene

CALLS = 4_000

pytestmark = pytest.mark.exhaustive


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    """An installation at the year's end."""
    with scene(tmp_path / "site", clock=SteppedClock(year.NOW)) as opened:
        yield opened


def made_in(stage: Scene, seed: int = 1) -> Made:
    return synthetic_year.make(stage.archive, stage.policies, calls=CALLS, seed=seed, now=year.NOW)


def test_every_question_is_answered_purge_is_exact_and_the_ledger_verifies(stage: Scene) -> None:
    made = made_in(stage)
    took = year.measure(stage, made)
    assert {"find in a year", "report calls by day", "purge of the next hour", "ledger verify"} <= took.keys()
    (erased,) = stage.db.tuples("SELECT count(*) FROM recordings WHERE state = 'purged'")
    assert erased[0] > CALLS / 4


def test_the_same_seed_makes_the_same_year(stage: Scene, tmp_path: Path) -> None:
    first = made_in(stage)
    root = ledger.head(stage.db).root
    with scene(tmp_path / "again", clock=SteppedClock(year.NOW)) as again:
        assert made_in(again) == first
        assert ledger.head(again.db).root == root


def test_triggers_stand_again_afterwards(stage: Scene) -> None:
    before = {row["name"] for row in stage.db.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    made_in(stage)
    after = {row["name"] for row in stage.db.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    assert after == before


def test_a_recording_that_is_not_destroyed_is_noticed(stage: Scene) -> None:
    made = made_in(stage)
    missed = Made(calls=made.calls, entries=made.entries, soon=made.soon | {"ab" * 16})
    with pytest.raises(AssertionError, match="went"):
        year.exact_purge(stage, missed)
