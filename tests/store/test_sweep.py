"""Sweep: every way in which rows, keys and bytes can be out of step, and what becomes of it."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest

from policy.errors import Unavailable
from policy.vocabulary import CallId, ErasedBecause, RecordingState, WithdrawnBy
from store.logbook import ledger_check
from store.records import alarms, calls, recordings
from store.retention import sweep
from store.retention.destruction import Doom, destroy
from store.retention.sweep import Action
from tests.store.scene import Crash, CrashAt, Scene, recording_named, scene, voice
from tests.store.test_destruction import told

pytestmark = pytest.mark.exhaustive

S = RecordingState


def found(stage: Scene) -> list[tuple[str, Action]]:
    """Run the sweep and return what it found; afterwards nothing may be left to find."""
    looked = sweep.look(stage.archive)
    assert sweep.run(stage.archive) == looked
    assert [left for left in sweep.look(stage.archive) if left.action is not Action.ALARM] == []
    assert ledger_check.verify(stage.db).holds
    return [(finding.recording_id, finding.action) for finding in looked]


def test_an_installation_in_step_has_no_findings(stage: Scene) -> None:
    stage.keep(1)
    stage.capture(2)
    stage.begin(3)
    destroy(stage.archive, Doom(recording_id=stage.keep(4), because=ErasedBecause.REQUEST))
    assert sweep.look(stage.archive) == ()
    assert set(sweep.take_stock(stage.archive).rows) == {recording_named(2), recording_named(3)}


def test_a_finding_is_json_with_what_and_action(stage: Scene) -> None:
    recording_id = stage.keep(1)
    stage.archive.vault.unlink(recording_id)
    (finding,) = sweep.look(stage.archive)
    assert json.loads(json.dumps(finding.to_json())) == {
        "recording_id": recording_id,
        "found": "sealed, but its file is gone",
        "action": "mark_lost",
    }


def test_a_half_done_destruction_is_finished(stage: Scene) -> None:
    recording_id = stage.keep(1)
    with stage.db.write() as tx:
        recordings.intended(tx, recording_id, stage.clock.now(), ErasedBecause.OBJECTION)
    assert found(stage) == [(recording_id, Action.DESTROY)]
    row = recordings.get_recording(stage.db, recording_id)
    assert (row.state, row.erased_because) == (S.PURGED, ErasedBecause.OBJECTION)


@pytest.mark.parametrize("sealed", [False, True])
def test_withdrawn_plaintext_destroys_its_recording_whatever_the_row_says(stage: Scene, sealed: bool) -> None:
    recording_id = stage.keep(1) if sealed else stage.begin(1)
    (stage.spool / f"{recording_id}-caller.wav.withdrawn").write_bytes(voice(1))
    assert found(stage) == [(recording_id, Action.DESTROY)]
    row = recordings.get_recording(stage.db, recording_id)
    assert (row.state, row.withdrawn_by) == (S.WITHDRAWN, WithdrawnBy.DIALPLAN)
    assert stage.archive.plaintext.of(recording_id) == ()
    assert stage.archive.vault.absent(recording_id)


def test_plaintext_that_no_decision_permitted_goes(stage: Scene) -> None:
    ghost = stage.spool / f"{recording_named(5)}-caller.wav"
    ghost.write_bytes(voice(5))
    assert found(stage) == [(recording_named(5), Action.DESTROY)]
    assert not ghost.exists()


def test_files_of_others_are_left_alone(stage: Scene) -> None:
    foreign = [stage.spool / name for name in ("notes.txt", "0" * 31 + ".wav", "0" * 33 + ".wav", "A" * 32)]
    for path in foreign:
        path.write_bytes(b"not ours")
    assert found(stage) == []
    assert all(path.exists() for path in foreign)


def test_a_ghost_of_a_recording_that_is_gone_goes_too(stage: Scene) -> None:
    recording_id = stage.begin(1)
    destroy(stage.archive, Doom(recording_id=recording_id, because=ErasedBecause.WITHDRAWN))
    (stage.spool / f"{recording_id}-agent.wav").write_bytes(voice(1))
    assert found(stage) == [(recording_id, Action.DESTROY)]
    assert told(stage, recording_id)[-1] == "stray_removed"


def test_plaintext_of_a_sealed_recording_goes(stage: Scene) -> None:
    recording_id = stage.keep(1)
    leg = stage.spool / f"{recording_id}-caller.wav"
    leg.write_bytes(voice(1))
    assert found(stage) == [(recording_id, Action.REMOVE_PLAINTEXT)]
    assert not leg.exists()
    assert stage.hear(recording_id) == voice(1)


@pytest.mark.parametrize("finished", [False, True])
def test_a_sealed_file_that_no_envelope_opens_goes_and_the_plaintext_stays(
    stage: Scene, finished: bool
) -> None:
    recording_id = stage.capture(1)
    path = stage.vault.path(recording_id)
    path.parent.mkdir()
    (path if finished else path.with_name(f".{recording_id}.tmp")).write_bytes(b"half")
    assert found(stage) == [(recording_id, Action.REMOVE_SEALED)]
    assert len(stage.archive.plaintext.of(recording_id)) == 2
    assert stage.state(recording_id) is S.CAPTURED


def test_a_sealed_file_of_no_recording_is_an_alarm_and_stays(stage: Scene) -> None:
    path = stage.vault.path(recording_named(8))
    path.parent.mkdir()
    path.write_bytes(b"whose?")
    assert found(stage) == [(recording_named(8), Action.ALARM)]
    assert path.exists()
    assert [alarm.kind for alarm in alarms.standing(stage.db)] == ["vault_stranger"]


def test_a_sealed_recording_without_its_file_is_lost_and_found_again_byte_for_byte(stage: Scene) -> None:
    recording_id = stage.keep(1)
    path = stage.vault.path(recording_id)
    aside = path.rename(stage.spool / "aside")
    assert found(stage) == [(recording_id, Action.MARK_LOST)]
    assert stage.state(recording_id) is S.LOST
    assert [alarm.call_id for alarm in alarms.standing(stage.db)] == ["1795282161.1"]
    path.write_bytes(aside.read_bytes()[:-1] + b"\x00\x00")
    assert sweep.look(stage.archive) == ()
    aside.rename(path)
    assert found(stage) == [(recording_id, Action.MARK_FOUND)]
    assert stage.hear(recording_id) == voice(1)


def test_a_sealed_recording_whose_epoch_key_a_disk_lost_is_lost_for_good(stage: Scene) -> None:
    recording_id = stage.keep(1)
    for name in stage.archive.epochs.names():
        (stage.archive.epochs.path / name).unlink()
    assert found(stage) == [(recording_id, Action.MARK_LOST)]
    assert found(stage) == []


def test_a_capture_without_bytes_is_lost_once_its_call_is_long_over(stage: Scene) -> None:
    recording_id = stage.begin(1)
    with stage.db.write() as tx:
        calls.end_call(tx, CallId("1795282161.1"), stage.clock.now())
    assert found(stage) == []
    stage.clock.advance(timedelta(seconds=61))
    assert found(stage) == [(recording_id, Action.MARK_LOST)]


def test_a_lost_recording_is_destroyed_when_it_is_withdrawn(stage: Scene) -> None:
    recording_id = stage.keep(1)
    stage.archive.vault.unlink(recording_id)
    sweep.run(stage.archive)
    destroy(stage.archive, Doom(recording_id=recording_id, because=ErasedBecause.WITHDRAWN))
    assert stage.state(recording_id) is S.WITHDRAWN


def test_nothing_is_believed_lost_while_the_vault_is_not_mounted(stage: Scene) -> None:
    recording_id = stage.keep(1)
    stage.vault.folder.rename(stage.vault.folder.with_name("away"))
    with pytest.raises(Unavailable):
        sweep.run(stage.archive)
    assert stage.state(recording_id) is S.SEALED
    with pytest.raises(Unavailable):
        stage.archive.prepare()


@pytest.mark.exhaustive
def test_a_crash_at_any_step_of_a_sweep_is_mended_by_the_next_one(tmp_path: Path) -> None:
    for nth in range(1, 100):
        folder, crash = tmp_path / str(nth), CrashAt(nth)
        crashed = False
        with scene(folder) as stage:
            kept, lost, withdrawn, half = stage.keep(1), stage.keep(2), stage.keep(3), stage.capture(4)
            stage.archive.vault.unlink(lost)
            (stage.spool / f"{kept}-caller.wav").write_bytes(voice(1))
            (stage.spool / f"{withdrawn}-caller.wav.withdrawn").write_bytes(voice(3))
            (stage.spool / f"{recording_named(5)}-agent.wav").write_bytes(voice(5))
            stage.archive.vault.write(half, io.BytesIO(voice(4)), key=bytes(32), salt=bytes(24))
            try:
                sweep.run(stage.archive, step=crash)
            except Crash:
                crashed = True
            clock = stage.clock
        with scene(folder, clock=clock, start=1) as stage:
            sweep.run(stage.archive)
            assert sweep.look(stage.archive) == ()
            assert stage.hear(kept) == voice(1)
            assert [stage.state(one) for one in (lost, withdrawn, half)] == [S.LOST, S.WITHDRAWN, S.CAPTURED]
            assert set(stage.archive.plaintext.found()) == {half}
            assert told(stage, withdrawn).count("destroyed") == 1
            assert ledger_check.verify(stage.db).holds
        if not crashed:
            return
    raise AssertionError("never ran to its end")
