"""The database file: private, durable, shared with a second process, and able to forget."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from policy.clock import SteppedClock
from policy.errors import DestructionIncomplete, IntegrityError, NotFound, Unavailable
from store import schema, settings
from store.db import Db
from store.logbook import ledger, ledger_check
from tests.store.scene import ROOT, STARTED_AT

CLOCK = SteppedClock(STARTED_AT)

WRITER = """
import sys
from pathlib import Path
from policy.clock import SystemClock
from store.logbook import ledger
from store.db import Db
clock = SystemClock()
db = Db.open(Path(sys.argv[1]), clock=clock)
for number in range(int(sys.argv[2])):
    with db.write() as tx:
        ledger.append(tx, ledger.Kind.CAPTURED, clock.now(), actor="second", subject="", payload={})
"""


def test_the_file_and_its_companions_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    db = Db.open(tmp_path / "consentline.db", clock=CLOCK)
    with db.write() as tx:
        settings.put(tx, "name", b"value")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert "consentline.db-wal" in modes
    db.close()


def test_a_block_that_raises_leaves_nothing(tmp_path: Path) -> None:
    db = Db.open(tmp_path / "consentline.db", clock=CLOCK)
    with pytest.raises(RuntimeError), db.write() as tx:
        settings.put(tx, "name", b"value")
        raise RuntimeError("crash")
    assert settings.get(db, "name") is None
    db.close()


def test_opening_again_migrates_nothing_and_keeps_everything(tmp_path: Path) -> None:
    for _ in range(3):
        db = Db.open(tmp_path / "consentline.db", clock=CLOCK)
        with db.write() as tx:
            settings.put(tx, "name", b"value")
        db.close()
    db = Db.open_to_read(tmp_path / "consentline.db", clock=CLOCK)
    assert settings.get(db, "name") == b"value"
    names = [row["name"] for row in db.rows("SELECT name FROM _sqlite_migrations ORDER BY id")]
    assert names == [name for name, _ in schema.IN_ORDER] == sorted(set(names))
    db.close()


def test_what_must_be_durable_is_set_so(tmp_path: Path) -> None:
    db = Db.open(tmp_path / "consentline.db", clock=CLOCK)
    for pragma, expected in (
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("secure_delete", 1),
    ):
        assert db.rows(f"PRAGMA {pragma}")[0][0] == expected
    db.close()


def test_every_table_is_strict(tmp_path: Path) -> None:
    db = Db.open(tmp_path / "consentline.db", clock=CLOCK)
    loose = db.rows(
        "SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0"
        " AND name NOT LIKE 'sqlite%' AND name <> '_sqlite_migrations'"
    )
    assert loose == []
    db.close()


def test_a_second_process_that_writes_all_the_time_makes_no_lock_errors(tmp_path: Path) -> None:
    path = tmp_path / "consentline.db"
    db = Db.open(path, clock=CLOCK)
    rounds = 150
    command = [sys.executable, "-c", WRITER, str(path), str(rounds)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as second:
        for number in range(rounds):
            with db.write() as tx:
                ledger.append(
                    tx, ledger.Kind.SEALED, STARTED_AT, actor="first", subject="", payload={"n": number}
                )
        _, complaint = second.communicate(timeout=60)
        assert (second.returncode, complaint) == (0, "")
    assert ledger_check.verify(db).holds
    assert ledger.head(db).size == 2 * rounds
    db.close()


def test_two_processes_that_create_the_database_at_once_both_succeed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "consentline.db"), "5"]
    started = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [process.wait(timeout=60) for process in started] == [0, 0, 0]


def test_deleted_bytes_are_in_no_file_once_they_are_forgotten(tmp_path: Path) -> None:
    db = Db.open(tmp_path / "consentline.db", clock=CLOCK)
    secret = b"a secret that has to go, " * 400
    with db.write() as tx:
        settings.put(tx, "secret", secret)
    with db.write() as tx:
        settings.drop(tx, "secret")

    def everything() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert secret[:25] in everything()  # in the write-ahead log, hence `forget_deleted`
    db.forget_deleted()
    assert secret[:25] not in everything()
    assert (tmp_path / "consentline.db-wal").stat().st_size == 0
    db.close()


def test_forgetting_while_another_process_reads_says_so_and_works_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "consentline.db"
    db = Db.open(path, clock=CLOCK, busy_timeout_ms=10)
    with db.write() as tx:
        settings.put(tx, "name", b"value")
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM settings").fetchall()
    with db.write() as tx:
        settings.drop(tx, "name")
    with pytest.raises(DestructionIncomplete):
        db.forget_deleted()
    reader.execute("COMMIT")
    reader.close()
    db.forget_deleted()
    db.close()


def test_a_lock_that_is_held_too_long_is_put_into_words(tmp_path: Path) -> None:
    path = tmp_path / "consentline.db"
    db = Db.open(path, clock=CLOCK, busy_timeout_ms=10)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"), db.write():
        pass
    other.execute("ROLLBACK")
    other.close()
    db.close()


def test_a_file_that_is_no_database_is_put_into_words(tmp_path: Path) -> None:
    (tmp_path / "consentline.db").write_bytes(b"not a database" * 100)
    with pytest.raises(IntegrityError, match="not a database"):
        Db.open(tmp_path / "consentline.db", clock=CLOCK)


def test_a_folder_that_is_not_there_is_put_into_words(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be opened"):
        Db.open(tmp_path / "no" / "consentline.db", clock=CLOCK)
    with pytest.raises(NotFound):
        Db.open_to_read(tmp_path / "no" / "consentline.db", clock=CLOCK)


def test_a_database_opened_to_read_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "consentline.db"
    Db.open(path, clock=CLOCK).close()
    db = Db.open_to_read(path, clock=CLOCK)
    with pytest.raises(Unavailable), db.write() as tx:
        settings.put(tx, "name", b"value")
    db.close()
