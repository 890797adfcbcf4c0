from __future__ import annotations

from pathlib import Path

import pytest

from tests.agi_scripts.agi_channel import run_agi
from tests.agi_scripts.control_stub import control_socket

GATE = {
    "notice": "/prompts/eindhoven/nl/notice",
    "duration_ms": 5000,
    "key": "1",
    "window_ms": 50,
}
WORDS = {"policy": "eindhoven", "language": "nl"}
DONE = WORDS | {"context": "consentline-done", "extension": "refused"}
RECORD = WORDS | {"context": "consentline-record-not_refused", "extension": "ab" * 16}
PLAYED_TO_ITS_END = "200 result=0 endpos=40000"
OK = "200 result=1"
ANSWERED = "200 result=0"


def arguments(site: Path) -> list[str]:
    return [str(site / "control.sock"), "14040", "", "1795282161.17", "nl"]


def test_without_a_daemon_the_script_ends_and_asks_nothing_of_asterisk(tmp_path: Path) -> None:
    ran = run_agi("consent", arguments(tmp_path), [], tmp_path)
    assert ran.commands == ()
    assert ran.exit_code == 0
    assert ran.talk == ""


def test_the_deciding_key_during_the_notice_is_told_with_its_offset(tmp_path: Path) -> None:
    answers = {"/gate": (200, GATE), "/decision": (200, DONE)}
    with control_socket(tmp_path / "control.sock", answers) as asked:
        ran = run_agi(
            "consent", arguments(tmp_path), [ANSWERED, "200 result=49 endpos=8000", *[OK] * 5], tmp_path
        )
    (_, gate), (_, decision) = asked.questions
    assert gate["call_id"] == "1795282161.17"
    assert gate["caller"] == "0612345678"
    assert gate["number"] == "14040"
    assert decision["heard"]["digit"] == "1"
    assert decision["heard"]["heard_ms"] == 1000
    assert not decision["heard"]["finished"]
    assert ran.commands[0] == "ANSWER"
    assert ran.commands[1] == 'STREAM FILE /prompts/eindhoven/nl/notice "1" 0'
    assert 'SET VARIABLE "CONSENTLINE_POLICY" "eindhoven"' in ran.commands
    assert 'SET VARIABLE "CONSENTLINE_LANGUAGE" "nl"' in ran.commands
    assert "SET CONTEXT consentline-done" in ran.commands
    assert "SET EXTENSION refused" in ran.commands


def test_silence_through_notice_and_window_is_told_as_such(tmp_path: Path) -> None:
    answers = {"/gate": (200, GATE), "/decision": (200, RECORD)}
    replies = [ANSWERED, PLAYED_TO_ITS_END, "200 result=0", *[OK] * 5]
    with control_socket(tmp_path / "control.sock", answers) as asked:
        ran = run_agi("consent", arguments(tmp_path), replies, tmp_path)
    heard = asked.questions[1][1]["heard"]
    assert heard["finished"]
    assert heard["window_over"]
    assert heard["digit"] is None
    assert f"SET EXTENSION {'ab' * 16}" in ran.commands


def test_another_key_in_the_window_is_ignored(tmp_path: Path) -> None:
    answers = {"/gate": (200, GATE | {"window_ms": 5000}), "/decision": (200, DONE)}
    replies = [ANSWERED, PLAYED_TO_ITS_END, "200 result=53", "200 result=49", *[OK] * 5]
    with control_socket(tmp_path / "control.sock", answers) as asked:
        run_agi("consent", arguments(tmp_path), replies, tmp_path)
    assert asked.questions[1][1]["heard"]["digit"] == "1"


def test_a_notice_that_stops_short_is_not_finished(tmp_path: Path) -> None:
    answers = {"/gate": (200, GATE), "/decision": (200, DONE)}
    with control_socket(tmp_path / "control.sock", answers) as asked:
        run_agi("consent", arguments(tmp_path), [ANSWERED, "200 result=0 endpos=16000", *[OK] * 5], tmp_path)
    heard = asked.questions[1][1]["heard"]
    assert not heard["finished"]
    assert heard["heard_ms"] == 2000


@pytest.mark.parametrize("reply", ["200 result=-1 endpos=8000", "200 result=0 (hangup)"])
def test_a_caller_who_hangs_up_is_told_and_goes_nowhere(tmp_path: Path, reply: str) -> None:
    answers = {"/gate": (200, GATE), "/decision": (200, DONE)}
    with control_socket(tmp_path / "control.sock", answers) as asked:
        ran = run_agi("consent", arguments(tmp_path), [ANSWERED, reply], tmp_path)
    assert asked.questions[1][1]["heard"]["hung_up"]
    assert len(ran.commands) == 2


def test_a_daemon_that_goes_away_before_the_decision_leaves_the_call_to_the_dialplan(tmp_path: Path) -> None:
    answers = {"/gate": (200, GATE), "/decision": (503, {"error": "gone"})}
    with control_socket(tmp_path / "control.sock", answers):
        ran = run_agi("consent", arguments(tmp_path), [ANSWERED, "200 result=49 endpos=8000"], tmp_path)
    assert len(ran.commands) == 2
    assert ran.exit_code == 0


def test_a_call_that_goes_on_unasked_is_not_answered(tmp_path: Path) -> None:
    unasked = {
        "policy": "",
        "language": "",
        "context": "consentline-done",
        "extension": "out_of_scope",
    }
    with control_socket(tmp_path / "control.sock", {"/gate": (200, unasked)}) as asked:
        ran = run_agi("consent", arguments(tmp_path), [OK] * 5, tmp_path)
    assert [path for path, _ in asked.questions] == ["/gate"]
    assert "ANSWER" not in ran.commands
    assert "SET EXTENSION out_of_scope" in ran.commands


def test_a_caller_who_is_gone_before_the_answer_heard_nothing(tmp_path: Path) -> None:
    answers = {"/gate": (200, GATE), "/decision": (200, DONE)}
    with control_socket(tmp_path / "control.sock", answers) as asked:
        run_agi("consent", arguments(tmp_path), ["200 result=-1"], tmp_path)
    heard = asked.questions[1][1]["heard"]
    assert (heard["hung_up"], heard["heard_ms"], heard["finished"]) == (True, 0, False)
