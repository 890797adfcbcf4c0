"""Every problem of every policy file, in one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import run
from policy.load import load_policy
from policy.warnings import warnings
from tests.commands.conftest import ROOT
from tests.store.scene import scene


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


def test_what_a_named_person_accepted_is_still_told_and_passes_a_strict_check(
    capsys: pytest.CaptureFixture[str],
) -> None:
    every_key = str(ROOT / "docs" / "every-key.toml")
    assert run(["policy", "check", "--strict", every_key]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Warning: every-key.toml: consent.mode: silence is no consent")
    assert line.endswith("accepted by A. de Vries, Functionaris Gegevensbescherming on 2026-01-20")


@pytest.mark.parametrize(
    "words",
    [
        ["policy", "list"],
        ["policy", "show", "eindhoven"],
        ["publish", "notice", "eindhoven"],
        ["publish", "privacy-statement", "eindhoven", "--to", "site"],
        ["prompts", "build"],
        ["prompts", "check"],
        ["serve"],
        ["doctor"],
    ],
    ids=" ".join,
)
def test_one_malformed_file_stops_every_command_that_goes_by_the_policies_and_changes_nothing(
    config_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    home = config_file.parent
    monkeypatch.chdir(home)
    with scene(home) as installation:
        installation.keep(1)
    (home / "policies" / "heerde.toml").write_bytes(b"\xff\xfe")
    before = {path: path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}
    assert run(["--config", str(config_file), *words]) == 3
    said = capsys.readouterr()
    assert "heerde.toml: must be UTF-8, got byte 0xff at 0" in said.err
    assert said.out == ""
    assert {path: path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()} == before
