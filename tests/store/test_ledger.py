"""The ledger: a Merkle log whose every change is found, and said where."""

# ruff: noqa: S608 - the names of tables are this file's own
from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from policy.clock import SteppedClock
from policy.errors import IntegrityError
from store.db import Db, Tx
from store.logbook import ledger, ledger_check
from store.logbook.ledger import Kind
from tests.store.scene import STARTED_AT, CountingRandomness, Scene

SIZE = 37
EXPIRED = (5, 6, 21)
COLUMNS = {
    "ledger": ("at", "kind", "commitment", "leaf"),
    "ledger_payloads": ("subject", "salt", "body"),
    "ledger_nodes": ("hash",),
    "ledger_head": ("size", "peaks", "root"),
}


def tree_hash(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word; the leaves are hashed already."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()


def fill(db: Db, size: int) -> None:
    """Append entries until there are `size`."""
    with db.write() as tx:
        for number in range(ledger.read_head(tx).size, size):
            ledger.append(
                tx,
                Kind.CAPTURED,
                STARTED_AT + timedelta(seconds=number),
                actor="daemon",
                subject=f"subject-{number}",
                payload={"number": number},
            )


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Db]:
    """A ledger of 38 entries, three of them expired."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    db = Db.open(path, clock=SteppedClock(STARTED_AT), randomness=CountingRandomness())
    fill(db, SIZE)
    with db.write() as tx:
        ledger.expire(tx, [f"subject-{number}" for number in EXPIRED], STARTED_AT, "test")
    yield db
    db.close()


def tampered(original: Db) -> Db:
    """A copy in memory, opened as an intruder would: no triggers, no checks."""
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=Tx)
    connection.row_factory = sqlite3.Row
    original._connection.backup(connection)
    for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {row['name']}")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("PRAGMA foreign_keys = OFF")
    return Db(connection, Path(":memory:"), SteppedClock(STARTED_AT))


def dump(db: Db) -> list[tuple[object, ...]]:
    """Every row of the log."""
    tables = ("ledger", "ledger_payloads", "ledger_nodes", "ledger_head")
    return [tuple(row) for table in tables for row in db.rows(f"SELECT * FROM {table} ORDER BY 1, 2")]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 64, 100])
def test_the_root_is_that_of_rfc_6962_at_every_size(tmp_path: Path, size: int) -> None:
    db = Db.open(tmp_path / "ledger.db", clock=SteppedClock(STARTED_AT))
    fill(db, size)
    leaves = [bytes(row["leaf"]) for row in db.rows("SELECT leaf FROM ledger ORDER BY seq")]
    assert ledger.head(db).root == tree_hash(leaves)
    assert ledger.head(db).size == size
    assert ledger_check.verify(db).holds
    db.close()


def test_an_untouched_ledger_holds_and_counts_what_expired(original: Db) -> None:
    report = ledger_check.verify(original)
    assert (report.holds, report.size, report.expired) == (True, SIZE + 1, len(EXPIRED))
    report.must_hold()


def test_a_payload_that_expired_leaves_no_byte_of_itself_and_is_shown_as_expired(original: Db) -> None:
    entry = ledger.show(original, from_seq=5, limit=1)[0]
    assert (entry.expired, entry.subject, entry.actor) == (True, None, None)
    assert entry.to_json()["payload"] == "payload expired"
    assert original.rows("SELECT * FROM ledger_payloads WHERE seq = 5 AND salt IS NOT NULL") == []


def test_entries_about_one_subject_are_shown_alone(original: Db) -> None:
    (entry,) = ledger.show(original, subject="subject-9")
    assert (entry.seq, entry.payload) == (9, {"number": 9})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET at = 0",
        "DELETE FROM ledger",
        "INSERT INTO ledger SELECT seq + 100, at, kind, commitment, leaf FROM ledger",
        "UPDATE ledger_payloads SET body = x'00' WHERE seq = 1",
        "DELETE FROM ledger_payloads",
        "UPDATE ledger_nodes SET number = number + 1",
        "DELETE FROM ledger_nodes",
        "UPDATE ledger_head SET size = 3",
        "DELETE FROM ledger_head",
    ],
)
def test_a_slip_of_our_own_is_stopped_by_the_database(original: Db, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError), original.write() as tx:
        tx.execute(statement)


def flip(db: Db, table: str, column: str, row: int, bit: int) -> int | None:
    """Flip one bit of one cell; return the number of the row's entry where it has one."""
    rows = (
        db.rows(f"SELECT rowid AS id, {column} AS cell FROM {table} ORDER BY 1")
        if table != "ledger_nodes"
        else (db.rows("SELECT level, number, hash AS cell FROM ledger_nodes ORDER BY level, number"))
    )
    chosen = rows[row % len(rows)]
    cell = chosen["cell"]
    assume(cell is not None and cell != "")
    if isinstance(cell, int):
        spoiled: object = cell ^ (1 << bit % 40)
        written = "?"
    else:
        data = bytearray(cell.encode() if isinstance(cell, str) else cell)
        data[(bit // 8) % len(data)] ^= 1 << bit % 8
        spoiled = bytes(data)
        written = "CAST(? AS TEXT)" if isinstance(cell, str) else "?"
    with db.write() as tx:
        if table == "ledger_nodes":
            tx.execute(
                "UPDATE ledger_nodes SET hash = ? WHERE level = ? AND number = ?",
                (spoiled, chosen["level"], chosen["number"]),
            )
            return None
        tx.execute(f"UPDATE {table} SET {column} = {written} WHERE rowid = ?", (spoiled, chosen["id"]))
    return int(chosen["id"]) if table in ("ledger", "ledger_payloads") else None


CELLS = [(table, column) for table, columns in COLUMNS.items() for column in columns]
MUTATIONS = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None
)


@pytest.mark.exhaustive
@given(cell=st.sampled_from(CELLS), row=st.integers(0, 200), bit=st.integers(0, 2**11))
@MUTATIONS
def test_any_flipped_bit_is_found_and_its_entry_named(
    original: Db, cell: tuple[str, str], row: int, bit: int
) -> None:
    db = tampered(original)
    seq = flip(db, *cell, row, bit)
    report = ledger_check.verify(db)
    assert not report.holds
    assert seq is None or seq in {found.seq for found in report.breaks}
    db.close()


@pytest.mark.exhaustive
@given(
    table=st.sampled_from(["ledger", "ledger_payloads"]),
    one=st.integers(0, SIZE),
    other=st.integers(0, SIZE),
)
@MUTATIONS
def test_two_swapped_rows_are_found(original: Db, table: str, one: int, other: int) -> None:
    assume(one != other)
    db = tampered(original)
    before = dump(db)
    with db.write() as tx:
        for old, new in ((one, -1), (other, one), (-1, other)):
            tx.execute(f"UPDATE {table} SET seq = ? WHERE seq = ?", (new, old))
    assume(dump(db) != before)
    assert not ledger_check.verify(db).holds
    db.close()


@pytest.mark.exhaustive
@given(one=st.integers(0, SIZE), other=st.integers(0, SIZE))
@MUTATIONS
def test_two_entries_swapped_whole_are_found_between_them(original: Db, one: int, other: int) -> None:
    assume(one != other)
    db = tampered(original)
    with db.write() as tx:
        for old, new in ((one, -1), (other, one), (-1, other)):
            tx.execute("UPDATE ledger SET seq = ? WHERE seq = ?", (new, old))
            tx.execute("UPDATE ledger_payloads SET seq = ? WHERE seq = ?", (new, old))
    assert {one, other} <= {found.seq for found in ledger_check.verify(db).breaks}
    db.close()


@pytest.mark.exhaustive
@given(table=st.sampled_from(sorted(COLUMNS)), row=st.integers(0, 200))
@MUTATIONS
def test_a_dropped_row_is_found(original: Db, table: str, row: int) -> None:
    assume(table != "ledger_head")
    db = tampered(original)
    with db.write() as tx:
        count = tx.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        key = "level, number" if table == "ledger_nodes" else "seq"
        tx.execute(
            f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} LIMIT 1 OFFSET ?)"
            if key == "level, number"
            else f"DELETE FROM {table} WHERE seq IN (SELECT seq FROM {table} LIMIT 1 OFFSET ?)",
            (row % count,),
        )
    assert not ledger_check.verify(db).holds
    db.close()


