"""Sealing: `sealed` is said only of a file that can be heard, whatever happens on the way (I2, I3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.errors import NotFound, StateConflict, Unavailable
from policy.vocabulary import RecordingState, WithdrawnBy
from store.files.archive import Archive
from store.keyring import envelopes, reading_keys
from store.logbook import ledger, ledger_check
from store.records import recordings, sealing
from store.retention import sweep
from tests.store.scene import Crash, CrashAt, Scene, recording_named, scene, voice


def test_a_sealed_recording_is_heard_again_by_whoever_has_the_private_half(stage: Scene) -> None:
    recording_id = stage.capture(1)
    row = sealing.seal(stage.archive, recording_id, stage.flac(1))
    assert stage.hear(recording_id) == voice(1)
    assert (row.state, row.content_type) == (RecordingState.SEALED, "audio/flac")
    assert row.sealed_bytes == stage.vault.path(recording_id).stat().st_size
    assert row.sealed_sha256 == stage.archive.vault.sha256(recording_id)


def test_the_plaintext_is_left_to_the_recorder(stage: Scene) -> None:
    flac = stage.flac(1)
    sealing.seal(stage.archive, stage.capture(1), flac)
    assert flac.exists()


def test_sealing_again_changes_nothing(stage: Scene) -> None:
    recording_id = stage.keep(1)
    before = (envelopes.of_recording(stage.db, recording_id), ledger.head(stage.db))
    sealing.seal(stage.archive, recording_id, stage.spool / "not there")
    assert (envelopes.of_recording(stage.db, recording_id), ledger.head(stage.db)) == before


def test_a_withdrawn_recording_is_not_sealed(stage: Scene) -> None:
    recording_id = stage.capture(1)
    with stage.db.write() as tx:
        recordings.withdrawn(tx, recording_id, stage.clock.now(), WithdrawnBy.CALLER_KEY)
    with pytest.raises(StateConflict, match="withdrawn"):
        sealing.seal(stage.archive, recording_id, stage.flac(1))
    assert stage.archive.vault.absent(recording_id)


def test_a_running_recording_is_not_sealed(stage: Scene) -> None:
    recording_id = stage.begin(1)
    with pytest.raises(StateConflict, match="is recording"):
        sealing.seal(stage.archive, recording_id, stage.flac(1))


def test_without_a_reading_key_nothing_is_written_and_the_hint_says_what_to_do(stage: Scene) -> None:
    recording_id = stage.capture(1)
    with stage.db.write() as tx:
        tx.execute("UPDATE reading_keys SET retired_at = 1")
    with pytest.raises(NotFound, match="no reading key") as raised:
        sealing.seal(stage.archive, recording_id, stage.flac(1))
    assert raised.value.hint is not None
    assert stage.archive.vault.absent(recording_id)
    assert reading_keys.reading_keys(stage.db) == ()


def test_audio_that_is_not_there_is_put_into_words_and_the_recording_stays_captured(stage: Scene) -> None:
    recording_id = stage.capture(1)
    with pytest.raises(Unavailable, match="cannot be sealed"):
        sealing.seal(stage.archive, recording_id, stage.spool / "none.flac")
    assert stage.state(recording_id) is RecordingState.CAPTURED


def test_no_secret_of_a_recording_is_in_any_file_but_under_the_reading_key(stage: Scene) -> None:
    recording_id = stage.keep(1)
    assert voice(1)[:64] not in stage.every_byte()
    assert stage.hear(recording_id) == voice(1)


def _seal_until(archive: Archive, stage: Scene, crash: CrashAt) -> None:
    sealing.seal(archive, recording_named(1), stage.flac(1), step=crash)


@pytest.mark.exhaustive
def test_a_crash_at_any_step_of_sealing_loses_nothing_and_is_mended_by_sweep(tmp_path: Path) -> None:
    for nth in range(1, 100):
        folder, crash = tmp_path / str(nth), CrashAt(nth)
        crashed = False
        with scene(folder) as stage:
            recording_id = stage.capture(1)
            try:
                _seal_until(stage.archive, stage, crash)
            except Crash:
                crashed = True
            clock = stage.clock
        with scene(folder, clock=clock, start=1) as stage:
            sweep.run(stage.archive)
            assert sweep.look(stage.archive) == ()
            if stage.state(recording_id) is RecordingState.CAPTURED:
                assert stage.archive.vault.absent(recording_id)
                sealing.seal(stage.archive, recording_id, stage.flac(1))
                sweep.run(stage.archive)
            assert stage.hear(recording_id) == voice(1)
            assert stage.archive.plaintext.of(recording_id) == ()
            assert ledger_check.verify(stage.db).holds
        if not crashed:
            assert nth > 5
            return
    raise AssertionError("never ran to its end")
