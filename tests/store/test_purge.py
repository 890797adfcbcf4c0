"""Purge: to the minute, by itself, in order, and again after any crash."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from policy.errors import ClockSuspect, DestructionIncomplete
from policy.vocabulary import ErasedBecause, RecordingState, WithdrawnBy
from store.files.epochs import epoch_of_name
from store.logbook import ledger, ledger_check
from store.records import alarms, calls, decisions, recordings
from store.retention import purge
from store.retention.destruction import Doom, destroy
from tests.store.scene import STARTED_AT, Crash, CrashAt, Scene, recording_named, scene, voice
from tests.store.test_destruction import opens, secrets_of, told

DAY = timedelta(days=1)


def go_to_due(stage: Scene, number: int) -> None:
    """Let time pass until that recording is due."""
    stage.clock.advance(
        recordings.get_recording(stage.db, recording_named(number)).due_at - stage.clock.now()
    )


def test_the_plan_is_pure_and_names_the_rule_of_every_row(stage: Scene) -> None:
    stage.keep(1)
    rows = recordings.all_recordings(stage.db)
    (due,) = purge.plan(rows, (), rows[0].due_at).recordings
    assert due.to_json() == {
        "recording_id": recording_named(1),
        "call_id": "1795282161.1",
        "policy": "eindhoven",
        "state": "sealed",
        "started_at": "2026-11-21T17:29:21.250Z",
        "due_at": "2027-01-20T17:29:00.000Z",
        "rule": "eindhoven: retention.recording = 60d (E6)",
        "holds": None,
    }
    assert purge.plan(rows, (), rows[0].due_at - timedelta(milliseconds=1)).recordings == ()


def test_what_is_kept_is_not_even_read(stage: Scene) -> None:
    stage.keep(1)
    begun = stage.keep(2)
    with stage.db.write() as tx:
        recordings.withdrawn(tx, begun, stage.clock.now(), WithdrawnBy.OPERATOR)
    destroy(stage.archive, Doom(recording_id=stage.keep(3), because=ErasedBecause.REQUEST))
    now = stage.clock.now()
    assert [row.recording_id for row in recordings.to_go(stage.db, now)] == [begun]
    assert len(recordings.to_go(stage.db, now + 61 * DAY)) == 2


def test_looking_into_the_future_changes_nothing(stage: Scene) -> None:
    stage.keep(1)
    before = ledger.head(stage.db)
    shown = purge.look(stage.archive, STARTED_AT + 400 * DAY)
    assert json.dumps(shown.to_json())
    assert len(shown.recordings) == 1
    assert ledger.head(stage.db) == before


def test_a_recording_goes_in_the_minute_it_is_due_and_not_before(stage: Scene) -> None:
    recording_id = stage.keep(1)
    go_to_due(stage, 1)
    stage.clock.advance(timedelta(minutes=-1))
    assert purge.run(stage.archive, stage.guard).receipts == {}
    stage.clock.advance(timedelta(minutes=1, seconds=2))
    purged = purge.run(stage.archive, stage.guard)
    (row,) = purged.to_json()
    assert (row["erased_at"], row["lateness_ms"]) == ("2027-01-20T17:29:02.000Z", 2000)
    assert stage.state(recording_id) is RecordingState.PURGED
    assert purge.run(stage.archive, stage.guard).to_json() == []


def test_plaintext_that_could_not_be_sealed_is_due_like_any_other(stage: Scene) -> None:
    recording_id = stage.capture(1)
    with stage.db.write() as tx:
        recordings.quarantined(tx, recording_id, stage.clock.now(), problem="vault full")
    go_to_due(stage, 1)
    purge.run(stage.archive, stage.guard)
    assert stage.archive.plaintext.of(recording_id) == ()
    assert voice(1)[:64] not in stage.every_byte()


def test_a_withdrawal_that_a_crash_interrupted_does_not_wait_for_its_due_time(stage: Scene) -> None:
    recording_id = stage.keep(1)
    with stage.db.write() as tx:
        recordings.withdrawn(tx, recording_id, stage.clock.now(), WithdrawnBy.CALLER_KEY)
    (due,) = purge.look(stage.archive, stage.clock.now()).recordings
    assert due.rule == "withdrawn: destruction was begun and is finished"
    receipt = purge.run(stage.archive, stage.guard).receipts[recording_id]
    assert receipt.because is ErasedBecause.WITHDRAWN


def test_a_suspect_clock_purges_nothing(stage: Scene) -> None:
    recording_id = stage.keep(1)
    stage.guard.check()
    stage.clock.leap(400 * DAY)
    with pytest.raises(ClockSuspect):
        purge.run(stage.archive, stage.guard)
    assert stage.hear(recording_id) == voice(1)


def test_when_its_day_has_passed_the_key_of_an_epoch_goes_and_old_backups_are_blind(
    stage: Scene, tmp_path: Path
) -> None:
    early, late = stage.keep(1), stage.keep(2, started_at=STARTED_AT + timedelta(hours=1))
    stage.db.forget_deleted()
    old = Path(shutil.copy(stage.db.path, tmp_path / "old.db"))
    go_to_due(stage, 1)
    assert purge.run(stage.archive, stage.guard).epoch_keys == ()
    assert stage.hear(late) == voice(2)
    assert opens(stage, old, early)  # until the day is over, as the threat model says
    stage.clock.advance(DAY)
    (key,) = purge.run(stage.archive, stage.guard).epoch_keys
    assert epoch_of_name(key).ends_at <= stage.clock.now()
    assert not opens(stage, old, early)
    assert not opens(stage, old, late)
    assert stage.archive.epochs.names() == ()
    assert "epoch_ended" in [entry.kind for entry in ledger.show(stage.db)]


def test_what_could_not_be_destroyed_is_told_and_tried_again(stage: Scene) -> None:
    recording_id = stage.keep(1)
    obstacle = stage.spool / f"{recording_id}-agent.wav"
    obstacle.mkdir()
    go_to_due(stage, 1)
    with pytest.raises(DestructionIncomplete, match=recording_id):
        purge.run(stage.archive, stage.guard)
    assert alarms.standing(stage.db) != ()
    obstacle.rmdir()
    stage.clock.advance(timedelta(minutes=5))
    receipt = purge.run(stage.archive, stage.guard).receipts[recording_id]
    assert receipt.lateness_ms == 300_000
    assert alarms.standing(stage.db) == ()


def test_call_data_go_on_their_own_term_with_their_payloads(stage: Scene) -> None:
    recording_id = stage.keep(1)
    call_id = stage.arrival(1).call_id
    stage.open_call(2, started_at=STARTED_AT + 30 * DAY)
    go_to_due(stage, 1)
    purge.run(stage.archive, stage.guard)
    assert calls.get_call(stage.db, call_id).number == "14040"
    stage.clock.advance(STARTED_AT + 366 * DAY - stage.clock.now())
    assert purge.run(stage.archive, stage.guard).calls_erased == 1
    row = calls.get_call(stage.db, call_id)
    assert (row.number, row.caller, row.digit, row.ended_at) == (None, None, None, None)
    assert row.data_erased_at is not None
    assert decisions.of_call(stage.db, call_id) == ()
    assert recordings.get_recording(stage.db, recording_id).duration_ms is None
    assert told(stage, recording_id) == []
    assert told(stage, call_id) == []
    report = ledger_check.verify(stage.db)
    assert report.holds
    assert report.expired >= 7  # those of the call; others are a year old, too
    assert calls.get_call(stage.db, stage.arrival(2).call_id).number == "14040"


def test_evidence_never_goes_before_its_recording(stage: Scene) -> None:
    recording_id = stage.keep(1)
    obstacle = stage.spool / f"{recording_id}-agent.wav"
    obstacle.mkdir()
    stage.clock.advance(400 * DAY)
    with pytest.raises(DestructionIncomplete):
        purge.run(stage.archive, stage.guard)
    assert decisions.evidence(stage.db, recording_id).words is not None
    obstacle.rmdir()
    assert purge.run(stage.archive, stage.guard).calls_erased == 1


@pytest.mark.exhaustive
def test_a_crash_at_any_step_of_a_purge_is_mended_by_the_next_one(tmp_path: Path) -> None:
    for nth in range(1, 100):
        folder, crash = tmp_path / str(nth), CrashAt(nth)
        crashed = False
        with scene(folder) as stage:
            withdrawn, due, later = stage.keep(1), stage.keep(2), stage.keep(4, started_at=STARTED_AT + DAY)
            never_recorded = stage.open_call(3, started_at=STARTED_AT - 400 * DAY)
            masked = calls.get_call(stage.db, never_recorded).caller
            secrets = [*secrets_of(stage, withdrawn), *secrets_of(stage, due)]
            go_to_due(stage, 2)
            with stage.db.write() as tx:
                recordings.withdrawn(tx, withdrawn, stage.clock.now(), WithdrawnBy.OPERATOR)
            try:
                purge.run(stage.archive, stage.guard, step=crash)
            except Crash:
                crashed = True
            clock = stage.clock
        with scene(folder, clock=clock, start=1) as stage:
            purge.run(stage.archive, stage.guard)
            for recording_id in (withdrawn, due):
                assert recordings.get_recording(stage.db, recording_id).erased_at is not None
                assert told(stage, recording_id).count("destroyed") == 1
            everything = stage.every_byte()
            assert not any(secret in everything for secret in secrets)
            assert masked is not None
            assert calls.get_call(stage.db, never_recorded).data_erased_at is not None
            assert b"PJSIP/trunk-00000003" not in everything
            assert stage.hear(later) == voice(4)
            stage.clock.advance(DAY - timedelta(hours=1))
            purge.run(stage.archive, stage.guard)
            assert [epoch_of_name(name).label for name in stage.archive.epochs.names()] == ["2027-01-21"]
            assert ledger_check.verify(stage.db).holds
        if not crashed:
            assert "forget the data of calls" in crash.passed
            return
    raise AssertionError("never ran to its end")