def test_the_last_entry_dropped_with_all_that_belongs_to_it_is_found(original: Db) -> None:
    db = tampered(original)
    with db.write() as tx:
        tx.execute("DELETE FROM ledger WHERE seq = ?", (SIZE,))
        tx.execute("DELETE FROM ledger_payloads WHERE seq = ?", (SIZE,))
        tx.execute("UPDATE ledger_head SET size = size - 1")
    report = ledger_check.verify(db)
    assert not report.holds
    db.close()


@pytest.mark.exhaustive
@given(seq=st.integers(-3, SIZE + 10))
@MUTATIONS
def test_an_inserted_entry_is_found(original: Db, seq: int) -> None:
    db = tampered(original)
    with db.write() as tx:
        tx.execute("UPDATE ledger SET seq = -seq - 1000 WHERE seq >= ?", (seq,))
        tx.execute("UPDATE ledger SET seq = -seq - 1000 + 1 WHERE seq <= -1000")
        tx.execute(
            "INSERT INTO ledger SELECT ?, at, kind, commitment, leaf FROM ledger WHERE seq <> ? LIMIT 1",
            (seq, seq),
        )
    assert not ledger_check.verify(db).holds
    db.close()


@pytest.mark.parametrize("table", ["ledger_payloads", "ledger_nodes"])
def test_rows_beyond_the_end_are_found(original: Db, table: str) -> None:
    db = tampered(original)
    with db.write() as tx:
        if table == "ledger_nodes":
            tx.execute("INSERT INTO ledger_nodes VALUES (1, 4000, zeroblob(32))")
        else:
            tx.execute("INSERT INTO ledger_payloads VALUES (4000, '', zeroblob(32), x'7b7d')")
    assert "beyond the end" in ledger_check.verify(db).breaks[0].text
    db.close()


