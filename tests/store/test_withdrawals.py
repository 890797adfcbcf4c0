"""What a withdrawal does to a recording that has to stay, and how far back a refusal reaches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from policy.errors import NotFound, StateConflict
from policy.vocabulary import (
    CallId,
    ErasedBecause,
    Outcome,
    PolicyName,
    RecordingId,
    RecordingState,
    TakenBack,
    WithdrawnBy,
)
from store import settings
from store.keyring import callers
from store.logbook import ledger
from store.records import calls, decisions, recordings
from store.retention import destruction, keeping, purge, sweep, withdrawals
from store.retention.destruction import Doom
from tests.store.scene import CountingRandomness, Scene, recording_named, scene, voice
from tests.store.test_destruction import told
from tests.store.test_keeping import DAY, HEAD, due, flag, held

pytestmark = pytest.mark.exhaustive

BY = WithdrawnBy.CALLER_KEY
ANONYMOUS = "anonymous"


@pytest.fixture
def heerde(tmp_path: Path) -> Iterator[Scene]:
    """An installation whose policy restricts."""
    with scene(tmp_path, policy=PolicyName("heerde")) as opened:
        yield opened


def test_without_incident_or_hold_it_is_to_be_destroyed_whatever_the_policy(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    assert withdrawals.take_back(heerde.archive, recording_id, BY) is TakenBack.ERASED
    assert heerde.state(recording_id) is RecordingState.WITHDRAWN


def test_under_delete_an_incident_saves_nothing(stage: Scene) -> None:
    recording_id = stage.keep(1)
    flag(stage, recording_id)
    assert withdrawals.take_back(stage.archive, recording_id, BY) is TakenBack.ERASED


def test_a_flagged_recording_is_closed_and_keeps_its_term(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    flag(heerde, recording_id)
    before = due(heerde, recording_id)
    for _ in range(2):
        assert withdrawals.take_back(heerde.archive, recording_id, BY) is TakenBack.RESTRICTED
    state = keeping.state_of(heerde.db, recording_id)
    assert (state.restricted, state.due_at) == (True, before)
    assert heerde.hear(recording_id) == voice(1)
    assert told(heerde, recording_id)[-1] == "recording_closed"
    (*_, closed) = ledger.show(heerde.db, subject=recording_id)
    assert closed.payload == {
        "closure": "restricted",
        "because": "withdrawn by caller_key while an incident is open",
    }


def test_what_only_a_hold_keeps_goes_when_the_hold_is_released(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    row = keeping.place_hold(heerde.archive, recording_id, held(heerde), HEAD)
    heerde.clock.advance(timedelta(minutes=1))
    assert withdrawals.take_back(heerde.archive, recording_id, BY) is TakenBack.RESTRICTED
    assert purge.run(heerde.archive, heerde.guard).receipts == {}
    heerde.clock.advance(timedelta(hours=3))
    keeping.release_hold(heerde.archive, row.hold_id, HEAD)
    (gone,) = purge.run(heerde.archive, heerde.guard).receipts.values()
    assert (gone.recording_id, gone.lateness_ms) == (recording_id, 0)


def test_taken_back_again_when_nothing_keeps_it_any_more_it_is_destroyed(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    row = keeping.place_hold(heerde.archive, recording_id, held(heerde, days=1), HEAD)
    heerde.clock.advance(timedelta(minutes=1))
    withdrawals.take_back(heerde.archive, recording_id, BY)
    keeping.release_hold(heerde.archive, row.hold_id, HEAD)
    assert withdrawals.take_back(heerde.archive, recording_id, BY) is TakenBack.ERASED


def test_sweep_leaves_the_plaintext_of_what_was_closed_in_mid_call(heerde: Scene) -> None:
    recording_id = heerde.capture(1)
    flag(heerde, recording_id)
    for leg in heerde.archive.plaintext.of(recording_id):
        leg.rename(leg.with_name(leg.name + ".withdrawn"))
    withdrawals.take_back(heerde.archive, recording_id, BY)
    sweep.run(heerde.archive)
    assert len(heerde.archive.plaintext.of(recording_id)) == 2
    assert heerde.state(recording_id) is RecordingState.CAPTURED


def test_a_recording_that_is_not_there_or_is_gone_is_told_as_such(stage: Scene) -> None:
    with pytest.raises(NotFound):
        withdrawals.take_back(stage.archive, recording_named(9), BY)
    recording_id = stage.keep(1)
    destruction.destroy(stage.archive, Doom(recording_id=recording_id, because=ErasedBecause.REQUEST))
    assert withdrawals.take_back(stage.archive, recording_id, BY) is TakenBack.ERASED
    with pytest.raises(StateConflict):
        keeping.place_hold(stage.archive, recording_id, held(stage), HEAD)


# --- reaching back ----------------------------------------------------------------------------------


def refuse(stage: Scene, number: int, *, caller: str | None = None) -> tuple[RecordingId, ...]:
    """Have a caller press the refuse key, and return which earlier recordings that takes back."""
    arrival = replace(stage.arrival(number), caller=caller or stage.arrival(1).caller)
    tag_key = settings.tag_key(stage.db)
    sealed = callers.seal_caller(
        arrival.call_id, arrival.caller, to=None, tag_key=tag_key, randomness=CountingRandomness()
    )
    policy = stage.policies.named(stage.policy)
    with stage.db.write() as tx:
        calls.open_call(tx, arrival, caller=sealed, policies=stage.policies)
        decisions.store(tx, stage.decision(number, Outcome.REFUSED), stage.policies)
        return withdrawals.reach_back(tx, stage.db, arrival.call_id, policy, stage.clock.now())


def test_a_refusal_takes_back_what_the_same_caller_said_within_the_window(stage: Scene) -> None:
    """E4: hang up, call again, press 1."""
    recording_id, others = stage.keep(1), stage.keep(2)
    stage.clock.advance(timedelta(minutes=59))
    assert refuse(stage, 3) == (recording_id,)
    assert stage.state(recording_id) is RecordingState.WITHDRAWN
    assert stage.state(others) is RecordingState.SEALED
    assert told(stage, recording_id)[-2:] == ["withdrawn", "refusal_reached_back"]
    (*_, told_of_call) = ledger.show(stage.db, subject=CallId("1795282161.3"))
    assert told_of_call.payload == {"recordings": [recording_id], "window": "1h"}
    (gone,) = purge.run(stage.archive, stage.guard).receipts.values()  # also if nobody carried it out
    assert gone.because is ErasedBecause.WITHDRAWN


def test_the_window_counts_from_the_end_of_the_earlier_call(stage: Scene) -> None:
    """A caller who talked for two hours and calls back at once is in time."""
    recording_id = stage.begin(1)
    stage.clock.advance(timedelta(hours=2))
    with stage.db.write() as tx:
        calls.end_call(tx, CallId("1795282161.1"), stage.clock.now())
    stage.clock.advance(timedelta(minutes=30))
    assert refuse(stage, 2) == (recording_id,)


def test_what_was_said_before_the_window_stays(stage: Scene) -> None:
    stage.keep(1)
    stage.clock.advance(timedelta(minutes=61))
    assert refuse(stage, 2) == ()


def test_a_withheld_number_reaches_nothing(stage: Scene) -> None:
    arrival = replace(stage.arrival(1), caller=ANONYMOUS)
    sealed = callers.seal_caller(
        arrival.call_id,
        ANONYMOUS,
        to=None,
        tag_key=settings.tag_key(stage.db),
        randomness=CountingRandomness(),
    )
    with stage.db.write() as tx:
        calls.open_call(tx, arrival, caller=sealed, policies=stage.policies)
        decisions.store(tx, stage.decision(1), stage.policies)
    assert refuse(stage, 2, caller=ANONYMOUS) == ()
    assert stage.state(recording_named(1)) is RecordingState.RECORDING


def test_a_policy_that_says_none_reaches_nothing(heerde: Scene) -> None:
    heerde.keep(1)
    assert refuse(heerde, 2) == ()


def test_what_is_gone_is_not_taken_back_again(stage: Scene) -> None:
    stage.keep(1)
    assert len(refuse(stage, 2)) == 1
    purge.run(stage.archive, stage.guard)
    assert refuse(stage, 3) == ()


def test_a_refusal_stops_at_another_organisations_recordings(stage: Scene) -> None:
    recording_id = stage.keep(1)
    with stage.db.write() as tx:
        tx.execute("UPDATE recordings SET policy = 'groningen' WHERE recording_id = ?", (recording_id,))
    assert refuse(stage, 2) == ()
    assert recordings.get_recording(stage.db, recording_id).erased_at is None
    stage.clock.advance(DAY)
