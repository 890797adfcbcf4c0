"""The clock guard: a wall clock that leapt purges nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from policy.clock import SteppedClock
from policy.errors import ClockSuspect
from store.logbook import ledger
from store.records import alarms
from store.retention.clock_guard import ALARM, ClockGuard, this_boot
from tests.store.scene import Scene

pytestmark = pytest.mark.exhaustive  # takes seconds: with make test


def test_time_that_passes_is_no_leap(stage: Scene) -> None:
    for _ in range(3):
        assert stage.guard.check() == stage.clock.now()
        stage.clock.advance(timedelta(days=200))


@pytest.mark.parametrize("leap_s", [61, -61, 3600, 365 * 86_400])
def test_a_leap_of_more_than_a_minute_is_an_alarm_and_stops(stage: Scene, leap_s: int) -> None:
    stage.guard.check()
    stage.clock.leap(timedelta(seconds=leap_s))
    for _ in range(3):
        with pytest.raises(ClockSuspect, match="leapt") as raised:
            stage.guard.check()
        stage.clock.advance(timedelta(minutes=1))
    assert raised.value.hint is not None
    (alarm,) = alarms.standing(stage.db)
    assert (alarm.kind, alarm.times) == (ALARM, 3)


def test_what_ntp_does_is_no_leap(stage: Scene) -> None:
    stage.guard.check()
    for leap_s in (50, -50, 4, -4):
        stage.clock.leap(timedelta(seconds=leap_s))
        stage.clock.advance(timedelta(seconds=60))
        stage.guard.check()


def test_a_leap_while_the_daemon_was_down_in_the_same_boot_is_seen(stage: Scene) -> None:
    stage.guard.check()
    stage.clock.leap(timedelta(days=90))
    again = ClockGuard(db=stage.db, clock=stage.clock, boot="this boot")
    with pytest.raises(ClockSuspect):
        again.check()


def test_after_a_boot_the_monotonic_clock_starts_anew_and_is_not_compared(stage: Scene) -> None:
    stage.clock.advance(timedelta(days=3))
    stage.guard.check()
    booted = SteppedClock(stage.clock.now() + timedelta(hours=2))
    ClockGuard(db=stage.db, clock=booted, boot="next boot").check()


def test_a_clock_behind_the_ledger_is_suspect_after_a_boot_too(stage: Scene) -> None:
    stage.begin(1)
    booted = SteppedClock(stage.clock.now() - timedelta(seconds=10))
    with pytest.raises(ClockSuspect, match="ledger has an entry"):
        ClockGuard(db=stage.db, clock=booted, boot="next boot").check()


def test_a_clock_that_came_back_by_itself_clears_the_alarm(stage: Scene) -> None:
    stage.guard.check()
    stage.clock.leap(timedelta(hours=1))
    with pytest.raises(ClockSuspect):
        stage.guard.check()
    stage.clock.leap(timedelta(hours=-1))
    stage.clock.advance(timedelta(hours=2))
    stage.guard.check()
    assert alarms.standing(stage.db) == ()


@pytest.mark.parametrize("leap_s", [7200, -7200])
def test_a_person_may_say_that_the_clock_is_right_and_that_is_told(stage: Scene, leap_s: int) -> None:
    stage.begin(1)
    stage.guard.check()
    stage.clock.leap(timedelta(seconds=leap_s))
    with pytest.raises(ClockSuspect):
        stage.guard.check()
    stage.guard.confirm(actor="login:anna")
    assert stage.guard.check() == stage.clock.now()
    assert alarms.standing(stage.db) == ()
    confirmed = [entry for entry in ledger.show(stage.db) if entry.kind == "clock_confirmed"]
    assert [entry.actor for entry in confirmed] == ["login:anna"]


def test_looking_changes_nothing(stage: Scene) -> None:
    stage.guard.check()
    stage.clock.leap(timedelta(hours=1))
    before = ledger.head(stage.db)
    assert stage.guard.look()[1] is not None
    assert ledger.head(stage.db) == before


def test_this_machine_names_its_boot() -> None:
    assert this_boot() == this_boot()
