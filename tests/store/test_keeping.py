"""Holds, extensions and shorter promises: the end that follows, and what a thief is left with."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy import terms
from policy.access import Closure, IncidentKind
from policy.errors import NotFound, StateConflict
from policy.situation import IncidentStage, PersonId
from policy.vocabulary import ErasedBecause, RecordingId, WithdrawnBy
from store.files.epochs import EpochLength, epoch_of
from store.keyring import envelopes
from store.logbook import ledger_check
from store.records import recordings, sealing
from store.retention import closures, destruction, holds, incidents, keeping, purge
from store.retention.destruction import Doom
from store.retention.holds import Ruling
from store.retention.incidents import Stage
from store.steps import Step, straight_on
from tests.store.scene import STARTED_AT, Crash, CrashAt, Scene, recording_named, scene, voice
from tests.store.test_destruction import opens, secrets_of, told

pytestmark = pytest.mark.exhaustive

DAY = timedelta(days=1)
HEAD = Ruling(by=PersonId("an"), role="head", actor="person:an login:an", why="aangifte volgt")


def held(stage: Scene, *, days: float = 90) -> terms.Hold:
    now = stage.clock.now()
    return terms.Hold(reason="police_report", placed_at=now, until=now + days * DAY)


def due(stage: Scene, recording_id: RecordingId) -> datetime:
    return recordings.get_recording(stage.db, recording_id).due_at


def promised(stage: Scene, recording_id: RecordingId) -> datetime:
    return recordings.get_recording(stage.db, recording_id).promised_at


def backup(stage: Scene, to: Path) -> Path:
    stage.db.forget_deleted()
    return Path(shutil.copy(stage.db.path, to))


def test_a_hold_keeps_a_recording_until_its_end_and_not_a_minute_more(stage: Scene) -> None:
    recording_id = stage.keep(1)
    hold = held(stage)
    row = keeping.place_hold(stage.archive, recording_id, hold, HEAD)
    assert due(stage, recording_id) == hold.until
    assert promised(stage, recording_id) < hold.until
    stage.clock.advance(61 * DAY)
    assert purge.run(stage.archive, stage.guard).receipts == {}
    assert stage.hear(recording_id) == voice(1)
    stage.clock.advance(29 * DAY)
    (gone,) = purge.run(stage.archive, stage.guard).receipts.values()
    assert gone.because is ErasedBecause.DUE
    assert holds.get_hold(stage.db, row.hold_id).over_at == hold.until
    assert told(stage, recording_id)[-4:] == [
        "hold_placed",
        "hold_ended",
        "destruction_intended",
        "destroyed",
    ]


def test_the_dry_run_prints_the_rule_and_the_holds(stage: Scene) -> None:
    recording_id = stage.keep(1)
    keeping.place_hold(stage.archive, recording_id, held(stage), HEAD, deviates=True)
    (shown,) = purge.look(stage.archive, STARTED_AT + 400 * DAY).to_json()
    until = "2027-02-19T17:29:21.250Z"
    assert shown["rule"] == f"eindhoven: retention.recording = 60d (E6), kept longer until {until}"
    assert shown["holds"] == f"police_report until {until}, decided by an, deviates from the text"


def test_a_released_hold_falls_back_to_the_promise_or_to_now(stage: Scene) -> None:
    early, late = stage.keep(1), stage.keep(2)
    before = due(stage, early)
    holds_placed = [keeping.place_hold(stage.archive, one, held(stage), HEAD) for one in (early, late)]
    keeping.release_hold(stage.archive, holds_placed[0].hold_id, HEAD)
    assert due(stage, early) == before
    stage.clock.advance(70 * DAY)
    purge.run(stage.archive, stage.guard)
    assert stage.hear(late) == voice(2)
    keeping.release_hold(stage.archive, holds_placed[1].hold_id, HEAD)
    assert due(stage, late) == stage.clock.now()
    receipt = purge.run(stage.archive, stage.guard).receipts[late]
    assert receipt.lateness_ms == 0


def test_two_holds_keep_it_until_the_later_one_ends(stage: Scene) -> None:
    recording_id = stage.keep(1)
    first, second = held(stage, days=70), held(stage, days=80)
    one = keeping.place_hold(stage.archive, recording_id, first, HEAD)
    keeping.place_hold(stage.archive, recording_id, second, HEAD)
    keeping.release_hold(stage.archive, one.hold_id, HEAD)
    assert due(stage, recording_id) == second.until
    state = keeping.state_of(stage.db, recording_id)
    assert state.hold is not None
    assert (state.hold.until, len(state.holds), state.must_stay) == (second.until, 2, True)


def test_no_hold_once_erasure_began(stage: Scene) -> None:
    recording_id = stage.keep(1)
    with stage.db.write() as tx:
        recordings.withdrawn(tx, recording_id, stage.clock.now(), WithdrawnBy.CALLER_KEY)
    with pytest.raises(StateConflict, match=r"its erasure has begun \(withdrawn\), nothing keeps it"):
        keeping.place_hold(stage.archive, recording_id, held(stage), HEAD)
    with pytest.raises(StateConflict, match="erasure has begun"), stage.db.write() as tx:
        closures.close(
            tx, recording_id, Closure.RESTRICTED, stage.clock.now(), because="late", actor="daemon"
        )
    with pytest.raises(sqlite3.IntegrityError, match="no hold once erasure began"), stage.db.write() as tx:
        holds.add(tx, recording_id, held(stage), HEAD, deviates=False)


def test_no_hold_on_what_is_due_though_the_purge_has_not_come_yet(stage: Scene) -> None:
    recording_id = stage.keep(1)
    stage.clock.advance(61 * DAY)
    with pytest.raises(StateConflict, match="its term is over since 2027-01-20T17:29:00"):
        keeping.place_hold(stage.archive, recording_id, held(stage), HEAD)


def test_a_hold_is_released_once_and_only_if_there_is_one(stage: Scene) -> None:
    row = keeping.place_hold(stage.archive, stage.keep(1), held(stage), HEAD)
    keeping.release_hold(stage.archive, row.hold_id, HEAD)
    with pytest.raises(StateConflict, match=f"hold {row.hold_id}: is over since"):
        keeping.release_hold(stage.archive, row.hold_id, HEAD)
    with pytest.raises(NotFound, match="no hold 99"):
        keeping.release_hold(stage.archive, 99, HEAD)


def test_a_recording_that_is_not_sealed_yet_can_be_held_and_is_sealed_for_that_end(stage: Scene) -> None:
    recording_id = stage.capture(1)
    hold = held(stage)
    keeping.place_hold(stage.archive, recording_id, hold, HEAD)
    sealing.seal(stage.archive, recording_id, stage.flac(1))
    (epoch_key,) = {one.epoch_key for one in envelopes.of_recording(stage.db, recording_id)}
    assert epoch_key == f"{epoch_of(hold.until, EpochLength.DAY).label}.1.key"
    assert stage.hear(recording_id) == voice(1)


def test_an_extension_is_given_once_before_the_term_is_over(stage: Scene) -> None:
    recording_id, late = stage.keep(1), stage.keep(2)
    until = due(stage, recording_id) + 10 * DAY
    keeping.extend(stage.archive, recording_id, "aggression", until, HEAD)
    assert due(stage, recording_id) == until
    assert keeping.state_of(stage.db, recording_id).extended_until == until
    with pytest.raises(StateConflict, match="was extended once"):
        keeping.extend(stage.archive, recording_id, "aggression", until + DAY, HEAD)
    keeping.place_hold(stage.archive, late, held(stage), HEAD)
    stage.clock.advance(61 * DAY)
    with pytest.raises(StateConflict, match="its first term is over since"):
        keeping.extend(stage.archive, late, "aggression", until, HEAD)


def test_a_promise_only_gets_shorter(stage: Scene) -> None:
    recording_id = stage.keep(1)
    before = due(stage, recording_id)

    def promise(moment: datetime) -> int:
        return keeping.promise_less(
            stage.archive, {recording_id: moment}, actor="person:an login:an", because="30d now"
        )

    assert promise(before + DAY) == 0
    assert due(stage, recording_id) == before
    assert promise(before - 30 * DAY) == 1
    assert (due(stage, recording_id), promised(stage, recording_id)) == (before - 30 * DAY,) * 2
    with pytest.raises(sqlite3.IntegrityError, match="never lengthened"), stage.db.write() as tx:
        recordings.promise_less(tx, recording_id, before, "60d again")
    (shown,) = purge.look(stage.archive, before).to_json()
    assert shown["rule"] == "30d now"
    assert promise(STARTED_AT - DAY) == 1
    assert due(stage, recording_id) == stage.clock.now()  # what had to be gone yesterday goes now
    receipt = purge.run(stage.archive, stage.guard).receipts[recording_id]
    assert receipt.lateness_ms == 0


def test_a_shorter_promise_leaves_a_decision_about_one_recording_standing(stage: Scene) -> None:
    recording_id = stage.keep(1)
    hold = held(stage)
    row = keeping.place_hold(stage.archive, recording_id, hold, HEAD)
    keeping.promise_less(
        stage.archive, {recording_id: STARTED_AT + DAY}, actor="person:an login:an", because="1d now"
    )
    assert due(stage, recording_id) == hold.until
    keeping.release_hold(stage.archive, row.hold_id, HEAD)
    assert due(stage, recording_id) == STARTED_AT + DAY


def test_nothing_is_kept_that_nothing_keeps(stage: Scene) -> None:
    recording_id = stage.keep(1)
    with pytest.raises(sqlite3.IntegrityError, match="nothing keeps this"), stage.db.write() as tx:
        recordings.ends_at(tx, recording_id, due(stage, recording_id) + DAY)


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["hold", "release", "extend", "shorten", "wait"]),
        st.integers(min_value=1, max_value=60),
    ),
    max_size=12,
)


@pytest.mark.exhaustive
@given(moves=MOVES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_decided_it_goes_no_later_than_promise_extension_or_hold(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[str, int]]
) -> None:
    with scene(tmp_path_factory.mktemp("keeping")) as stage:
        recording_id = stage.keep(1)
        first = promised(stage, recording_id)
        for move, days in moves:
            _try(stage, recording_id, move, days)
            row = recordings.get_recording(stage.db, recording_id)
            state = keeping.state_of(stage.db, recording_id)
            ends = [hold.term.ends_at for hold in state.holds]
            assert row.promised_at <= first
            assert row.due_at <= max([row.promised_at, *ends, *filter(None, [state.extended_until])])
            assert row.due_at >= row.promised_at
            purge.run(stage.archive, stage.guard)
            gone = recordings.get_recording(stage.db, recording_id).erased_at is not None
            assert gone is (row.due_at <= stage.clock.now())
            if gone:
                return
            (epoch_key,) = {one.epoch_key for one in envelopes.of_recording(stage.db, recording_id)}
            assert epoch_key.startswith(epoch_of(row.due_at, EpochLength.DAY).label)
            assert stage.hear(recording_id) == voice(1)


def _try(stage: Scene, recording_id: RecordingId, move: str, days: int) -> None:
    now = stage.clock.now()
    try:
        match move:
            case "hold":
                keeping.place_hold(stage.archive, recording_id, held(stage, days=days), HEAD)
            case "release":
                running = holds.all_holds(stage.db, running=True)
                keeping.release_hold(stage.archive, running[0].hold_id if running else 0, HEAD)
            case "extend":
                until = promised(stage, recording_id) + days * DAY
                keeping.extend(stage.archive, recording_id, "more", until, HEAD)
            case "shorten":
                shorter = {recording_id: now + (days - 5) * DAY}
                keeping.promise_less(stage.archive, shorter, actor="test", because="shorter")
            case _:
                stage.clock.advance(days * DAY / 4)
    except (StateConflict, NotFound):
        pass  # refused, and so nothing may have changed: the caller looks


def test_a_backup_from_before_a_hold_a_release_or_a_shorter_promise_opens_nothing_that_moved(
    stage: Scene, tmp_path: Path
) -> None:
    one, other = stage.keep(1), stage.keep(2)
    before = backup(stage, tmp_path / "before.db")
    row = keeping.place_hold(stage.archive, one, held(stage), HEAD)
    assert not opens(stage, before, one)
    while_held = backup(stage, tmp_path / "held.db")
    assert opens(stage, while_held, one)
    keeping.release_hold(stage.archive, row.hold_id, HEAD)
    assert not opens(stage, while_held, one)
    after = backup(stage, tmp_path / "after.db")
    keeping.promise_less(stage.archive, {one: STARTED_AT + DAY}, actor="test", because="1d")
    assert not opens(stage, after, one)
    destruction.destroy(stage.archive, Doom(recording_id=one, because=ErasedBecause.INCIDENT_DROPPED))
    assert not any(opens(stage, old, one) for old in (before, while_held, after))
    assert stage.hear(other) == voice(2)
    assert not opens(stage, before, other)  # it moved to a new generation with each of them


def test_an_erasure_during_a_hold_reaches_the_copies_from_before_it(stage: Scene, tmp_path: Path) -> None:
    recording_id = stage.keep(1)
    before = backup(stage, tmp_path / "before.db")
    keeping.place_hold(stage.archive, recording_id, held(stage), HEAD)
    destruction.destroy(
        stage.archive,
        Doom(recording_id=recording_id, because=ErasedBecause.WITHDRAWN, by=WithdrawnBy.OPERATOR),
    )
    assert not opens(stage, before, recording_id)


def _change_hold(stage: Scene, step: Step) -> None:
    keeping.place_hold(stage.archive, recording_named(1), held(stage), HEAD, step=step)


def _change_release(stage: Scene, step: Step) -> None:
    keeping.release_hold(stage.archive, 1, HEAD, step=step)


def _change_extend(stage: Scene, step: Step) -> None:
    until = promised(stage, recording_named(1)) + 10 * DAY
    keeping.extend(stage.archive, recording_named(1), "aggression", until, HEAD, step=step)


def _change_shorten(stage: Scene, step: Step) -> None:
    sooner = {recording_named(1): STARTED_AT + 3 * DAY, recording_named(2): STARTED_AT + 4 * DAY}
    keeping.promise_less(stage.archive, sooner, actor="test", because="shorter", step=step)


CHANGES: dict[str, Callable[[Scene, Step], None]] = {
    "hold_placed": _change_hold,
    "hold_released": _change_release,
    "term_extended": _change_extend,
    "promise_shortened": _change_shorten,
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("change", CHANGES)
def test_a_crash_at_any_step_of_a_change_leaves_it_done_or_not_begun(tmp_path: Path, change: str) -> None:
    for nth in range(1, 20):
        folder, crash, crashed = tmp_path / str(nth), CrashAt(nth), False
        with scene(folder) as stage:
            moved = stage.keep(1)
            stage.keep(2), stage.keep(3)
            if change == "hold_released":
                _change_hold(stage, straight_on)
                keeping.place_hold(stage.archive, recording_named(2), held(stage), HEAD)
            before = due(stage, moved)
            old, secrets = backup(stage, tmp_path / f"{nth}.db"), secrets_of(stage, moved)
            try:
                CHANGES[change](stage, crash)
            except Crash:
                crashed = True
            clock = stage.clock
        with scene(folder, clock=clock, start=1) as stage:
            done = due(stage, moved) != before
            assert done is (nth > 2 or not crashed)
            purge.run(stage.archive, stage.guard)
            if not done:
                assert opens(stage, old, moved)
                CHANGES[change](stage, straight_on)
            assert due(stage, moved) != before
            assert not opens(stage, old, moved)
            everything = stage.every_byte()
            assert not any(secret in everything for secret in secrets[:2])  # wrap and key of before
            for number in (1, 2, 3):
                assert stage.hear(recording_named(number)) == voice(number)
            assert ledger_check.verify(stage.db).holds
            assert told(stage, moved).count(change) == 1
        if not crashed:
            assert len(crash.passed) >= 4
            return
    raise AssertionError("never ran to its end")


def test_a_closure_is_seen_until_it_is_lifted_and_keeps_nothing_longer(stage: Scene) -> None:
    recording_id = stage.keep(1)
    before, now = due(stage, recording_id), stage.clock.now()
    with stage.db.write() as tx:
        assert closures.close(tx, recording_id, Closure.RESTRICTED, now, because="withdrawn", actor="daemon")
        assert not closures.close(tx, recording_id, Closure.RESTRICTED, now, because="again", actor="daemon")
    state = keeping.state_of(stage.db, recording_id)
    assert (state.restricted, state.objected, state.due_at) == (True, False, before)
    with stage.db.write() as tx:
        closures.lift(tx, recording_id, Closure.RESTRICTED, now, actor="person:an login:an")
    assert not keeping.state_of(stage.db, recording_id).restricted
    with pytest.raises(StateConflict, match="is not restricted"), stage.db.write() as tx:
        closures.lift(tx, recording_id, Closure.RESTRICTED, now, actor="person:an login:an")
    assert told(stage, recording_id)[-2:] == ["recording_closed", "recording_reopened"]


def flag(stage: Scene, recording_id: RecordingId) -> int:
    with stage.db.write() as tx:
        return incidents.add(
            tx,
            recording_id,
            IncidentKind.AGGRESSION,
            stage.clock.now(),
            replace(HEAD, role="agent"),
            assess_by_at=due(stage, recording_id),
        )


def test_an_incident_that_nobody_assessed_lapses_when_its_recording_goes_on_time(stage: Scene) -> None:
    recording_id = stage.keep(1)
    incident_id = flag(stage, recording_id)
    state = keeping.state_of(stage.db, recording_id)
    assert state.incident is not None
    assert state.incident.stage is IncidentStage.FLAGGED
    stage.clock.advance(60 * DAY)
    assert len(purge.run(stage.archive, stage.guard).receipts) == 1
    row = incidents.get_incident(stage.db, incident_id)
    assert (row.stage, row.closed_at) == (Stage.LAPSED, stage.clock.now())
    assert keeping.state_of(stage.db, recording_id).incident is None
    assert told(stage, recording_id)[-2:] == ["destroyed", "incident_closed"]


def test_what_was_decided_about_keeping_goes_with_the_call_data_and_the_incident_does_not(
    stage: Scene,
) -> None:
    recording_id = stage.keep(1)
    incident_id = flag(stage, recording_id)
    keeping.place_hold(stage.archive, recording_id, held(stage), HEAD)
    with stage.db.write() as tx:
        closures.close(
            tx, recording_id, Closure.OBJECTED, stage.clock.now(), because="art. 21", actor="daemon"
        )
    stage.clock.advance(91 * DAY)
    purge.run(stage.archive, stage.guard)
    assert len(holds.of_recording(stage.db, recording_id)) == 1
    stage.clock.advance(366 * DAY)
    purge.run(stage.archive, stage.guard)
    assert holds.of_recording(stage.db, recording_id) == ()
    assert closures.of_recording(stage.db, recording_id) == frozenset()
    assert incidents.get_incident(stage.db, incident_id).stage is Stage.LAPSED
    assert b"aangifte volgt" not in stage.every_byte()