def test_a_payload_that_goes_in_silence_is_found_and_named(original: Db) -> None:
    db = tampered(original)
    with db.write() as tx:
        tx.execute("UPDATE ledger_payloads SET subject = NULL, salt = NULL, body = NULL WHERE seq = 8")
    (found,) = ledger_check.verify(db).breaks
    assert (found.seq, "no entry says" in found.text) == (8, True)
    with pytest.raises(IntegrityError, match="entry 8"):
        ledger_check.verify(db).must_hold()
    db.close()


def test_a_changed_entry_is_one_line_and_not_a_thousand(original: Db) -> None:
    db = tampered(original)
    with db.write() as tx:
        tx.execute("UPDATE ledger_payloads SET body = x'7b7d' WHERE seq = 3")
    (found,) = ledger_check.verify(db).breaks
    assert found.to_json() == {"seq": 3, "text": "entry 3: its payload is not what was committed to"}
    db.close()


def test_nothing_that_was_told_can_be_guessed_from_a_commitment_once_it_expired(stage: Scene) -> None:
    with stage.db.write() as tx:
        for _ in range(2):
            ledger.append(tx, Kind.CAPTURED, STARTED_AT, actor="a", subject="s", payload={})
    commitments = [bytes(row["commitment"]) for row in stage.db.rows("SELECT commitment FROM ledger")]
    assert len(set(commitments)) == len(commitments)


def test_an_entry_is_json_that_a_program_can_read(original: Db) -> None:
    shown = ledger.show(original, from_seq=9, limit=1)[0].to_json()
    assert json.loads(json.dumps(shown))["subject"] == "subject-9"


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("beller 0612345678 belde terug", "beller ******** belde terug"),
        ("+31 6 12 34 56 78", "********"),
        ("0031612345678.", "********."),
        ("06-12345678, BSN 123456782", "********, BSN ********"),
        ("call 1795282161.17", "call 1795282161.17"),
        ("PJSIP/trunk-00000017", "PJSIP/trunk-00000017"),
        ("ab" * 32, "ab" * 32),
        ("0123456789" * 3 + "ab", "0123456789" * 3 + "ab"),
        ("2026-11-21T17:29:21.250Z", "2026-11-21T17:29:21.250Z"),
        ("due on 2027-01-20 at 14040", "due on 2027-01-20 at 14040"),
        ("zaak 2026-001", "zaak 2026-001"),
    ],
)
def test_what_looks_like_somebodys_number_is_masked_and_ids_stay(stage: Scene, told: str, kept: str) -> None:
    with stage.db.write() as tx:
        payload: dict[str, ledger.Json] = {"reason": told, "inner": [{"text": told}], "bytes": 123456789012}
        seq = ledger.append(tx, Kind.CAPTURED, STARTED_AT, actor="a", subject="s", payload=payload)
    (entry,) = ledger.show(stage.db, from_seq=seq)
    assert entry.payload == {"reason": kept, "inner": [{"text": kept}], "bytes": 123456789012}
