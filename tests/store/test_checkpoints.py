"""Checkpoints: what they say, when one is wanted, and what is never signed."""

from __future__ import annotations

import sqlite3
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from policy.errors import IntegrityError, NotFound, Unavailable
from policy.vocabulary import ErasedBecause
from store.logbook import checkpoints, ledger, log_keys, signing_key
from store.logbook.checkpoints import Because, Checkpoint
from store.logbook.ledger import Kind
from store.logbook.notes import NoteMalformed, NoteUnsigned, Signer
from store.retention import destruction
from store.retention.destruction import Doom
from tests.store.scene import STARTED_AT, CountingRandomness, Scene

pytestmark = pytest.mark.exhaustive  # takes seconds: with make test

SIGNER = Signer.make("consentline/test", CountingRandomness(9))

# Source: c2sp.org/tlog-checkpoint, the example at its top.
TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def make(stage: Scene, because: Because = Because.ASKED) -> checkpoints.Signed:
    return checkpoints.make(stage.db, SIGNER, because=because, at=stage.clock.now())


def test_the_example_of_the_specification_is_read_and_written_the_same() -> None:
    checkpoint = Checkpoint.parse(TEXT)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text == TEXT
    assert Checkpoint.parse(TEXT + "more\n") == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n1\n",
        TEXT.replace("20852163", "020852163"),
        TEXT.replace("20852163", "-1"),
        TEXT.replace("20852163", "٣"),
        TEXT.replace("20852163", "9" * 40),
        TEXT.replace("CsUY", "CsU"),
        TEXT.replace("2I=", "2J="),
        TEXT[:-1],
        "\n" + TEXT,
        TEXT + "\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteMalformed):
        Checkpoint.parse(text)


def test_a_checkpoint_signs_the_log_with_its_own_entry_in_it(stage: Scene) -> None:
    signed = make(stage)
    head = ledger.head(stage.db)
    opened = checkpoints.open_checkpoint(signed.note, SIGNER.key)
    assert (opened.origin, opened.size, opened.root) == ("consentline/test", head.size, head.root)
    (entry,) = ledger.show(stage.db, from_seq=head.size - 1)
    assert (entry.kind, entry.payload, entry.at) == ("checkpoint", {"because": "asked"}, signed.made_at)
    assert checkpoints.last(stage.db) == signed
    with pytest.raises(NoteUnsigned):
        checkpoints.open_checkpoint(signed.note, Signer.make("consentline/test", CountingRandomness(8)).key)


def test_one_is_wanted_at_first_after_an_hour_and_after_a_destruction(stage: Scene) -> None:
    assert checkpoints.wanted(stage.db, stage.clock.now()) is Because.HOUR
    make(stage)
    recording = stage.keep(1)
    stage.clock.advance(timedelta(minutes=59, seconds=59))
    assert checkpoints.wanted(stage.db, stage.clock.now()) is None
    destruction.destroy(stage.archive, Doom(recording_id=recording, because=ErasedBecause.REQUEST))
    assert checkpoints.wanted(stage.db, stage.clock.now()) is Because.DESTRUCTION
    make(stage)
    assert checkpoints.wanted(stage.db, stage.clock.now()) is None
    stage.clock.advance(timedelta(hours=1))
    assert checkpoints.wanted(stage.db, stage.clock.now()) is Because.HOUR


def test_what_covers_an_entry_is_the_first_checkpoint_behind_it(stage: Scene) -> None:
    first = make(stage)
    second = make(stage)
    assert checkpoints.covering(stage.db, 0) == first
    assert checkpoints.covering(stage.db, first.size) == second
    assert checkpoints.covering(stage.db, second.size) is None


