"""Pauses on record: one at a time, ended once, without content, and gone with the data of their call."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from policy.vocabulary import RecordingId, ResumedBecause
from store.logbook import ledger
from store.records import pauses
from store.retention import purge
from tests.store.scene import Scene

KEY = "person:anna agent_key"


def _begin(stage: Scene, recording_id: RecordingId, from_sample: int = 8000) -> int:
    with stage.db.write() as tx:
        now = stage.clock.now()
        return pauses.begin(tx, recording_id, from_sample=from_sample, at=now, actor=KEY)


def _end(stage: Scene, pause_id: int, until_sample: int = 16_000) -> None:
    with stage.db.write() as tx:
        pauses.end(
            tx,
            pause_id,
            until_sample=until_sample,
            lasted_ms=1000,
            because=ResumedBecause.KEY,
            muted=True,
            at=stage.clock.now(),
            actor="agent_key",
        )


def test_a_pause_is_noted_and_ended_once_and_the_ledger_says_who_and_how_long(stage: Scene) -> None:
    recording_id = stage.keep(1)
    pause_id = _begin(stage, recording_id)
    with pytest.raises(sqlite3.IntegrityError):
        _begin(stage, recording_id)
    _end(stage, pause_id)
    with pytest.raises(sqlite3.IntegrityError, match="ends once"):
        _end(stage, pause_id)
    (row,) = pauses.of_recording(stage.db, recording_id)
    assert (row.from_sample, row.until_sample, row.lasted_ms, row.muted) == (8000, 16_000, 1000, True)
    (*_, paused, resumed) = ledger.show(stage.db, subject=recording_id)
    assert (paused.kind, paused.actor, paused.payload) == ("recording_paused", KEY, {"pause": pause_id})
    assert (resumed.kind, resumed.actor) == ("recording_resumed", "agent_key")
    assert resumed.payload == {"pause": pause_id, "because": "key", "lasted_ms": 1000, "muted": True}


def test_files_that_seem_to_have_shrunk_end_it_where_it_began(stage: Scene) -> None:
    recording_id = stage.keep(1)
    _end(stage, _begin(stage, recording_id), until_sample=0)
    (row,) = pauses.of_recording(stage.db, recording_id)
    assert row.until_sample == row.from_sample


def test_only_a_recording_that_may_still_run_is_paused_now(stage: Scene) -> None:
    _begin(stage, stage.keep(1))
    assert pauses.going_on(stage.db) == ()


def test_pauses_go_with_the_data_of_their_call(stage: Scene) -> None:
    recording_id = stage.keep(1)
    _end(stage, _begin(stage, recording_id))
    stage.clock.advance(timedelta(days=800))
    purge.run(stage.archive, stage.guard)
    assert pauses.of_recording(stage.db, recording_id) == ()
