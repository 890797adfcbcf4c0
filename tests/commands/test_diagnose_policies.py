"""What the doctor says of policies: what is left open, what deviates, and which version runs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from commands.doctor.diagnosis import Check, Verdict
from commands.doctor.policies import policy_checks
from policy.load import load_policy
from policy.model import Policy
from tests.conftest import ROOT

TODAY = date(2026, 11, 21)
EVERY_KEY = load_policy(ROOT / "docs" / "every-key.toml")
RVO = (ROOT / "policies" / "rvo.toml").read_text(encoding="utf-8")


def _found(policy: Policy, *, today: date = TODAY, verdict: Verdict) -> list[Check]:
    return [check for check in policy_checks([policy], None, today=today) if check.verdict is verdict]


def test_r4_a_selection_list_without_a_period_is_a_problem_until_it_is_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "rvo.toml"
    path.write_text(RVO, encoding="utf-8")
    (check,) = _found(load_policy(path), verdict=Verdict.PROBLEM)
    assert "retention.review_forms: no period filled in for Selectielijst Ministerie van EZK" in check.found
    assert check.advice is not None
    assert 'rvo.toml: period = "5y"' in check.advice
    filled_in = RVO.replace('\ncategory = "QM', '\nperiod = "5y"\ncategory = "QM')
    assert filled_in != RVO
    path.write_text(filled_in, encoding="utf-8")
    assert _found(load_policy(path), verdict=Verdict.PROBLEM) == []


def test_every_open_doubt_is_a_note_and_an_accepted_one_is_in_order() -> None:
    rvo = load_policy(ROOT / "policies" / "rvo.toml")
    notes = [check.found for check in _found(rvo, verdict=Verdict.NOTE)]
    assert any("works_council: agents are reviewed" in found for found in notes)
    assert any("identity.storage.declared_by" in found for found in notes)
    fine = [check.found for check in _found(EVERY_KEY, verdict=Verdict.OK)]
    assert any("accepted by A. de Vries" in found for found in fine)
    storage = EVERY_KEY.identity.storage
    assert storage is not None
    assert any(f"declared by {storage.declared_by} on {storage.declared_on}" in found for found in fine)


def test_h8_a_deviation_is_noted_while_it_lasts_and_a_problem_when_it_is_over() -> None:
    (deviation,) = EVERY_KEY.granted_deviations
    (noted,) = _found(EVERY_KEY, today=deviation.until, verdict=Verdict.NOTE)
    for told in (deviation.finding, deviation.approved_by, str(deviation.until), deviation.deviates_from):
        assert told in noted.found
    (over,) = _found(EVERY_KEY, today=date(2026, 3, 2), verdict=Verdict.PROBLEM)
    assert over.found.startswith("is over: ")


@pytest.mark.parametrize(
    ("runs", "verdict", "told"),
    [
        ({"every-key": EVERY_KEY.content_hash}, Verdict.OK, EVERY_KEY.content_hash[:12]),
        ({"every-key": "0" * 64}, Verdict.NOTE, "the daemon runs version 000000000000, the file is"),
        ({}, Verdict.NOTE, "does not run it yet"),
    ],
)
def test_a_file_that_is_not_what_runs_is_noted(runs: dict[str, str], verdict: Verdict, told: str) -> None:
    checks = policy_checks([EVERY_KEY], runs, today=date(2026, 2, 1))
    (check,) = (check for check in checks if check.name == "policy every-key: in force")
    assert check.verdict is verdict
    assert told in check.found


def test_a_policy_that_runs_although_its_file_is_gone_is_noted() -> None:
    (check,) = policy_checks([], {"heerde": "0" * 64}, today=TODAY)
    assert (check.verdict, "the file is gone" in check.found) == (Verdict.NOTE, True)
