"""Keys: shown with their fingerprint and with who holds them."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.doctor.diagnosis import Verdict
from commands.doctor.keys import key_checks
from policy.load import load_policy
from tests.store.holding import enrol, hold, own_half
from tests.store.scene import scene

pytestmark = pytest.mark.exhaustive


def test_each_key_is_shown_by_its_fingerprint_and_by_who_holds_it(
    tmp_path: Path, eindhoven_file: Path
) -> None:
    folder = tmp_path / "home"
    with scene(folder) as stage:
        at = stage.clock.now()
        for person in ("anna", "piet"):
            enrol(stage.db, person, at=at)
        hold(stage.db, "anna", stage.halves, "coach", "head", is_custodian=True, at=at)
        hold(stage.db, "piet", stage.halves, "head", at=at)
        fingerprints = {role: half.public.fingerprint for role, half in stage.halves.items()}
    checks = key_checks(folder / "consentline.db", [load_policy(eindhoven_file)])
    found = {check.name: (check.verdict, check.found) for check in checks}
    assert found["cryptography"] == (Verdict.OK, "gives the known answers")
    for role, fingerprint in fingerprints.items():
        assert found[f"reading key eindhoven, {role}"] == (Verdict.OK, fingerprint)
    custody = found["reading key eindhoven, coach: held by"]
    assert custody == (Verdict.NOTE, "anna as custodian, for nobody who wears the role does")
    assert found["reading key eindhoven, head: held by"] == (Verdict.OK, "piet")
    assert found["reading key eindhoven, head: without the role"][1].startswith("piet: ")
    assert found["reading key eindhoven, privacy_officer: held by"][1].startswith("nobody")
    assert found["own key of piet"] == (Verdict.OK, own_half("piet").public.fingerprint)


def test_a_policy_without_a_key_is_a_problem(tmp_path: Path, eindhoven_file: Path) -> None:
    folder = tmp_path / "home"
    with scene(folder):
        pass
    other = tmp_path / "heerde.toml"
    other.write_bytes(eindhoven_file.read_bytes())
    checks = key_checks(folder / "consentline.db", [load_policy(other)])[1:]
    assert len(checks) == 3
    for check in checks:
        assert check.verdict is Verdict.PROBLEM
        assert "consentline init --policy heerde" in (check.advice or "")


def test_a_database_that_is_not_there_is_one_problem(tmp_path: Path, eindhoven_file: Path) -> None:
    (check,) = key_checks(tmp_path / "gone.db", [load_policy(eindhoven_file)])[1:]
    assert (check.name, check.verdict) == ("reading keys", Verdict.PROBLEM)
