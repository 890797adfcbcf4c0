"""A part that is erased is gone: the old key, the old file, every way back; after a crash at any step too."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from policy.errors import IntegrityError, NotFound, StateConflict
from policy.key_groups import KeyPath
from policy.situation import PersonId
from policy.vocabulary import ErasedBecause, RecordingId
from store.files import container
from store.keyring import envelopes, reading_keys, shares
from store.keyring.shares import Purpose
from store.logbook import ledger
from store.records import recordings
from store.retention import destruction, part_erasure
from store.retention.destruction import Doom
from store.retention.part_erasure import Part
from store.steps import straight_on
from tests.store.scene import (
    EINDHOVEN,
    CountingRandomness,
    Crash,
    CrashAt,
    Scene,
    scene,
    voice,
)

pytestmark = pytest.mark.exhaustive

NEW = b"silence where it was asked" * 900
OFFICER = PersonId("po-lee")


def hand_in(stage: Scene, recording_id: RecordingId, content: bytes = NEW, *, seed: int = 7) -> Part:
    """Hand in a new copy as the person's process does, and return what is told of it."""
    randomness = CountingRandomness(seed)
    key, salt = randomness.token(container.KEY_BYTES), randomness.token(container.SALT_BYTES)
    sealed = io.BytesIO()
    container.seal_stream(io.BytesIO(content), sealed, key, container.recording_context(recording_id), salt)
    with stage.archive.vault.stage(recording_id) as target:
        target.write(sealed.getvalue())
    to = reading_keys.sealed_to(stage.db, EINDHOVEN, Purpose.RECORDING)
    assert to is not None
    made = shares.split(
        key, shares.recording(recording_id), paths=to.paths, keys=to.keys, randomness=randomness
    )
    return Part(
        recording_id=recording_id,
        from_ms=1000,
        to_ms=2000,
        person=OFFICER,
        size_bytes=len(sealed.getvalue()),
        sha256=hashlib.sha256(sealed.getvalue()).hexdigest(),
        shares=made,
    )


def run(stage: Scene, part: Part, step: Callable[[str], None] = straight_on) -> int:
    return part_erasure.run(stage.archive, part, actor="person:po-lee login:po-lee", step=step)


def must_be_erased(stage: Scene, recording_id: RecordingId) -> None:
    assert stage.hear(recording_id) == NEW
    row = recordings.get_recording(stage.db, recording_id)
    assert row.sealed_sha256 == stage.archive.vault.sha256(recording_id)
    assert stage.archive.vault.staged() == ()
    in_use = envelopes.epoch_keys_in_use(stage.db)
    assert set(stage.archive.epochs.names()) == set(in_use)
    kinds = [entry.kind for entry in ledger.show(stage.db, subject=recording_id)]
    assert kinds.count("part_erasure_intended") == kinds.count("part_erased") == 1
    (told,) = stage.db.rows("SELECT envelopes, erased_at FROM part_erasures")
    assert (told["envelopes"], told["erased_at"] is not None) == (None, True)


def test_the_new_copy_takes_its_place_and_the_others_of_its_epoch_stay(stage: Scene) -> None:
    recording_id, other = stage.keep(1), stage.keep(2)
    run(stage, hand_in(stage, recording_id))
    must_be_erased(stage, recording_id)
    assert stage.hear(other) == voice(2)


def test_a_backup_from_before_opens_nothing_of_what_was_erased(stage: Scene, tmp_path: Path) -> None:
    recording_id = stage.keep(1)
    stage.db.forget_deleted()
    before = Path(shutil.copytree(tmp_path, tmp_path.parent / "backup", dirs_exist_ok=True))
    run(stage, hand_in(stage, recording_id))
    shutil.rmtree(before / "epochs")  # outside every ordinary backup; what is there is today's
    shutil.copytree(tmp_path / "epochs", before / "epochs")
    with scene(before, clock=stage.clock, start=1) as thief, pytest.raises(IntegrityError):
        thief.hear(recording_id)


