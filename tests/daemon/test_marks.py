from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon.marks import GateMark, UnreadableMark, WithdrawMark, marks
from policy.vocabulary import WithdrawnBy

RECORDING = "0123456789abcdef" * 2


def test_the_marks_of_the_dialplan_and_the_script_are_read(tmp_path: Path) -> None:
    (tmp_path / "gate-1795282161.17").write_text("1795282161.17 14040 1795282165")
    (tmp_path / f"withdraw-{RECORDING}").write_text(f"{RECORDING} agent_key\n")
    gate, withdraw = marks(tmp_path)
    assert isinstance(gate, GateMark)
    assert (gate.call_id, gate.policy_or_number) == ("1795282161.17", "14040")
    assert gate.at == datetime.fromtimestamp(1795282165, UTC)
    assert isinstance(withdraw, WithdrawMark)
    assert (withdraw.recording_id, withdraw.by) == (RECORDING, WithdrawnBy.AGENT_KEY)


def test_a_mark_without_policy_or_number_is_read(tmp_path: Path) -> None:
    (tmp_path / "gate-my_pbx-1.2").write_text("my_pbx-1.2  1795282165")
    (gate,) = marks(tmp_path)
    assert isinstance(gate, GateMark)
    assert (gate.call_id, gate.policy_or_number) == ("my_pbx-1.2", "")


@pytest.mark.parametrize("content", [b"", b"1795282161.17", b"\xff\xfe", b"a b c", b"x" * 10_000])
def test_what_is_no_mark_is_told_as_unreadable(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "gate-1").write_bytes(content)
    (mark,) = marks(tmp_path)
    assert isinstance(mark, UnreadableMark)


def test_an_unfinished_mark_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / f"withdraw-{RECORDING}.new").write_text(RECORDING)
    assert list(marks(tmp_path)) == []
