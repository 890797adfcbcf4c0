"""Every problem of every policy file, in one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import run
from policy.load import load_policy
from policy.warnings import warnings


def test_sound_files_are_named_and_a_folder_stands_for_its_files(
    eindhoven_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["policy", "check", str(eindhoven_file.parent)]) == 0
    assert capsys.readouterr().out == "eindhoven.toml: sound, opt_out, recordings kept 60d\n"


def test_every_warning_of_a_sound_file_is_told_and_is_no_problem_unless_strict(
    eindhoven_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = [f"Warning: {line}" for line in warnings(load_policy(eindhoven_file))]
    assert any("silence is no consent" in line for line in expected)
    assert run(["policy", "check", str(eindhoven_file)]) == 0
    assert capsys.readouterr().err.splitlines() == expected
    assert run(["policy", "check", "--strict", str(eindhoven_file)]) == 11
    *told, last = capsys.readouterr().err.splitlines()
    assert told == expected
    assert last == f"Error: {len(expected)} warnings, and --strict allows none"


def test_all_problems_of_all_files_come_at_once(
    eindhoven_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = eindhoven_file.parent
    text = eindhoven_file.read_text(encoding="utf-8")
    (folder / "heerde.toml").write_text(text, encoding="utf-8")
    (folder / "nunspeet.toml").write_text(
        text.replace('recording = "60d"', 'recording = "0"').replace('call_data = "1y"', 'call_dat = "1y"'),
        encoding="utf-8",
    )
    (folder / "empty").mkdir()
    files = [eindhoven_file, folder / "heerde.toml", folder / "nunspeet.toml", folder / "gone.toml"]
    assert run(["policy", "check", *map(str, files), str(folder / "empty")]) == 3
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if line.startswith("Error: ")]
    for told in (
        'heerde.toml: numbers: "14040" is claimed by eindhoven.toml already',
        'nunspeet.toml: retention.recording: must be a period such as "48h", "7d", "6m" or "1y", got "0"',
        'nunspeet.toml: retention.call_dat: unknown key, did you mean "call_data"?',
        "gone.toml: cannot be read",
        "must hold at least one policy file",
    ):
        assert sum(told in line for line in lines) == 1, lines
    assert said.out == ""


def test_the_same_file_named_twice_claims_its_numbers_once(eindhoven_file: Path) -> None:
    assert run(["policy", "check", str(eindhoven_file), str(eindhoven_file)]) == 0
