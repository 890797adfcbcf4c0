"""Listening in: the script brings a code to the daemon, and says nothing that the daemon did not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agi_scripts.agi_channel import run_agi
from tests.agi_scripts.control_stub import control_socket

CODE, CHANNEL, CALL = "12345678", "1795282161.99", "1795282161.17"


def arguments(folder: Path) -> list[str]:
    return [str(folder / "control.sock"), CODE, CHANNEL]


def test_with_a_code_that_counts_the_dialplan_is_told_which_call_and_for_how_long(tmp_path: Path) -> None:
    answers = {"/monitor-enter": (200, {"call": CALL, "seconds": 300})}
    with control_socket(tmp_path / "control.sock", answers) as asked:
        ran = run_agi("monitor", arguments(tmp_path), ["200 result=1"] * 2, tmp_path)
    assert asked.questions == [("/monitor-enter", {"code": CODE, "channel": CHANNEL})]
    assert [command.split()[:3] for command in ran.commands] == [
        ["SET", "VARIABLE", '"CONSENTLINE_MONITOR_S"'],
        ["SET", "VARIABLE", '"CONSENTLINE_MONITOR"'],
    ]
    assert CALL in ran.commands[1]
    assert (ran.exit_code, ran.talk) == (0, "")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, {"error": "no such code"}),
        (200, {"call": "1795282161.17,qX", "seconds": 300}),
        (200, {"call": "", "seconds": 300}),
        (200, {"call": CALL, "seconds": 0}),
        (200, {"call": CALL}),
    ],
)
def test_whatever_else_the_daemon_says_nothing_may_be_heard(
    tmp_path: Path, status: int, body: dict[str, object]
) -> None:
    with control_socket(tmp_path / "control.sock", {"/monitor-enter": (status, body)}):
        ran = run_agi("monitor", arguments(tmp_path), [], tmp_path)
    assert ran.commands == ()
    assert (ran.exit_code, ran.talk) == (0, "")


def test_without_a_daemon_nothing_may_be_heard(tmp_path: Path) -> None:
    ran = run_agi("monitor", arguments(tmp_path), [], tmp_path)
    assert ran.commands == ()
    assert (ran.exit_code, ran.talk) == (0, "")


def test_a_coach_who_hangs_up_meanwhile_is_no_error(tmp_path: Path) -> None:
    answers = {"/monitor-enter": (200, {"call": CALL, "seconds": 300})}
    with control_socket(tmp_path / "control.sock", answers):
        ran = run_agi("monitor", arguments(tmp_path), ["200 result=-1 (hangup)"], tmp_path)
    assert ran.talk == ""
