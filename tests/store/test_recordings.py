"""Recordings: every state against every wish, and random walks that never undo an end."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.errors import NotFound, StateConflict
from policy.vocabulary import ConcludedBecause, ErasedBecause, RecordingId, RecordingState, WithdrawnBy
from store.db import Tx
from store.logbook import ledger, ledger_check
from store.records import recordings
from store.records.recordings import SealedFile, Verdict, verdict
from tests.store.scene import STARTED_AT, Scene, recording_named

S = RecordingState
ENDED = {S.EMPTY, S.WITHDRAWN, S.PURGING, S.PURGED}
FILE = SealedFile(size_bytes=100, sha256="cd" * 32, content_type="audio/flac")

Wish = Callable[[Tx, RecordingId], bool]
WISHES: dict[RecordingState, Wish] = {
    S.CAPTURED: lambda tx, key: recordings.captured(tx, key, STARTED_AT, duration_ms=1),
    S.SEALED: lambda tx, key: recordings.sealed(tx, key, STARTED_AT, FILE),
    S.EMPTY: lambda tx, key: recordings.intended(tx, key, STARTED_AT, ErasedBecause.EMPTY),
    S.WITHDRAWN: lambda tx, key: recordings.withdrawn(tx, key, STARTED_AT, WithdrawnBy.CALLER_KEY),
    S.PURGING: lambda tx, key: recordings.intended(tx, key, STARTED_AT, ErasedBecause.DUE),
    S.PURGED: lambda tx, key: recordings.erased(tx, key, STARTED_AT, {}),
    S.LOST: lambda tx, key: recordings.lost(tx, key, STARTED_AT, problem="gone"),
}


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("wanted", list(S))
def test_every_state_answers_every_wish(state: RecordingState, wanted: RecordingState) -> None:
    answer = verdict(state, wanted)
    if state in ENDED and wanted not in ENDED | {S.SEALED, S.RECORDING}:
        assert answer is Verdict.STAY  # what is to be destroyed is not brought back, and nobody fails
    if state in ENDED and wanted is S.SEALED:
        assert answer is Verdict.REFUSE  # nobody may believe that it was kept
    if state not in ENDED and wanted in {S.WITHDRAWN, S.PURGING}:
        assert answer is Verdict.MOVE  # destruction is possible from everywhere
    if state is wanted:
        assert answer is Verdict.STAY  # every transition may be repeated


@given(wishes=st.lists(st.sampled_from(sorted(WISHES, key=lambda state: state.value)), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_whatever_the_order_an_end_is_never_undone(stage: Scene, wishes: list[RecordingState]) -> None:
    recording_id = stage.begin(ledger.head(stage.db).size)
    ended_as: ErasedBecause | None = None
    for wanted in wishes:
        before = recordings.get_recording(stage.db, recording_id)
        try:
            with stage.db.write() as tx:
                moved = WISHES[wanted](tx, recording_id)
        except StateConflict:
            moved = False
        after = recordings.get_recording(stage.db, recording_id)
        assert moved or after == before
        assert before.state not in ENDED or after.state in ENDED
        assert before.erased_at is None or after == before
        ended_as = ended_as or after.erased_because
        assert after.erased_because is ended_as
    assert ledger_check.verify(stage.db).holds


def test_a_recording_is_shown_as_its_json_row_says(stage: Scene) -> None:
    recording_id = stage.begin(1)
    with stage.db.write() as tx:
        recordings.captured(tx, recording_id, STARTED_AT, duration_ms=87_000)
    assert recordings.get_recording(stage.db, recording_id).to_json() == {
        "recording_id": recording_id,
        "call_id": "1795282161.1",
        "policy": "eindhoven",
        "state": "captured",
        "started_at": "2026-11-21T17:29:21.250Z",
        "duration_ms": 87_000,
        "promised_at": "2027-01-20T17:29:00.000Z",
        "due_at": "2027-01-20T17:29:00.000Z",
        "sealed_bytes": None,
        "erased_at": None,
        "erased_because": None,
    }


def test_the_reason_is_shown_only_once_the_bytes_are_gone(stage: Scene) -> None:
    recording_id = stage.begin(1)
    with stage.db.write() as tx:
        recordings.withdrawn(tx, recording_id, STARTED_AT, WithdrawnBy.AGENT_KEY)
    row = recordings.get_recording(stage.db, recording_id)
    assert (row.half_gone, row.to_json()["erased_because"]) == (True, None)
    with stage.db.write() as tx:
        recordings.erased(tx, recording_id, STARTED_AT, {})
    assert recordings.get_recording(stage.db, recording_id).to_json()["erased_because"] == "withdrawn"


def test_the_database_itself_keeps_an_erased_recording_erased(stage: Scene) -> None:
    recording_id = stage.begin(1)
    with stage.db.write() as tx:
        recordings.withdrawn(tx, recording_id, STARTED_AT, WithdrawnBy.AGENT_KEY)
        recordings.erased(tx, recording_id, STARTED_AT, {})
    with pytest.raises(sqlite3.IntegrityError, match="stays erased"), stage.db.write() as tx:
        tx.execute("UPDATE recordings SET erased_at = NULL")


def test_waiting_again_is_noted_as_not_bridged(stage: Scene) -> None:
    recording_id = stage.begin(1)
    with stage.db.write() as tx:
        recordings.bridged(tx, recording_id, STARTED_AT, "fa1d")
    row = recordings.get_recording(stage.db, recording_id)
    assert (row.bridged_at, row.bridge_id) == (STARTED_AT, "fa1d")
    with stage.db.write() as tx:
        recordings.waiting(tx, recording_id)
    row = recordings.get_recording(stage.db, recording_id)
    assert (row.bridged_at, row.bridge_id) == (None, None)


def test_a_quarantined_recording_says_why_and_keeps_its_state(stage: Scene) -> None:
    recording_id = stage.capture(1)
    for _ in range(2):
        with stage.db.write() as tx:
            recordings.quarantined(tx, recording_id, STARTED_AT, problem="vault full")
    row = recordings.get_recording(stage.db, recording_id)
    assert (row.state, row.problem, row.quarantined_at) == (S.CAPTURED, "vault full", STARTED_AT)
    told = [entry.kind for entry in ledger.show(stage.db, subject=recording_id)]
    assert told.count("quarantined") == 1


def test_a_recording_nobody_knows_is_named_in_the_error(stage: Scene) -> None:
    with pytest.raises(NotFound, match=recording_named(9)):
        recordings.get_recording(stage.db, recording_named(9))
    assert recordings.find_recording(stage.db, recording_named(9)) is None
    with pytest.raises(NotFound), stage.db.write() as tx:
        recordings.captured(tx, recording_named(9), STARTED_AT, duration_ms=None)


@pytest.mark.parametrize("because", list(ConcludedBecause))
def test_why_a_recording_ended_before_its_call_is_on_the_ledger(
    stage: Scene, because: ConcludedBecause
) -> None:
    recording_id = stage.begin(1)
    assert recordings.why_concluded(stage.db, recording_id) is None
    with stage.db.write() as tx:
        recordings.concluded(tx, recording_id, STARTED_AT, because)
    assert recordings.why_concluded(stage.db, recording_id) == (STARTED_AT, because)
    assert recordings.get_recording(stage.db, recording_id).state is S.RECORDING
    with stage.db.write() as tx:
        ledger.expire(tx, [recording_id], STARTED_AT, "its term")
    assert recordings.why_concluded(stage.db, recording_id) is None


def test_a_recording_that_is_not_there_cannot_have_ended(stage: Scene) -> None:
    with pytest.raises(NotFound), stage.db.write() as tx:
        recordings.concluded(tx, recording_named(5), STARTED_AT, ConcludedBecause.ANOTHER_GATE)
