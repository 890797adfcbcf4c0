"""Where else numbers are kept: named with their term."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from commands.doctor.asterisk_files import AsteriskFiles
from commands.doctor.diagnosis import Verdict
from commands.doctor.logrotate import rotations
from commands.doctor.records import record_checks


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "asterisk.conf").write_text(
        f"[directories]\nastlogdir => {tmp_path}/log\nastdbdir => {tmp_path}\n"
    )
    return tmp_path


def _found(etc: Path, stanza: str = "") -> dict[str, list[tuple[Verdict, str]]]:
    found: dict[str, list[tuple[Verdict, str]]] = {}
    for check in record_checks(AsteriskFiles(folder=etc), rotations([stanza])):
        found.setdefault(check.name, []).append((check.verdict, check.found))
    return found


def test_each_place_is_looked_at_once_and_named_even_when_it_keeps_nothing(etc: Path) -> None:
    (etc / "cdr.conf").write_text("[general]\nenable = no\n")
    (etc / "logger.conf").write_text("[general]\nqueue_log = no\n[logfiles]\nmessages => notice,warning\n")
    assert {name: [verdict for verdict, _ in found] for name, found in _found(etc).items()} == {
        "numbers in CDR": [Verdict.OK],
        "numbers in CEL": [Verdict.OK],
        "numbers in queue_log": [Verdict.OK],
        "numbers in full log": [Verdict.OK],
        "numbers in astdb": [Verdict.OK],
    }


def test_cdr_is_on_unless_it_is_switched_off_and_each_backend_is_named(etc: Path) -> None:
    (etc / "cdr.conf").write_text("[csv]\nloguserfield = yes\n")
    (etc / "cdr_custom.conf").write_text("[mappings]\nsimple.csv => ${CDR(clid)}\n")
    (etc / "cdr_adaptive_odbc.conf").write_text("[kept]\nconnection = asterisk\n")
    (etc / "cdr_manager.conf").write_text("[general]\nenabled = yes\n")
    found = " / ".join(text for _, text in _found(etc)["numbers in CDR"])
    for place in ("cdr-csv/Master.csv", "cdr-custom/simple.csv", "cdr_adaptive_odbc.conf", "AMI user"):
        assert place in found


def test_the_term_is_what_logrotate_says(etc: Path) -> None:
    (etc / "logger.conf").write_text("[logfiles]\nfull => notice,[json]verbose(3)\n")
    stanza = f"{etc}/log/full {{\n weekly\n rotate 4\n}}\n"
    found = _found(etc, stanza)
    assert found["numbers in full log"] == [
        (Verdict.NOTE, f"{etc}/log/full (verbose): kept 35 days (logrotate)")
    ]
    assert "kept for ever" in found["numbers in queue_log"][0][1]


def test_cel_is_off_unless_it_is_switched_on(etc: Path) -> None:
    assert _found(etc)["numbers in CEL"][0][0] is Verdict.OK
    (etc / "cel.conf").write_text("[general]\nenable = yes\n")
    (etc / "cel_custom.conf").write_text("[mappings]\nMaster.csv => ${CALLERID(num)}\n")
    assert "cel-custom/Master.csv" in _found(etc)["numbers in CEL"][0][1]


def test_astdb_is_searched_for_what_looks_like_a_number(etc: Path) -> None:
    with closing(sqlite3.connect(etc / "astdb.sqlite3")) as database:
        database.execute("CREATE TABLE astdb (key TEXT PRIMARY KEY, value TEXT)")
        database.execute("INSERT INTO astdb VALUES ('/cidname/+31402389111', 'x'), ('/SIP/Registry', '12')")
        database.commit()
    ((verdict, found),) = _found(etc)["numbers in astdb"]
    assert verdict is Verdict.NOTE
    assert "1 keys in cidname" in found


def test_an_astdb_that_is_no_database_is_a_note_and_not_a_crash(etc: Path) -> None:
    (etc / "astdb.sqlite3").write_bytes(b"not a database, not at all" * 100)
    assert "cannot be read" in _found(etc)["numbers in astdb"][0][1]
