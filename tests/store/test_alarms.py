"""Alarms: one for each cause, counted while they stand, over when their cause is."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from policy.alarm_kinds import Ending
from policy.errors import NotFound
from policy.vocabulary import CallId, ErasedBecause
from store.logbook import ledger
from store.logbook.ledger import Entry, Kind
from store.records import alarms, sealing
from store.records.alarms import AlarmRow
from store.retention import call_data, destruction
from store.retention.destruction import Doom
from tests.store.scene import STARTED_AT, Scene, recording_named

pytestmark = pytest.mark.exhaustive  # takes seconds: with make test

DAY = timedelta(days=1)
NOTICE = "eindhoven/nl/notice: the notice ended after {} of 5700 ms"


def _raise(stage: Scene, kind: str, text: str, *, call: str | None = None, at: datetime = STARTED_AT) -> bool:
    with stage.db.write() as tx:
        call_id = None if call is None else CallId(call)
        return alarms.raise_alarm(tx, kind, text, call_id=call_id, at=at)


def _over(stage: Scene, ending: Ending, about: str | None = None, *, at: datetime = STARTED_AT) -> int:
    with stage.db.write() as tx:
        return alarms.over(tx, ending, at=at, about=about)


def _told(stage: Scene) -> list[str]:
    return [entry.kind for entry in _entries(stage)]


def _entries(stage: Scene) -> list[Entry]:
    wanted = {Kind.ALARM.value, Kind.ALARM_CLEARED.value}
    return [entry for entry in ledger.show(stage.db) if entry.kind in wanted]


def _only(stage: Scene) -> AlarmRow:
    (alarm,) = alarms.standing(stage.db)
    return alarm


def test_an_alarm_that_stands_is_counted_and_not_told_again(stage: Scene) -> None:
    for number in range(3):
        at = STARTED_AT + timedelta(seconds=number)
        assert _raise(stage, "capture_stalled", "no growth", call="1.1", at=at) is (number == 0)
    alarm = _only(stage)
    assert (alarm.times, alarm.raised_at) == (3, STARTED_AT)
    assert alarm.last_at == STARTED_AT + timedelta(seconds=2)
    assert len(ledger.show(stage.db, subject="1.1")) == 1
    assert json.loads(json.dumps(alarm.to_json()))["cleared_at"] is None


def test_the_same_cause_in_a_hundred_calls_is_one_alarm_and_one_entry(stage: Scene) -> None:
    for number in range(100):
        text = f"{recording_named(number)}: no files within {number} ms"
        _raise(stage, "capture_not_started", text, call=f"1795282161.{number}")
    alarm = _only(stage)
    assert (alarm.times, alarm.call_id) == (100, "1795282161.99")
    assert alarm.text.startswith(recording_named(99))
    assert _told(stage) == ["alarm"]
    assert stage.db.rows("SELECT * FROM alarm_subjects") == []  # nothing that would pile up


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (NOTICE.format(12), "eindhoven/en/notice: the notice ended after 12 of 5700 ms"),
        ("gemeente1/nl/notice: is missing", "gemeente2/nl/notice: is missing"),
        ("vault: no space left", "vault: permission denied"),
    ],
)
def test_two_causes_are_two_alarms(stage: Scene, one: str, other: str) -> None:
    assert _raise(stage, "notice_unfit", one)
    assert _raise(stage, "notice_unfit", other)
    assert len(alarms.standing(stage.db)) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (NOTICE.format(12), NOTICE.format(4100)),
        (f"{recording_named(1)}: [Errno 28] no space", f"{recording_named(2)}: [Errno 28] no space"),
        ("gate-1795282161.17: is no mark", "gate-1795282162.18: is no mark"),
        ("says 2026-11-21T17:29:21.250Z, it leapt by -3 s", "says 2026-11-22T08:00:00Z, it leapt by -71 s"),
    ],
)
def test_what_differs_each_time_makes_no_other_cause(one: str, other: str) -> None:
    assert alarms.cause_of(one) == alarms.cause_of(other)


def test_one_that_repeats_for_days_is_on_the_ledger_once_a_day(stage: Scene) -> None:
    for hour in range(72):
        _raise(stage, "sweep_failed", "vault: gone", at=STARTED_AT + timedelta(hours=hour))
    told = [entry for entry in _entries(stage) if entry.kind == Kind.ALARM.value]
    assert [entry.at for entry in told] == [STARTED_AT, STARTED_AT + DAY, STARTED_AT + 2 * DAY]
    assert [(entry.payload or {})["times"] for entry in told] == [1, 25, 49]
    assert _only(stage).times == 72


def test_one_that_comes_and_goes_is_on_the_ledger_once_a_day_too(stage: Scene) -> None:
    for hour in range(30):
        _raise(stage, "recorder_not_ready", "no room", at=STARTED_AT + timedelta(hours=hour))
        _over(stage, Ending.READY, at=STARTED_AT + timedelta(hours=hour, minutes=1))
        assert alarms.standing(stage.db) == ()
    assert _told(stage) == ["alarm", "alarm_cleared"] * 2
    (rows,) = stage.db.rows("SELECT count(*) AS count FROM alarms")
    assert rows["count"] == 2


def test_a_notice_that_plays_to_its_end_ends_its_own_alarms_and_no_others(stage: Scene) -> None:
    _raise(stage, "notice_unfit", "eindhoven/nl/notice: is missing")
    _raise(stage, "notice_incomplete", NOTICE.format(800))
    _raise(stage, "notice_unfit", "eindhoven/en/notice: is missing")
    _raise(stage, "gate_misused", "a foreign dial plan")
    assert _over(stage, Ending.PLAYED, "eindhoven/nl/notice") == 2
    assert [alarm.kind for alarm in alarms.standing(stage.db)] == ["notice_unfit", "gate_misused"]


def test_sealing_failed_is_over_when_the_last_of_its_recordings_is_sealed_or_gone(stage: Scene) -> None:
    first, second = stage.capture(1), stage.capture(2)
    for recording_id in (first, second):
        _raise(stage, "sealing_failed", f"{recording_id}: vault: must be there, got nothing")
    assert (_only(stage).times, _only(stage).about) == (2, tuple(sorted((first, second))))
    sealing.seal(stage.archive, first, stage.flac(1))
    assert _only(stage).kind == "sealing_failed"
    destruction.destroy(stage.archive, Doom(recording_id=second, because=ErasedBecause.REQUEST))
    assert alarms.standing(stage.db) == ()


def test_a_withdrawal_that_failed_at_the_gate_is_over_when_the_calls_recording_is_gone(stage: Scene) -> None:
    recording_id = stage.keep(1)
    _raise(stage, "withdrawal_failed", "no answer within 5 s", call="1795282161.1")
    destruction.destroy(stage.archive, Doom(recording_id=recording_id, because=ErasedBecause.WITHDRAWN))
    assert alarms.standing(stage.db) == ()


def test_settling_says_by_whom_and_what_comes_again_stands_anew(stage: Scene) -> None:
    _raise(stage, "gate_misused", "a foreign dial plan")
    number = _only(stage).alarm_id
    for _ in range(2):  # twice is harmless
        with stage.db.write() as tx:
            (settled,) = alarms.settle(tx, [number], at=STARTED_AT, actor="login:piet")
        assert (settled.settled_by, settled.cleared_at) == ("login:piet", STARTED_AT)
    assert [(entry.kind, entry.actor) for entry in _entries(stage)][1:] == [("alarm_cleared", "login:piet")]
    assert _raise(stage, "gate_misused", "a foreign dial plan")
    assert _only(stage).alarm_id != number
    assert _told(stage) == ["alarm", "alarm_cleared", "alarm"]


def test_settling_one_that_is_none_settles_nothing(stage: Scene) -> None:
    _raise(stage, "gate_misused", "a foreign dial plan")
    with pytest.raises(NotFound, match="no alarm 99"), stage.db.write() as tx:
        alarms.settle(tx, [_only(stage).alarm_id, 99], at=STARTED_AT, actor="login:piet")
    assert _only(stage).settled_by is None


def test_the_latest_comes_last(stage: Scene) -> None:
    for minute, kind in enumerate(("gate_misused", "foreign_tape", "gate_misused")):
        _raise(stage, kind, "again", at=STARTED_AT + timedelta(minutes=minute))
    assert [alarm.kind for alarm in alarms.standing(stage.db)] == ["foreign_tape", "gate_misused"]


def test_when_a_call_is_forgotten_its_standing_alarm_stays_without_it(stage: Scene) -> None:
    call_id = stage.open_call(1)
    _raise(stage, "effect_failed", f"call {call_id}: no answer", call=call_id)
    _raise(stage, "caller_freed", "stood unseen", call=call_id)
    with stage.db.write() as tx:
        alarms.clear(tx, "caller_freed", at=STARTED_AT)
    late = STARTED_AT + timedelta(days=4000)
    call_data.erase(stage.db, call_data.kept(stage.db, until=late), at=late)
    assert (_only(stage).call_id, _only(stage).text) == (None, "call #: no answer")
    for table in ("alarms", "alarm_subjects"):
        assert all(call_id not in str(tuple(row)) for row in stage.db.rows(f"SELECT * FROM {table}"))  # noqa: S608
