"""Reading keys: shown with their fingerprint and with who can open them."""

from __future__ import annotations

from pathlib import Path

from commands.diagnose_keys import key_checks
from commands.diagnosis import Verdict
from policy.load import load_policy
from tests.store.scene import scene


def test_a_key_is_shown_by_its_fingerprint_and_by_who_opens_it(tmp_path: Path, eindhoven_file: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    with scene(folder) as installation:
        fingerprint = installation.private.public.fingerprint
    checks = key_checks(folder / "consentline.db", [load_policy(eindhoven_file)])
    assert [(check.name, check.verdict, check.found) for check in checks[:2]] == [
        ("cryptography", Verdict.OK, "gives the known answers"),
        ("reading key eindhoven", Verdict.OK, fingerprint),
    ]
    assert checks[2].verdict is Verdict.NOTE
    assert checks[2].found.startswith("nobody")


def test_a_policy_without_a_key_is_a_problem(tmp_path: Path, eindhoven_file: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    with scene(folder):
        pass
    other = tmp_path / "heerde.toml"
    other.write_bytes(eindhoven_file.read_bytes())
    (check,) = key_checks(folder / "consentline.db", [load_policy(other)])[1:]
    assert check.verdict is Verdict.PROBLEM
    assert "consentline init --policy heerde" in (check.advice or "")


def test_a_database_that_is_not_there_is_one_problem(tmp_path: Path, eindhoven_file: Path) -> None:
    (check,) = key_checks(tmp_path / "gone.db", [load_policy(eindhoven_file)])[1:]
    assert (check.name, check.verdict) == ("reading keys", Verdict.PROBLEM)
