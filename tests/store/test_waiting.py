"""How a call was answered: queue, waiting, talking; kept where a policy names it, gone with the call."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Sequence
from datetime import timedelta

import pytest

from policy.identity import DataCategory
from policy.vocabulary import CallId
from store.persons import call_agents
from store.records import calls, decisions, waiting
from store.retention import call_data
from tests.store.scene import STARTED_AT, Scene

DECIDED_AFTER = timedelta(milliseconds=700)


def _call(
    stage: Scene, number: int, *, queued_s: float | None = None, spans: Sequence[tuple[float, float]] = ()
) -> CallId:
    """Store a call that was decided, perhaps queued, perhaps answered, seconds after it began."""
    stage.begin(number)
    call_id = CallId(f"1795282161.{number}")
    if queued_s is not None:
        with stage.db.write() as tx:
            waiting.note_queue(tx, call_id, "kcc", STARTED_AT + timedelta(seconds=queued_s))
    for channel, (since_s, until_s) in enumerate(spans):
        here = {CallId(f"2.{channel}"): ()}
        call_agents.note(stage.db, call_id, here, STARTED_AT + timedelta(seconds=since_s))
        call_agents.note(stage.db, call_id, {}, STARTED_AT + timedelta(seconds=until_s))
    return call_id


def _end(stage: Scene, call_id: CallId, after_s: float) -> calls.CallRow:
    with stage.db.write() as tx:
        calls.end_call(tx, call_id, STARTED_AT + timedelta(seconds=after_s))
    return calls.get_call(stage.db, call_id)


def test_waiting_runs_from_the_queue_to_the_first_answer_and_talking_until_they_left(stage: Scene) -> None:
    row = _end(stage, _call(stage, 1, queued_s=10, spans=[(35, 95), (100, 130)]), 140)
    assert (row.queue, row.answered, row.waited_ms, row.talked_ms) == ("kcc", True, 25_000, 90_000)
    assert (row.to_json()["waited_s"], row.to_json()["talked_s"]) == (25, 90)


def test_without_a_queue_waiting_begins_when_the_caller_leaves_the_gate(stage: Scene) -> None:
    row = _end(stage, _call(stage, 1, spans=[(20, 30)]), 30)
    assert (row.queue, row.waited_ms) == (None, 20_000 - DECIDED_AFTER // timedelta(milliseconds=1))


def test_who_hangs_up_in_the_queue_was_not_answered_and_waited_until_then(stage: Scene) -> None:
    row = _end(stage, _call(stage, 1, queued_s=10), 70)
    assert (row.queue, row.answered, row.waited_ms, row.talked_ms) == ("kcc", False, 60_000, 0)


def test_a_second_queue_counts_until_somebody_answers_and_never_after(stage: Scene) -> None:
    call_id = _call(stage, 1, queued_s=10)
    with stage.db.write() as tx:
        assert waiting.note_queue(tx, call_id, "overflow", STARTED_AT + timedelta(seconds=30))
    call_agents.note(stage.db, call_id, {CallId("2.1"): ()}, STARTED_AT + timedelta(seconds=40))
    with stage.db.write() as tx:
        assert not waiting.note_queue(tx, call_id, "put on hold", STARTED_AT + timedelta(seconds=50))
        assert not waiting.note_queue(tx, CallId("9.9"), "kcc", STARTED_AT)
    row = _end(stage, call_id, 60)
    assert (row.queue, row.waited_ms) == ("overflow", 30_000)


def test_e7_a_policy_that_names_no_waiting_time_keeps_none_and_the_database_refuses_it(stage: Scene) -> None:
    policy = stage.policies.named(stage.policy)
    named = tuple(one for one in policy.data.call_data if one is not DataCategory.WAITING_TIME)
    silent = policy.model_copy(update={"data": policy.data.model_copy(update={"call_data": named})})
    assert (waiting.is_kept(policy), waiting.is_kept(silent), waiting.is_kept(None)) == (True, False, False)
    call_id = CallId("1795282161.1")
    others = dataclasses.replace(stage.policies, by_name={silent.name: silent})
    with stage.db.write() as tx:
        calls.open_call(tx, stage.arrival(1), caller=None, policies=others)
        decisions.store(tx, stage.decision(1), stage.policies)
        waiting.note_queue(tx, call_id, "kcc", STARTED_AT + timedelta(seconds=5))
    row = _end(stage, call_id, 60)
    assert (row.queue, row.answered, row.waited_ms) == ("kcc", False, None)
    with pytest.raises(sqlite3.IntegrityError, match="names no waiting time"), stage.db.write() as tx:
        tx.execute("UPDATE calls SET waited_ms = 1 WHERE call_id = ?", (call_id,))


def test_queue_and_waiting_go_with_the_data_of_the_call(stage: Scene) -> None:
    stage.open_call(1)
    call_id = CallId("1795282161.1")
    with stage.db.write() as tx:
        waiting.note_queue(tx, call_id, "kcc", STARTED_AT)
    _end(stage, call_id, 60)
    due = call_data.kept(stage.db, until=STARTED_AT + timedelta(days=400))
    call_data.erase(stage.db, due, at=stage.clock.now())
    (row,) = stage.db.rows("SELECT queue, queued_at, answered, waited_ms, talked_ms FROM calls")
    assert tuple(row) == (None,) * 5
    with pytest.raises(sqlite3.IntegrityError, match="were erased"), stage.db.write() as tx:
        tx.execute("UPDATE calls SET queue = 'kcc'")


def test_calls_are_listed_by_queue_and_the_newest_first_to_stay(stage: Scene) -> None:
    for number in (1, 2, 3):
        _end(stage, _call(stage, number, queued_s=1 if number != 2 else None), 10)
    assert [row.call_id for row in calls.all_calls(stage.db, queue="kcc")] == ["1795282161.1", "1795282161.3"]
    assert [row.call_id for row in calls.all_calls(stage.db, limit=2)] == ["1795282161.2", "1795282161.3"]
