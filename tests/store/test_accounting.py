"""What the ledger tells against what there is: rows, keys and files in the vault."""

# ruff: noqa: S608 - the ids are this file's own
from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from policy.errors import Unavailable
from policy.vocabulary import ErasedBecause
from store.proof import accounting, verification
from store.retention import call_data, destruction
from store.retention.destruction import Doom
from tests.store.scene import Scene, recording_named

pytestmark = pytest.mark.exhaustive  # whole command lines: seconds, not milliseconds


def texts(stage: Scene) -> list[str]:
    return [found.text for found in accounting.account(stage.db, stage.archive.vault).breaks]


def erase(stage: Scene, number: int) -> None:
    destruction.destroy(
        stage.archive, Doom(recording_id=recording_named(number), because=ErasedBecause.REQUEST)
    )


def without_guards(stage: Scene) -> None:
    with stage.db.write() as tx:
        found = tx.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for row in found:
            tx.execute(f"DROP TRIGGER {row['name']}")


def execute(stage: Scene, sql: str) -> None:
    stage.db._connection.execute("PRAGMA foreign_keys = OFF")
    with stage.db.write() as tx:
        tx.execute(sql)


def test_what_was_kept_and_what_was_erased_agree(stage: Scene) -> None:
    for number in (1, 2, 3):
        stage.keep(number)
    stage.begin(4)
    stage.capture(5)
    erase(stage, 2)
    found = accounting.account(stage.db, stage.archive.vault)
    assert (found.kept, found.erased, found.breaks) == (2, 1, ())
    verified = verification.verify(stage.db, vault=stage.archive.vault)
    assert verified.report.holds
    assert verified.to_json()["recordings"] == {"kept": 2, "erased": 1, "files_read": 0}


def restore_file(stage: Scene) -> None:
    path = stage.vault.path(recording_named(1))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"back again")


def restore_key(stage: Scene) -> None:
    """A row from an older copy of the database; here that of another recording stands in for it."""
    execute(
        stage,
        f"UPDATE envelopes SET recording_id = '{recording_named(1)}'"
        f" WHERE recording_id = '{recording_named(3)}'",
    )


def unerase(stage: Scene) -> None:
    execute(
        stage,
        "UPDATE recordings SET erased_at = NULL, intended_at = NULL, erased_because = NULL, state = 'lost'"
        f" WHERE recording_id = '{recording_named(1)}'",
    )


def forget_row(stage: Scene) -> None:
    execute(stage, f"DELETE FROM recordings WHERE recording_id = '{recording_named(2)}'")


def lose_file(stage: Scene) -> None:
    stage.vault.path(recording_named(2)).unlink()


def cut_file(stage: Scene) -> None:
    stage.vault.path(recording_named(2)).write_bytes(b"short")


def lose_key(stage: Scene) -> None:
    execute(stage, f"DELETE FROM envelopes WHERE recording_id = '{recording_named(2)}'")


def other_hash(stage: Scene) -> None:
    execute(stage, f"UPDATE recordings SET sealed_sha256 = '{'0' * 64}'")


def pretend_erased(stage: Scene) -> None:
    stage.vault.path(recording_named(2)).unlink()
    execute(stage, f"DELETE FROM envelopes WHERE recording_id = '{recording_named(2)}'")
    execute(
        stage,
        "UPDATE recordings SET erased_at = 1, intended_at = 1, erased_because = 'due', state = 'purged'"
        f" WHERE recording_id = '{recording_named(2)}'",
    )


def stranger(stage: Scene) -> None:
    path = stage.vault.path(recording_named(77))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"whose?")


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (restore_file, "is erased, but its file is in the vault"),
        (restore_key, "is erased, but its key is there"),
        (unerase, "was destroyed by entry"),
        (forget_row, "there is no recording"),
        (lose_file, "is sealed, but its file is not in the vault"),
        (cut_file, "its file has 5 bytes"),
        (lose_key, "no key of it is there"),
        (other_hash, "its hash is not the one on the ledger"),
        (pretend_erased, "is erased, and no entry says so"),
        (stranger, "a sealed file of no known recording"),
    ],
)
def test_what_does_not_agree_is_named(stage: Scene, tamper: Callable[[Scene], None], told: str) -> None:
    for number in (1, 2, 3):
        stage.keep(number)
    erase(stage, 1)
    without_guards(stage)
    tamper(stage)
    found = texts(stage)
    assert any(told in text for text in found), found
    names = [recording_named(number) for number in (1, 2, 3, 77)]
    assert all(any(name in text for name in names) or told in text for text in found)


def test_payloads_that_expired_leave_numbers_that_have_to_agree(stage: Scene) -> None:
    for number in (1, 2):
        stage.keep(number)
        erase(stage, number)
    stage.clock.advance(timedelta(days=500))
    due = call_data.kept(stage.db, until=stage.clock.now())
    assert call_data.erase(stage.db, due, at=stage.clock.now()) == 2
    assert texts(stage) == []
    stage.keep(3)
    without_guards(stage)
    pretend = "UPDATE recordings SET erased_at = 1, intended_at = 1, erased_because = 'due', state = 'purged'"
    stage.vault.path(recording_named(3)).unlink()
    execute(stage, "DELETE FROM envelopes")
    execute(stage, f"{pretend} WHERE recording_id = '{recording_named(3)}'")
    assert texts(stage) == ["3 recordings are erased without an entry, 2 such entries have expired"]


def test_a_vault_that_is_not_there_is_no_absence(stage: Scene) -> None:
    stage.keep(1)
    stage.vault.folder.rename(stage.vault.folder.with_name("elsewhere"))
    with pytest.raises(Unavailable, match="must be the vault"):
        accounting.account(stage.db, stage.archive.vault)


def test_every_sealed_file_is_read_where_that_is_asked(stage: Scene) -> None:
    first, second = stage.keep(1), stage.keep(2)
    vault = stage.vault
    whole = accounting.account(stage.db, vault, contents=True)
    assert (whole.read, whole.breaks) == (2, ())
    data = bytearray(vault.path(first).read_bytes())
    data[70] ^= 1
    vault.path(first).write_bytes(data)
    vault.path(second).unlink()
    vault.path(second).mkdir()
    told = [found.text for found in accounting.account(stage.db, vault, contents=True).breaks]
    assert told[0] == f"recording {first}: its file's bytes are not those that were sealed"
    assert [second in text for text in told[1:]] == [True]