def steps_of_a_run(folder: Path) -> list[str]:
    with scene(folder) as stage:
        counting = CrashAt(0)
        run(stage, hand_in(stage, stage.keep(1)), counting)
        return counting.passed


@pytest.mark.exhaustive
def test_after_a_crash_at_any_step_it_is_either_whole_or_finished_at_the_next_start(tmp_path: Path) -> None:
    passed = steps_of_a_run(tmp_path / "counted")
    assert len(passed) >= 9
    intent = passed.index("commit the intent") + 1
    for nth in range(1, len(passed) + 1):
        folder = tmp_path / str(nth)
        with scene(folder) as stage:
            recording_id, other = stage.keep(1), stage.keep(2)
            with pytest.raises(Crash):
                run(stage, hand_in(stage, recording_id), CrashAt(nth))
        with scene(folder, clock=stage.clock, start=1) as again:
            part_erasure.finish(again.archive)
            assert again.hear(other) == voice(2)
            if nth <= intent:  # the crash came before that step: nothing was decided
                assert again.hear(recording_id) == voice(1), passed[nth - 1]
                assert again.archive.vault.staged() == ()
            else:
                must_be_erased(again, recording_id)
            assert part_erasure.finish(again.archive) == 0


def test_a_recording_whose_end_came_in_between_is_gone_and_its_part_is_closed(tmp_path: Path) -> None:
    with scene(tmp_path) as stage:
        recording_id = stage.keep(1)
        passed = CrashAt(5)
        with pytest.raises(Crash):
            run(stage, hand_in(stage, recording_id), passed)
    with scene(tmp_path, clock=stage.clock, start=1) as again:
        destruction.destroy(again.archive, Doom(recording_id=recording_id, because=ErasedBecause.WITHDRAWN))
        part_erasure.finish(again.archive)
        assert again.archive.vault.absent(recording_id)
        assert envelopes.of_recording(again.db, recording_id) == ()


def test_one_part_at_a_time_until_its_end_is_on_record(tmp_path: Path) -> None:
    with scene(tmp_path) as stage:
        recording_id = stage.keep(1)
        with pytest.raises(Crash):
            run(stage, hand_in(stage, recording_id), CrashAt(5))
        with pytest.raises(StateConflict, match="has begun"):
            part_erasure.must_not_be_underway(stage.db, recording_id)
        with pytest.raises(StateConflict, match="has begun"):
            run(stage, hand_in(stage, recording_id))
        part_erasure.finish(stage.archive)
        must_be_erased(stage, recording_id)


@pytest.mark.parametrize(
    ("spoil", "error", "told"),
    [
        ("not handed in", NotFound, "nothing was handed in"),
        ("another file", IntegrityError, "is not what was sealed"),
        ("cut", IntegrityError, "no whole sealed file"),
        ("no path", IntegrityError, "must be those of its policy"),
        ("a path of their own", IntegrityError, "must be those of its policy"),
        ("not sealed", StateConflict, "must be sealed"),
        ("after its end", StateConflict, "lasts 87000 ms"),
    ],
)
def test_what_does_not_fit_changes_nothing(
    stage: Scene, spoil: str, error: type[Exception], told: str
) -> None:
    recording_id = stage.capture(3) if spoil == "not sealed" else stage.keep(1)
    part = hand_in(stage, recording_id)
    vault = stage.vault
    match spoil:
        case "not handed in":
            vault.drop_staged(recording_id)
        case "another file":
            hand_in(stage, recording_id, b"other", seed=8)
        case "cut":
            with vault.stage(recording_id) as target:
                target.write(bytes(56 + 7))
        case "no path":
            part = replace(part, shares=())
        case "a path of their own":
            part = replace(part, shares=(*part.shares, replace(part.shares[0], path=KeyPath("agent"))))
        case "after its end":
            part = replace(part, to_ms=99_000)
        case _:
            pass
    with pytest.raises(error, match=told):
        run(stage, part)
    assert stage.db.rows("SELECT * FROM part_erasures") == []
    if spoil != "not sealed":
        assert stage.hear(recording_id) == voice(1)
