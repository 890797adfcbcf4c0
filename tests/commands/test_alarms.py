"""What an administrator at 03:00 looks at, with the daemon and without."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from commands.doctor.alarms import alarm_checks
from commands.doctor.diagnosis import Verdict
from daemon.desks.operations import Operations
from policy.errors import NotFound
from policy.vocabulary import CallId
from store.logbook.ledger import Kind
from store.logbook.ledger import show as show_ledger
from store.records import alarms
from tests.commands.asked import ScriptedOperations
from tests.commands.conftest import CommandLine, one_error
from tests.store.scene import STARTED_AT, scene

Serve = Callable[[Operations], None]
KEYS = {
    *("alarm_id", "kind", "text", "call_id", "raised_at", "last_at", "times"),
    *("cleared_at", "settled_by", "about"),
}


@pytest.fixture
def database(config_file: Path) -> Path:
    """An installation in which two alarms stand."""
    with scene(config_file.parent) as installation, installation.db.write() as tx:
        raised = (("gate_misused", 0), ("foreign_tape", 1), ("foreign_tape", 2))
        for kind, minute in raised:
            at = STARTED_AT + timedelta(minutes=minute)
            alarms.raise_alarm(tx, kind, "look here", call_id=CallId(f"1795282161.{minute}"), at=at)
    return config_file.parent / "consentline.db"


@pytest.mark.usefixtures("database")
def test_offline_it_lists_what_stands_the_latest_last(command: CommandLine) -> None:
    first, last = json.loads(command("alarms", "--json").out)
    assert set(first) == KEYS
    assert [first["kind"], last["kind"], last["times"]] == ["gate_misused", "foreign_tape", 2]
    assert last["call_id"] == "1795282161.2"
    ended = command("alarms")
    assert ended.out.splitlines()[0].split("\t")[:4] == ["alarm_id", "kind", "text", "call_id"]
    assert "foreign_tape: somebody else recorded" in ended.err
    assert ended.err.count("To do: ") == 2


@pytest.mark.usefixtures("database")
def test_offline_settling_is_on_the_ledger_by_whom(command: CommandLine, config_file: Path) -> None:
    (alarm, other) = json.loads(command("alarms", "--json").out)
    (settled,) = json.loads(command("alarms", "--settle", alarm["alarm_id"], "--json").out)
    assert settled["cleared_at"] is not None
    assert settled["settled_by"].startswith("login:")
    assert [row["alarm_id"] for row in json.loads(command("alarms", "--json").out)] == [other["alarm_id"]]
    assert len(json.loads(command("alarms", "--settle", "--all", "--json").out)) == 1
    assert json.loads(command("alarms", "--settle", "--all", "--json").out) == []
    assert json.loads(command("alarms", "--json").out) == []
    with scene(config_file.parent, start=1) as installation:
        cleared = [entry for entry in show_ledger(installation.db) if entry.kind == Kind.ALARM_CLEARED.value]
    assert {entry.actor for entry in cleared} == {settled["settled_by"]}
    assert len(cleared) == 2


@pytest.mark.usefixtures("database")
def test_a_number_that_is_no_alarm_settles_nothing(command: CommandLine) -> None:
    one_error(command("alarms", "--settle", "1", "99"), 4, "no alarm 99", "consentline alarms")
    assert len(json.loads(command("alarms", "--json").out)) == 2


@pytest.mark.parametrize(
    "words",
    [["1"], ["--all"], ["--settle"], ["--settle", "--all", "1"], ["--settle", "0"], ["--settle", "x"]],
)
def test_what_makes_no_sense_is_a_usage_error(command: CommandLine, words: list[str]) -> None:
    assert command("alarms", *words).code == 2


def test_the_daemon_is_asked_where_it_runs(serve: Serve, command: CommandLine) -> None:
    operations = ScriptedOperations([{"alarm_id": 7, "kind": "gate_misused"}])
    serve(operations)
    assert json.loads(command("alarms", "--json").out) == [{"alarm_id": 7, "kind": "gate_misused"}]
    command("alarms", "--settle", "7", "8", "--json")
    command("alarms", "--settle", "--all")
    assert operations.asked == [
        ("alarms", {}),
        ("settle_alarms", {"alarms": (7, 8), "login": True}),
        ("settle_alarms", {"alarms": None, "login": True}),
    ]


def test_what_the_daemon_refuses_has_its_exit_code(serve: Serve, command: CommandLine) -> None:
    serve(ScriptedOperations(refusal=NotFound("no alarm 7", hint="their numbers: consentline alarms")))
    one_error(command("alarms", "--settle", "7"), 4, "no alarm 7")


def test_doctor_notes_what_stands(database: Path, command: CommandLine) -> None:
    (check,) = alarm_checks(database)
    assert check.verdict is Verdict.NOTE
    assert check.found == "2 stand: foreign_tape, gate_misused"
    command("alarms", "--settle", "--all")
    assert [check.verdict for check in alarm_checks(database)] == [Verdict.OK]
    assert [check.verdict for check in alarm_checks(database.with_name("none"))] == [Verdict.PROBLEM]
