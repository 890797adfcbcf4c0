from __future__ import annotations

from pathlib import Path

import pytest

from tests.agi_scripts.agi_channel import run_agi
from tests.agi_scripts.control_stub import control_socket

RECORDING = "0123456789abcdef" * 2
CALLER_KEY = "caller_key"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name in ("spool", "marks"):
        (tmp_path / name).mkdir()
    for voice in ("caller", "agent"):
        (tmp_path / "spool" / f"{RECORDING}-{voice}.wav").write_bytes(b"RIFF" + bytes(40))
    return tmp_path


def arguments(site: Path, *, recording: str = RECORDING, by: str = CALLER_KEY) -> list[str]:
    folders = [str(site / name) for name in ("control.sock", "spool", "marks")]
    return [*folders, recording, by, "0x7f0011223344"]


def test_without_a_daemon_the_files_go_the_tape_stops_and_a_mark_stays(site: Path) -> None:
    ran = run_agi("withdraw", arguments(site), ["200 result=0"], site)
    assert list((site / "spool").iterdir()) == []
    assert [command.split()[:3] for command in ran.commands] == [
        ["EXEC", "StopMixMonitor", '"0x7f0011223344"']
    ]
    (mark,) = (site / "marks").iterdir()
    assert mark.name == f"withdraw-{RECORDING}"
    assert mark.read_text() == f"{RECORDING} caller_key\n"
    assert ran.talk == ""


def test_a_caller_who_hangs_up_meanwhile_is_withdrawn_all_the_same(site: Path) -> None:
    run_agi("withdraw", arguments(site), ["200 result=-1 (hangup)"], site)
    assert list((site / "spool").iterdir()) == []
    assert len(list((site / "marks").iterdir())) == 1


def test_a_file_that_cannot_be_renamed_keeps_neither_the_tape_running_nor_the_mark_away(site: Path) -> None:
    in_the_way = site / "spool" / f"{RECORDING}-caller.wav.withdrawn"
    (in_the_way / "x").mkdir(parents=True)
    ran = run_agi("withdraw", arguments(site), ["200 result=0"], site)
    assert [command.split()[1] for command in ran.commands] == ["StopMixMonitor"]
    assert len(list((site / "marks").iterdir())) == 1
    assert list((site / "spool").iterdir()) == [in_the_way]


def test_pressing_twice_is_harmless(site: Path) -> None:
    for _ in range(2):
        run_agi("withdraw", arguments(site), ["200 result=0"], site)
    assert len(list((site / "marks").iterdir())) == 1


def test_with_a_daemon_the_script_hands_over_and_touches_nothing(site: Path) -> None:
    with control_socket(site / "control.sock", {"/withdraw": (200, {"state": "withdrawn"})}) as asked:
        ran = run_agi("withdraw", arguments(site), [], site)
    assert asked.questions == [("/withdraw", {"recording": RECORDING, "by": CALLER_KEY})]
    assert ran.commands == ()
    assert len(list((site / "spool").iterdir())) == 2
    assert list((site / "marks").iterdir()) == []


def test_a_daemon_that_says_no_leaves_the_withdrawal_to_the_script(site: Path) -> None:
    with control_socket(site / "control.sock", {"/withdraw": (503, {"error": "busy"})}):
        run_agi("withdraw", arguments(site), ["200 result=0"], site)
    assert list((site / "spool").iterdir()) == []


@pytest.mark.parametrize("recording", ["", "../../etc/passwd", RECORDING[:-1], RECORDING.upper()])
def test_a_call_that_is_not_recorded_and_a_strange_id_change_nothing(site: Path, recording: str) -> None:
    ran = run_agi("withdraw", arguments(site, recording=recording), [], site)
    assert ran.commands == ()
    assert len(list((site / "spool").iterdir())) == 2
    assert list((site / "marks").iterdir()) == []
