"""Marks: what the dialplan noted while the daemon was away is taken in once, however often it is tried."""

from __future__ import annotations

from datetime import timedelta

from policy.evidence import Way
from policy.vocabulary import CallId, Outcome
from store.records import calls, decisions, marks
from tests.store.scene import EINDHOVEN, STARTED_AT, Scene
from tests.store.test_destruction import told

CALL = CallId("1795282161.9")


def take(stage: Scene, call_id: CallId = CALL, policy: str | None = EINDHOVEN) -> bool:
    with stage.db.write() as tx:
        return marks.take_gate_mark(
            tx,
            call_id,
            None if policy is None else EINDHOVEN,
            number="14040",
            at=STARTED_AT + timedelta(seconds=4),
            policies=stage.policies,
        )


def test_a_gate_mark_makes_the_row_of_a_call_that_nobody_saw(stage: Scene) -> None:
    assert [take(stage), take(stage)] == [True, False]
    row = calls.get_call(stage.db, CALL)
    assert (row.decision, row.policy, row.number) == (Outcome.GATE_UNAVAILABLE, EINDHOVEN, "14040")
    assert (row.caller, row.recording_id) == (None, None)
    assert told(stage, CALL) == ["call_opened", "decided"]
    (kept,) = decisions.of_call(stage.db, CALL)
    assert kept.way == Way.MARK.value


def test_a_mark_of_an_unknown_policy_is_kept_for_a_week(stage: Scene) -> None:
    take(stage, policy=None)
    row = calls.get_call(stage.db, CALL)
    assert row.policy is None
    assert row.data_due_at - row.started_at <= timedelta(days=7)


def test_a_call_that_refused_stays_refused(stage: Scene) -> None:
    call_id = stage.open_call(1)
    with stage.db.write() as tx:
        decisions.store(tx, stage.decision(1, Outcome.REFUSED), stage.policies)
    take(stage, call_id)
    assert calls.get_call(stage.db, call_id).decision is Outcome.REFUSED


def test_a_call_that_was_recorded_is_known_to_be_marked(stage: Scene) -> None:
    stage.begin(1)
    call_id = stage.arrival(1).call_id
    assert not marks.marked(stage.db, call_id)
    take(stage, call_id)
    assert marks.marked(stage.db, call_id)
    assert calls.get_call(stage.db, call_id).decision is Outcome.GATE_UNAVAILABLE
