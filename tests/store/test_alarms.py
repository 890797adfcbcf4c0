"""Alarms: once each, counted while they stand, told when they are over."""

from __future__ import annotations

import json
from datetime import timedelta

from policy.vocabulary import CallId
from store import alarms, ledger
from tests.store.scene import STARTED_AT, Scene


def test_an_alarm_that_stands_is_counted_and_not_told_again(stage: Scene) -> None:
    for number in range(3):
        with stage.db.write() as tx:
            at = STARTED_AT + timedelta(seconds=number)
            new = alarms.raise_alarm(tx, "capture_stalled", "no growth", call_id=CallId("1.1"), at=at)
        assert new is (number == 0)
    (alarm,) = alarms.standing(stage.db)
    assert (alarm.times, alarm.raised_at) == (3, STARTED_AT)
    assert alarm.last_at == STARTED_AT + timedelta(seconds=2)
    assert len(ledger.show(stage.db, subject="1.1")) == 1
    assert json.loads(json.dumps(alarm.to_json()))["cleared_at"] is None


def test_alarms_of_two_calls_are_two(stage: Scene) -> None:
    for call in ("1.1", "1.2"):
        with stage.db.write() as tx:
            alarms.raise_alarm(tx, "capture_stalled", "no growth", call_id=CallId(call), at=STARTED_AT)
    assert len(alarms.standing(stage.db)) == 2


def test_a_cleared_alarm_is_told_once_and_may_come_again(stage: Scene) -> None:
    with stage.db.write() as tx:
        alarms.raise_alarm(tx, "spool_full", "below the floor", at=STARTED_AT)
    for cleared in (1, 0):
        with stage.db.write() as tx:
            assert alarms.clear(tx, "spool_full", at=STARTED_AT) == cleared
    assert alarms.standing(stage.db) == ()
    with stage.db.write() as tx:
        assert alarms.raise_alarm(tx, "spool_full", "below the floor", at=STARTED_AT)
