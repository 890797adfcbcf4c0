from __future__ import annotations

from pathlib import Path

import pytest

from daemon.marks import GateMark, marks
from tests.agi_scripts.agi_channel import run_agi


@pytest.mark.parametrize("gate", ["kort", "14040", "+31402389111", ""])
def test_the_mark_is_one_that_the_daemon_reads(tmp_path: Path, gate: str) -> None:
    ran = run_agi("gate_mark", [str(tmp_path), "1795286054.17", gate, "1795286067"], [], tmp_path)
    assert (ran.commands, ran.exit_code, ran.talk) == ((), 0, "")
    (mark,) = marks(tmp_path)
    assert isinstance(mark, GateMark)
    assert (mark.call_id, mark.policy_or_number) == ("1795286054.17", gate)
    assert int(mark.at.timestamp()) == 1795286067


@pytest.mark.parametrize("unique_id", ["", "../../etc/passwd", "a b", "x" * 151])
def test_what_is_no_unique_id_becomes_no_file(tmp_path: Path, unique_id: str) -> None:
    ran = run_agi("gate_mark", [str(tmp_path), unique_id, "kort", "1795286067"], [], tmp_path)
    assert (ran.exit_code, list(tmp_path.iterdir())) == (0, [])
