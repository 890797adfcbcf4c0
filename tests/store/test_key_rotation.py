"""Another key for the log: what each signs, what is believed of a stolen one, and stops at any point."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from policy.errors import IntegrityError, NotFound, StateConflict
from policy.vocabulary import ErasedBecause, RecordingId
from publish.words import Language
from store.logbook import checkpoints, key_rotation, ledger, log_keys, signing_key
from store.logbook.checkpoint_check import Shown
from store.logbook.checkpoints import Because, Checkpoint
from store.logbook.key_rotation import Rotated
from store.logbook.notes import NoteUnsigned, Signer, VerifierKey
from store.proof import declarations, own_papers, receipts, verification
from store.retention import destruction
from store.retention.destruction import Doom
from tests.store.scene import CountingRandomness, Crash, CrashAt, Scene, recording_named, scene

pytestmark = pytest.mark.exhaustive


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    """An installation whose log is signed."""
    with scene(tmp_path / "store") as stage:
        yield stage


def path_of(stage: Scene) -> Path:
    return stage.spool.parent / "ledger.key"


def signer(stage: Scene) -> Signer:
    now = stage.clock.now()
    return signing_key.prepare(path_of(stage), stage.db, stage.archive.randomness, at=now, actor="test")


def sign(stage: Scene) -> checkpoints.Signed:
    return checkpoints.make(stage.db, signer(stage), because=Because.ASKED, at=stage.clock.now())


def rotate(stage: Scene, crash: CrashAt | None = None) -> Rotated:
    path, now = path_of(stage), stage.clock.now()
    randomness = stage.archive.randomness
    if crash is None:
        return key_rotation.rotate(path, stage.db, randomness, at=now, actor="login:test")
    return key_rotation.rotate(path, stage.db, randomness, at=now, actor="login:test", step=crash)


def breaks(stage: Scene, trusted: VerifierKey | None = None, *shown: Shown) -> list[str]:
    verified = verification.verify(stage.db, vault=None, shown=shown, trusted=trusted)
    return [one.text for one in verified.report.breaks]


def gone(stage: Scene, number: int) -> RecordingId:
    stage.keep(number)
    destruction.destroy(
        stage.archive, Doom(recording_id=recording_named(number), because=ErasedBecause.REQUEST)
    )
    return recording_named(number)


def test_the_old_key_vouches_for_the_new_one_which_signs_from_then_on(stage: Scene) -> None:
    old = signer(stage)
    before = sign(stage)
    done = rotate(stage)
    new = signer(stage)
    assert (done.old, done.new) == (old.key, new.key)
    assert new.name == old.name
    assert new.key != old.key
    assert stat.S_IMODE(path_of(stage).stat().st_mode) == 0o600
    assert old.private_text.encode() not in stage.every_byte()
    for key in (old.key, new.key):
        assert checkpoints.open_checkpoint(done.note, key).size == done.size
    after = sign(stage)
    with pytest.raises(NoteUnsigned):
        checkpoints.open_checkpoint(after.note, old.key)
    spans = log_keys.spans_in(stage.db)
    assert [(span.first <= before.size, span.last) for span in spans] == [(True, done.size), (False, None)]
    shown = [Shown(where="kluis", note=one.note) for one in (before, after)]
    for trusted in (None, old.key, new.key):
        assert breaks(stage, trusted, *shown) == []
    (told,) = (entry for entry in ledger.show(stage.db) if entry.seq == done.size - 2)
    assert (told.kind, told.payload, told.actor) == (
        "checkpoint_key_added",
        {"vkey": new.key.text},
        "login:test",
    )


def test_one_rotation_after_the_other(stage: Scene) -> None:
    keys = [signer(stage).key]
    for _ in range(3):
        keys.append(rotate(stage).new)
        sign(stage)
    assert [span.key for span in log_keys.spans_in(stage.db)] == keys
    for trusted in keys:
        assert breaks(stage, trusted) == []


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_cut_off_at_any_step_the_log_is_signed_on_and_the_next_run_finishes(stage: Scene, nth: int) -> None:
    old = signer(stage)
    with pytest.raises(Crash):
        rotate(stage, CrashAt(nth))
    if nth < 3:
        assert signer(stage) == old
        assert sign(stage).size
        torn = path_of(stage).parent / "ledger.key.new"
        torn.write_text("half a k")
        torn.chmod(0o600)
    rotated = rotate(stage)
    assert (rotated.old, rotated.new) == (old.key, signer(stage).key)
    assert len(log_keys.spans_in(stage.db)) == 2
    assert list(path_of(stage).parent.glob("ledger.key*")) == [path_of(stage)]
    sign(stage)
    assert breaks(stage) == []


def test_whoever_signs_next_finishes_a_rotation_that_was_cut_off(stage: Scene) -> None:
    old = signer(stage)
    with pytest.raises(Crash):
        rotate(stage, CrashAt(3))
    assert signer(stage) != old
    assert sign(stage).checkpoint.origin == old.name
    assert breaks(stage) == []


def test_without_a_key_or_its_file_nothing_is_rotated(stage: Scene) -> None:
    with pytest.raises(StateConflict, match="no signing key yet"):
        rotate(stage)
    signer(stage)
    path_of(stage).unlink()
    with pytest.raises(NotFound, match="is gone"):
        rotate(stage)
    assert len(log_keys.spans_in(stage.db)) == 1


# ---------------------------------------------------------------- a thief of the old key


def test_a_checkpoint_that_the_old_key_signs_beyond_its_last_is_not_believed(stage: Scene) -> None:
    old = signer(stage)
    rotate(stage)
    genuine = sign(stage).checkpoint
    forged = old.sign(genuine.text)
    for trusted in (None, old.key):
        (found,) = breaks(stage, trusted, Shown(where="kluis/forged", note=forged))
        assert found.startswith(f"kluis/forged: was signed over {genuine.size} entries by a key that signs")


def test_a_key_that_nobody_vouched_for_is_a_break(stage: Scene) -> None:
    signer(stage)
    sign(stage)
    mine = Signer.make(signer(stage).name, CountingRandomness(88))
    with stage.db.write() as tx:
        log_keys.add(tx, mine.key, at=stage.clock.now(), actor="me")
    seq = ledger.head(stage.db).size - 1
    checkpoints.make(stage.db, mine, because=Because.KEY, at=stage.clock.now())
    (found,) = breaks(stage)
    assert f"checkpoint of {seq + 2} entries: note: bears no signature" in found
    with stage.db.write() as tx:
        log_keys.add(tx, Signer.make(mine.name, CountingRandomness(89)).key, at=stage.clock.now(), actor="me")
    assert any("vouches for no such key" in text for text in breaks(stage))


def test_an_old_receipt_still_proves_by_the_old_vkey_and_by_the_log(stage: Scene) -> None:
    old = signer(stage)
    receipt = receipts.give(stage.archive, old, gone(stage, 1), Language.NL)
    declared = declare(stage, old)
    rotate(stage)
    assert receipts.confirm(receipt, old.key).recording_id == recording_named(1)
    paper = own_papers.confirm_here(stage.db, receipt)
    assert paper.receipt is not None
    assert (paper.receipt.recording_id, paper.key) == (recording_named(1), old.key)
    assert own_papers.confirm_here(stage.db, declared).key == old.key


def test_a_receipt_of_what_went_before_the_rotation_needs_the_new_vkey_only(stage: Scene) -> None:
    recording_id = gone(stage, 1)
    sign(stage)
    rotate(stage)
    receipt = receipts.give(stage.archive, signer(stage), recording_id, Language.NL)
    assert own_papers.confirm(receipt, signer(stage).key).receipt is not None
    assert own_papers.confirm_here(stage.db, receipt).key == signer(stage).key


def test_no_text_that_the_old_key_signs_after_the_rotation_is_believed_by_the_log(stage: Scene) -> None:
    old = signer(stage)
    recording_id = gone(stage, 1)
    receipt = receipts.give(stage.archive, old, recording_id, Language.NL)
    rotate(stage)
    words = receipt.rpartition("\n\n")[0] + "\n"
    reworded = old.sign(words.replace("de betrokkene vroeg erom", "er was geen gesprek bij"))
    assert receipts.confirm(reworded, old.key), "who knows nothing but the old vkey cannot tell"
    with pytest.raises(IntegrityError, match="the ledger tells of no such text"):
        own_papers.confirm_here(stage.db, reworded)
    another_log = old.sign(Checkpoint(origin=old.name, size=3, root=bytes(32)).text)
    with pytest.raises(IntegrityError, match="is not of this installation's log"):
        declared = old.sign(f"{words_of_a_declaration(stage)}\n{another_log}")
        own_papers.confirm_here(stage.db, declared)
    with pytest.raises(NoteUnsigned):
        stranger = Signer.make(old.name, CountingRandomness(87))
        own_papers.confirm_here(stage.db, stranger.sign(words))


def declare(stage: Scene, by: Signer) -> str:
    now = stage.clock.now()
    return declarations.declare(
        stage.archive, by, policy=None, since=now.replace(month=1), until=now, language=Language.NL
    )


def words_of_a_declaration(stage: Scene) -> str:
    """Return the text above the checkpoint in one of the log's own."""
    text = declare(stage, signer(stage))
    return text.partition(f"\n{signer(stage).name}\n")[0]
