from __future__ import annotations

from pathlib import Path

import pytest

from policy.errors import ConfigError, NotFound
from policy.load import load_policies, load_policy
from tests.conftest import ROOT


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('recording = "60d"', 'recording = "0d"', 'retention.recording: must be a period such as "48h"'),
        (
            'recording = "60d"',
            "recording = 60",
            "retention.recording: input should be a valid string, got 60",
        ),
        ("refuse_key", "refuse_kee", 'consent.refuse_kee: unknown key, did you mean "refuse_key"?'),
        ('refuse_key = "1"', "", 'consent: refuse_key must be a digit such as "1" under mode "opt_out"'),
        ('mode = "opt_out"', 'mode = "announce"', 'consent: refuse_key has no meaning under mode "announce"'),
        ('mode = "opt_out"', 'mode = "ask"', "consent.mode: input should be"),
        ("{why}", "", "notice.text.nl: must hold the slot {why}"),
        ("{refuse_key}", "1", "notice.text.nl: must hold the slot {refuse_key}"),
        ("{organisation}", "{organization}", "slot {organization} has no value here"),
        ("{organisation}", "{organisation", "must be a template"),
        ('default_language = "nl"', 'default_language = "de"', "notice.text.de: must be there"),
        ('withdraw_code = "*9"', 'withdraw_code = "9"', "consent.withdraw_code"),
        ('numbers = ["14040", "+31402389111"]', "numbers = []", "numbers"),
        (
            'call_data = "1y"',
            'call_data = "59d"',
            "retention.call_data: must be no shorter than recording (60d)",
        ),
        ("[retention]", "[retentoin]", 'retentoin: unknown key, did you mean "retention"?'),
        ('numbers = ["14040"', 'name = "other"\nnumbers = ["14040"', "name: unknown key"),
        ("[retention]", "[retention", "must be TOML"),
    ],
)
def test_a_spoilt_policy_gives_one_clear_line(eindhoven_file: Path, old: str, new: str, line: str) -> None:
    spoil(eindhoven_file, old, new)
    with pytest.raises(ConfigError) as caught:
        load_policy(eindhoven_file)
    assert any(line in problem and "eindhoven.toml" in problem for problem in caught.value.problems), (
        caught.value.problems
    )


def test_every_problem_of_every_file_is_told_at_once(eindhoven_file: Path) -> None:
    spoil(eindhoven_file, 'recording = "60d"', 'recording = "0d"')
    spoil(eindhoven_file, "refuse_key", "refuse_kee")
    eindhoven_file.with_name("second.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError) as caught:
        load_policies(eindhoven_file.parent)
    assert len(caught.value.problems) == 3


def test_promises_that_do_not_hang_together_are_told_all_at_once(eindhoven_file: Path) -> None:
    spoil(eindhoven_file, "{why}", "")
    spoil(eindhoven_file, 'call_data = "1y"', 'call_data = "1d"')
    with pytest.raises(ConfigError) as caught:
        load_policy(eindhoven_file)
    assert len(caught.value.problems) == 2


def test_two_policies_cannot_claim_one_number_however_it_is_written(eindhoven_file: Path) -> None:
    other = eindhoven_file.with_name("other.toml")
    other.write_bytes(eindhoven_file.read_bytes())
    spoil(other, '"14040", "+31402389111"', '"0402389111"')
    with pytest.raises(ConfigError, match="is claimed by"):
        load_policies(eindhoven_file.parent)


@pytest.mark.parametrize("number", ["14040", "+31402389111", "0402389111", "0031402389111"])
def test_a_number_selects_its_policy_however_the_trunk_delivers_it(eindhoven_file: Path, number: str) -> None:
    policies = load_policies(eindhoven_file.parent)
    policy = policies.for_number(number)
    assert policy is not None
    assert policy.name == "eindhoven"
    assert policies.for_number("14050") is None


def test_an_unknown_policy_name_lists_the_known_ones(eindhoven_file: Path) -> None:
    with pytest.raises(NotFound, match="eindhoven"):
        load_policies(eindhoven_file.parent).named("eindhove")


def test_the_notice_says_how_to_refuse_how_to_withdraw_and_where_to_read_more() -> None:
    policy = load_policy(ROOT / "policies" / "eindhoven.toml")
    for language, refuse, withdraw in (
        ("nl", "Toets dan nu een 1", "sterretje 9"),
        ("en", "press 1 now", "star 9"),
    ):
        words = policy.spoken("notice", language)
        assert refuse in words
        assert withdraw in words
        assert "eindhoven.nl" in words
        assert "  " not in words


def test_the_language_of_a_channel_falls_back_to_the_policys() -> None:
    policy = load_policy(ROOT / "policies" / "eindhoven.toml")
    assert [policy.language_for(tag) for tag in ("nl", "en_GB", "EN", "fr", "")] == [
        "nl",
        "en",
        "en",
        "nl",
        "nl",
    ]


def test_a_policy_file_that_is_too_large_is_not_read(eindhoven_file: Path) -> None:
    eindhoven_file.write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="at most 1000000 bytes"):
        load_policy(eindhoven_file)
