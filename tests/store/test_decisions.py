"""Decisions: evidence first, and no recording without a decision that permits it (I1)."""

from __future__ import annotations

import dataclasses
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from policy.errors import NotFound, StateConflict
from policy.load import load_policies
from policy.vocabulary import Outcome, RecordingState
from store.files.epochs import EpochLength
from store.logbook import ledger
from store.records import calls, decisions, recordings
from tests.store.scene import EINDHOVEN, ROOT, STARTED_AT, Scene, recording_named


def test_a_permitting_decision_and_its_recording_are_stored_together(stage: Scene) -> None:
    recording_id = stage.begin(1)
    row = recordings.get_recording(stage.db, recording_id)
    assert row.state is RecordingState.RECORDING
    assert row.started_at == STARTED_AT
    assert row.due_rule == "eindhoven: retention.recording = 60d (E6)"
    assert row.epoch.starts_at <= row.due_at < row.epoch.ends_at


def test_the_evidence_names_the_words_the_audio_and_the_policy(stage: Scene) -> None:
    kept = decisions.evidence(stage.db, stage.begin(1))
    policy = stage.policies.named(EINDHOVEN)
    assert kept.words == policy.spoken("notice", "nl")
    assert (kept.audio_sha256, kept.policy_hash) == ("ab" * 32, policy.content_hash)
    assert kept.heard_ms == 5700


def test_storing_a_decision_twice_is_harmless_and_told_once(stage: Scene) -> None:
    stage.open_call(1)
    for expected in (True, False):
        with stage.db.write() as tx:
            assert decisions.store(tx, stage.decision(1), stage.policies) is expected
    assert [entry.kind for entry in ledger.show(stage.db)[stage.told :]] == ["call_opened", "decided"]


def test_the_same_moment_decided_for_two_recordings_is_refused(stage: Scene) -> None:
    stage.begin(1)
    other = dataclasses.replace(stage.decision(1), recording_id=recording_named(2))
    with pytest.raises(StateConflict, match="another recording"), stage.db.write() as tx:
        decisions.store(tx, other, stage.policies)


def test_a_second_gate_of_another_organisation_counts_under_its_own_policy(
    stage: Scene, tmp_path: Path
) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    text = (ROOT / "policies" / "eindhoven.toml").read_text()
    (folder / "eindhoven.toml").write_text(text)
    (folder / "elders.toml").write_text(
        text.replace("14040", "14041").replace("+31402389111", "+31402389112")
    )
    policies = load_policies(folder)
    elders = policies.named("elders")
    stage.open_call(1)
    decision = stage.decision(1)
    assert decision.prompt is not None
    prompt = dataclasses.replace(
        decision.prompt, policy_hash=elders.content_hash, text_hash=elders.text_hash("notice", "nl")
    )
    with stage.db.write() as tx:
        decisions.store(tx, dataclasses.replace(decision, prompt=prompt), policies)
    assert recordings.get_recording(stage.db, recording_named(1)).policy == "elders"


def test_no_decision_without_a_call(stage: Scene) -> None:
    with pytest.raises(NotFound), stage.db.write() as tx:
        decisions.store(tx, stage.decision(1), stage.policies)


def test_a_refused_call_is_not_recorded_at_a_second_gate(stage: Scene) -> None:
    call_id = stage.open_call(1)
    with stage.db.write() as tx:
        decisions.store(tx, stage.decision(1, Outcome.REFUSED), stage.policies)
    later = dataclasses.replace(stage.decision(1), decided_at=STARTED_AT + timedelta(minutes=1))
    with pytest.raises(StateConflict, match="refused"), stage.db.write() as tx:
        decisions.store(tx, later, stage.policies)
    assert recordings.of_call(stage.db, call_id) == ()
    assert calls.get_call(stage.db, call_id).decision is Outcome.REFUSED


def test_words_that_are_not_those_of_the_policy_permit_no_recording(stage: Scene) -> None:
    stage.open_call(1)
    decision = stage.decision(1)
    assert decision.prompt is not None
    other = dataclasses.replace(decision, prompt=dataclasses.replace(decision.prompt, text_hash="0" * 64))
    with pytest.raises(StateConflict, match="words"), stage.db.write() as tx:
        decisions.store(tx, other, stage.policies)
    assert decisions.of_call(stage.db, decision.call_id) == ()


def test_a_decision_without_a_notice_is_kept_as_evidence_of_that(stage: Scene) -> None:
    call_id = stage.open_call(1)
    bare = dataclasses.replace(stage.decision(1, Outcome.ERROR), prompt=None)
    with stage.db.write() as tx:
        decisions.store(tx, bare, stage.policies)
    (kept,) = decisions.of_call(stage.db, call_id)
    assert (kept.outcome, kept.words) == (Outcome.ERROR, None)


def test_the_database_itself_refuses_a_recording_without_a_permitting_decision(stage: Scene) -> None:
    call_id = stage.open_call(1)
    with stage.db.write() as tx:
        decisions.store(tx, stage.decision(1, Outcome.REFUSED), stage.policies)
    opening = recordings.Opening(
        recording_id=recording_named(1),
        call_id=call_id,
        policy=EINDHOVEN,
        policy_hash=stage.policies.named(EINDHOVEN).content_hash,
        started_at=STARTED_AT,
        due_at=STARTED_AT,
        due_rule="none",
        epoch_length=EpochLength.DAY,
    )
    with pytest.raises(sqlite3.IntegrityError, match="no decision permits"), stage.db.write() as tx:
        recordings.open_recording(tx, opening)


def test_a_stored_decision_cannot_be_changed(stage: Scene) -> None:
    stage.begin(1)
    with pytest.raises(sqlite3.IntegrityError, match="never changed"), stage.db.write() as tx:
        tx.execute("UPDATE decisions SET outcome = 'accepted'")