def test_each_target_has_a_backlog_of_its_own(stage: Scene) -> None:
    made = [make(stage) for _ in range(3)]
    with stage.db.write() as tx:
        checkpoints.note_delivered(tx, "a", made[1].size, stage.clock.now())
        checkpoints.note_delivered(tx, "a", made[0].size, stage.clock.now())
    assert checkpoints.waiting(stage.db, "a") == (made[2],)
    assert checkpoints.waiting(stage.db, "b") == tuple(made)
    assert checkpoints.waiting(stage.db, "b", limit=1) == (made[0],)
    assert (checkpoints.count_waiting(stage.db, "a"), checkpoints.count_waiting(stage.db, "b")) == (1, 3)
    delivered = checkpoints.delivered_to(stage.db, "a")
    assert delivered is not None and delivered.size == made[1].size
    assert checkpoints.delivered_to(stage.db, "b") is None


def test_a_log_that_does_not_begin_with_what_was_signed_is_not_signed_again(stage: Scene) -> None:
    stage.keep(1)
    make(stage)
    with stage.db.write() as tx:
        tx.execute("DROP TRIGGER ledger_nodes_are_never_changed")
        tx.execute("UPDATE ledger_nodes SET hash = zeroblob(32)")
    size = ledger.head(stage.db).size
    with pytest.raises(IntegrityError, match="nothing is signed"):
        make(stage)
    assert ledger.head(stage.db).size == size


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE checkpoints SET note = 'x'",
        "DELETE FROM checkpoints",
        "INSERT INTO checkpoints (size, note) VALUES (1, 'x')",
        "UPDATE checkpoint_keys SET vkey = 'x'",
        "DELETE FROM checkpoint_keys",
    ],
)
def test_a_slip_of_our_own_is_stopped_by_the_database(stage: Scene, tmp_path: Path, statement: str) -> None:
    signer = prepare(stage, tmp_path)
    checkpoints.make(stage.db, signer, because=Because.HOUR, at=STARTED_AT)
    with stage.db.write() as tx:
        ledger.append(tx, Kind.CAPTURED, STARTED_AT, actor="daemon", subject="", payload={})
    with pytest.raises(sqlite3.IntegrityError), stage.db.write() as tx:
        tx.execute(statement)


def prepare(stage: Scene, folder: Path) -> Signer:
    return signing_key.prepare(
        folder / "ledger.key", stage.db, stage.archive.randomness, at=stage.clock.now(), actor="test"
    )


def test_the_key_is_made_once_private_and_on_the_ledger(stage: Scene, tmp_path: Path) -> None:
    signer = prepare(stage, tmp_path)
    assert prepare(stage, tmp_path) == signer
    assert stat.S_IMODE((tmp_path / "ledger.key").stat().st_mode) == 0o600
    assert [span.key for span in log_keys.spans_in(stage.db)] == [signer.key]
    (entry,) = (entry for entry in ledger.show(stage.db) if entry.kind == "checkpoint_key_added")
    assert entry.payload == {"vkey": signer.key.text}


def test_a_key_file_that_a_crash_left_is_taken_up(stage: Scene, tmp_path: Path) -> None:
    left = signing_key.create(tmp_path / "ledger.key", CountingRandomness(5))
    assert prepare(stage, tmp_path) == left


def test_a_key_that_is_gone_is_never_replaced_in_silence(stage: Scene, tmp_path: Path) -> None:
    prepare(stage, tmp_path)
    (tmp_path / "ledger.key").unlink()
    with pytest.raises(NotFound, match="is gone"):
        prepare(stage, tmp_path)


def test_another_key_and_a_key_that_others_may_read_are_refused(stage: Scene, tmp_path: Path) -> None:
    prepare(stage, tmp_path)
    path = tmp_path / "ledger.key"
    path.chmod(0o640)
    with pytest.raises(IntegrityError, match="others may read"):
        prepare(stage, tmp_path)
    path.unlink()
    signing_key.create(path, CountingRandomness(6))
    with pytest.raises(IntegrityError, match="must hold the key"):
        prepare(stage, tmp_path)
    with pytest.raises(Unavailable, match="cannot be written"):
        signing_key.create(path, CountingRandomness(7))
