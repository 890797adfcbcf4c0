"""The commands that ask the daemon: what they ask, what they print, how they fail."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from commands.frame.records import CALL_COLUMNS, RECORDING_COLUMNS
from daemon.desks.operations import Operations
from policy.errors import ClockSuspect, DestructionIncomplete, NotFound
from policy.vocabulary import WithdrawnBy
from tests.commands.asked import ScriptedOperations
from tests.commands.conftest import CommandLine, one_error

Serve = Callable[[Operations], None]

CALL = {
    "call_id": "1795282161.17",
    "number": "14040",
    "policy": "eindhoven",
    "caller": "********78",
    "started_at": "2026-11-21T17:29:21.250Z",
    "ended_at": None,
    "decision": "refused",
    "digit": "1",
    "notice_heard_ms": 2310,
    "recording_id": None,
    "queue": "kcc",
    "answered": True,
    "waited_s": 12,
    "talked_s": 95,
}


def test_json_is_one_array_with_exactly_the_promised_keys(serve: Serve, command: CommandLine) -> None:
    serve(ScriptedOperations([CALL]))
    assert tuple(CALL) == CALL_COLUMNS
    assert json.loads(command("calls", "--json").out) == [CALL]


def test_json_of_nothing_is_an_empty_array(serve: Serve, command: CommandLine) -> None:
    serve(ScriptedOperations())
    assert json.loads(command("recordings", "list", "--json").out) == []


def test_in_a_pipe_rows_are_separated_by_tabs_and_times_are_local(serve: Serve, command: CommandLine) -> None:
    serve(ScriptedOperations([CALL]))
    header, row = command("calls").out.splitlines()
    assert header.split("\t") == list(CALL_COLUMNS)
    assert row.split("\t")[4:8] == ["2026-11-21 18:29:21", "-", "refused", "1"]


def test_what_a_network_supplied_cannot_steer_a_terminal(serve: Serve, command: CommandLine) -> None:
    serve(ScriptedOperations([CALL | {"number": "\x1b[2J14040\n\t"}]))
    line = command("calls").out.splitlines()[1]
    assert "\x1b" not in line
    assert len(line.split("\t")) == len(CALL_COLUMNS)


def test_recordings_show_the_promised_columns(serve: Serve, command: CommandLine) -> None:
    serve(ScriptedOperations())
    assert command("recordings", "list").out == "\t".join(RECORDING_COLUMNS) + "\n"


@pytest.mark.parametrize(
    ("subject", "asked"),
    [
        ("1795282161.17", ("withdraw_call", {"call": "1795282161.17", "by": WithdrawnBy.OPERATOR})),
        ("5f" * 16, ("withdraw", {"recording": "5f" * 16, "by": WithdrawnBy.OPERATOR})),
    ],
)
def test_a_recording_is_withdrawn_by_its_call_or_by_its_own_id(
    serve: Serve, command: CommandLine, subject: str, asked: tuple[str, dict[str, object]]
) -> None:
    operations = ScriptedOperations([{"recording_id": "5f" * 16, "state": "withdrawn", "took_ms": 12}])
    serve(operations)
    ended = command("withdraw", subject)
    assert ended.code == 0
    assert "withdrawn" in ended.out
    assert operations.asked == [asked]


def test_an_unknown_call_is_named_with_its_own_exit_code(serve: Serve, command: CommandLine) -> None:
    serve(ScriptedOperations(refusal=NotFound("no call 1.1", hint="see: consentline calls")))
    one_error(command("withdraw", "1.1"), 4, "no call 1.1", "Hint: see: consentline calls")


def test_purge_asks_what_it_was_told(serve: Serve, command: CommandLine) -> None:
    operations = ScriptedOperations()
    serve(operations)
    command("purge")
    command("purge", "--clock-is-right")
    command("purge", "--dry-run", "--as-of", "2027-01-20T12:00")
    usual = {"dry_run": False, "as_of": None, "clock_is_right": False}
    assert operations.asked == [
        ("purge", usual),
        ("purge", usual | {"clock_is_right": True}),
        ("purge", usual | {"dry_run": True, "as_of": "2027-01-20T11:00:00.000Z"}),
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--as-of", "2027-01-20T12:00"], "only with --dry-run"),
        (["--dry-run", "--as-of", "tomorrow"], 'got "tomorrow"'),
        (["--dry-run", "--clock-is-right"], "has no meaning with --dry-run"),
    ],
)
def test_no_option_moves_the_clock_of_a_purge(
    serve: Serve, command: CommandLine, words: list[str], told: str
) -> None:
    operations = ScriptedOperations()
    serve(operations)
    ended = command("purge", *words)
    assert ended.code == 2
    assert told in ended.err
    assert operations.asked == []


@pytest.mark.parametrize(("kind", "code"), [(ClockSuspect, 10), (DestructionIncomplete, 9)])
def test_a_purge_that_stopped_says_so_by_its_exit_code(
    serve: Serve, command: CommandLine, kind: type[ClockSuspect], code: int
) -> None:
    serve(ScriptedOperations(refusal=kind("something", hint="do this")))
    one_error(command("purge"), code, "something", "do this")


def test_sweep_and_finalise_print_what_was_done(serve: Serve, command: CommandLine) -> None:
    operations = ScriptedOperations([{"recording_id": "5f" * 16, "found": "no bytes", "action": "lost"}])
    serve(operations)
    assert "no bytes" in command("sweep", "--dry-run").out
    assert json.loads(command("finalise", "--json").out)[0]["recording_id"] == "5f" * 16
    assert operations.asked == [("sweep", {"dry_run": True}), ("finalise", {})]
