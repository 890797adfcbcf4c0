"""What the model makes of a file beyond its keys: citations, warnings, scope, numbers, rights."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.cited import NO_SOURCE, NOT_IN_THE_FILE
from policy.errors import ConfigError
from policy.load import Claim, claimed_twice, load_policies, load_policy, number_table
from policy.model import Policy, sources
from policy.numbers import normalise
from policy.rights import Right
from policy.rules import counts_as_kcc, objection_is_withdrawal, rights_of
from policy.scope import Answered
from policy.warnings import open_warnings, warnings
from tests.conftest import ROOT
from tests.policy.written import written

EVERY_KEY = load_policy(ROOT / "docs" / "every-key.toml")
KORT = load_policy(ROOT / "tests" / "real" / "policies" / "kort.toml")


def source_of(policy: Policy, key: str) -> str:
    (citation,) = (citation for citation in sources(policy) if citation.key == key)
    return citation.source


def test_a_key_has_the_source_of_its_table_unless_it_has_its_own() -> None:
    assert source_of(EVERY_KEY, "numbers") == "art. 1"
    assert source_of(EVERY_KEY, "purposes.quality.ground") == "art. 4"
    assert source_of(EVERY_KEY, "purposes.quality.about") == "art. 5"
    assert source_of(EVERY_KEY, "scope.kcc.3.dialled") == "art. 2"
    assert source_of(EVERY_KEY, "access.grants.threat.calls") == "art. 10"


def test_a_table_without_a_source_has_that_of_the_table_it_stands_in(tmp_path: Path) -> None:
    more = """
        [reviews]
        scored_by = ["coach"]
        source = "art. 7"
        [[reviews.viewers]]
        role = "coach"
        sees = "scores"
    """
    policy = written(tmp_path, more)
    assert source_of(policy, "reviews.viewers.0.role") == "art. 7"
    assert source_of(policy, "identity.organisation") == NO_SOURCE  # the top's own source is for its own keys


def test_what_the_file_leaves_out_is_an_assumption(tmp_path: Path) -> None:
    policy = written(tmp_path)
    (citation,) = (each for each in sources(policy) if each.key == "rights.deadline")
    assert citation.source == NOT_IN_THE_FILE
    assert citation.assumed
    assert not citation.in_file
    assert citation.written == "1m"


def test_every_key_of_the_imaginary_policy_is_used_and_written_back() -> None:
    written_back = {citation.key: citation.written for citation in sources(EVERY_KEY)}
    assert written_back["consent.withdraw_code"] == "*9"
    assert written_back["scope.directions"] == "inbound, call_back"
    assert written_back["identity.public_body"] == "true"
    assert written_back["retention.review_forms.period"] == "1y"
    assert written_back["holds.reasons.threat.description"] == "nl: bedreiging"


def test_silence_as_consent_is_warned_of_even_when_somebody_accepted_it() -> None:
    (line,) = (line for line in warnings(EVERY_KEY) if "consent.mode" in line)
    assert line.startswith(
        "every-key.toml: consent.mode: silence is no consent in the sense of AVG art. 4(11)"
    )
    assert line.endswith("accepted by A. de Vries, Functionaris Gegevensbescherming on 2026-01-20")
    assert len(warnings(EVERY_KEY)) == 1
    assert open_warnings(EVERY_KEY) == ()


def test_an_announcement_on_ground_a_takes_silence_for_consent_as_well(tmp_path: Path) -> None:
    lines = open_warnings(written(tmp_path, GROUND_F.replace("(f)", "(a)")))
    assert sum("silence is no consent" in line for line in lines) == 1


GROUND_F = """
[purposes.quality]
ground = "6(1)(f)"
description.nl = "kwaliteit"
"""
WEIGHED = """
[balancing]
interest = "kwaliteit"
outcome = "gering"
recorded = "dossier 1"
"""


HEARD = """
[access]
says = "het hoofd luistert"
source = "art. 1"
[access.roles.head]
title = "hoofd"
source = "art. 1"
[access.grants.listen]
roles = ["head"]
purposes = ["quality"]
actions = ["listen"]
calls = ["all"]
says = "het hoofd luistert"
source = "art. 1"
"""


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", "purposes: must say what calls are recorded for"),
        (GROUND_F, "purposes.quality.ground: a public body may not rest its tasks on 6(1)(f)"),
        (GROUND_F + WEIGHED, "purposes.quality.ground: a public body may not rest its tasks on 6(1)(f)"),
        (GROUND_F + WEIGHED + 'task = "coachen"', None),
        (GROUND_F.replace("(f)", "(a)") + '[rights]\nnamed = ["objection"]', "rights.named: objection needs"),
        ("", "identity.storage: must say where recordings lie"),
        ("", "identity.controller: must name the controller"),
        ("", "identity.contacts: must hold a way"),
        ("", "access: nobody may hear anything"),
        ('[reviews]\nscored_by = ["coach"]', "works_council: agents are reviewed"),
        (GROUND_F + HEARD, "works_council: agents are listened to"),
        ("", "no source for: identity, consent, notice, withdrawn"),
    ],
)
def test_a_doubt_is_told_and_is_no_error(tmp_path: Path, more: str, told: str | None) -> None:
    lines = warnings(written(tmp_path, more))
    if told is None:
        assert not any("purposes." in line for line in lines)
    else:
        assert sum(line.startswith(f"kort.toml: {told}") for line in lines) == 1, lines


def test_a_private_body_is_asked_for_the_weighing_only(tmp_path: Path) -> None:
    private = 'statement = "kort punt example"\n'
    path = tmp_path / "kort.toml"
    written(tmp_path, GROUND_F)
    path.write_text(path.read_text().replace(private, f"{private}public_body = false\n"), encoding="utf-8")
    assert any("[balancing] must hold it" in line for line in warnings(load_policy(path)))


@pytest.mark.parametrize("folder", ["policies", "sandbox/policies", "tests/real/policies"])
def test_every_folder_of_policies_loads_as_one(folder: str) -> None:
    assert load_policies(ROOT / folder).by_name


KCC = """
[scope]
answered_by = "kcc"
[[scope.kcc]]
endpoint = "PJSIP/101"
valid_from = 2026-06-01
valid_until = 2026-06-30
[[scope.kcc]]
queue_member = "Local/7@kcc"
valid_from = 2026-06-01T08:00:00
valid_until = 2026-06-01T17:00:00+02:00
[[scope.kcc]]
dialled = "0341259911"
"""


@pytest.mark.parametrize(
    ("answered", "at", "counts"),
    [
        (Answered(endpoint="PJSIP/101"), "2026-05-31T21:59:59Z", False),
        (Answered(endpoint="PJSIP/101"), "2026-05-31T22:00:00Z", True),  # midnight in Amsterdam
        (Answered(endpoint="PJSIP/101"), "2026-06-30T21:59:59Z", True),
        (Answered(endpoint="PJSIP/101"), "2026-06-30T22:00:00Z", False),
        (Answered(endpoint="PJSIP/1011"), "2026-06-15T12:00:00Z", False),
        (Answered(queue_member="Local/7@kcc"), "2026-06-01T05:59:59Z", False),
        (Answered(queue_member="Local/7@kcc"), "2026-06-01T06:00:00Z", True),
        (Answered(queue_member="Local/7@kcc"), "2026-06-01T15:00:00Z", False),
        (Answered(dialled="+31341259911", endpoint="PJSIP/teams"), "2030-01-01T00:00:00Z", True),
        (Answered(dialled="+31341259912", endpoint="PJSIP/teams"), "2030-01-01T00:00:00Z", False),
        (Answered(), "2026-06-15T12:00:00Z", False),
    ],
)
def test_n13_who_counts_as_kcc_and_when(tmp_path: Path, answered: Answered, at: str, counts: bool) -> None:
    policy = written(tmp_path, KCC)
    assert counts_as_kcc(policy, answered, datetime.fromisoformat(at)) is counts


def test_where_anyone_may_answer_everyone_counts(tmp_path: Path) -> None:
    assert counts_as_kcc(written(tmp_path), Answered(), datetime(2026, 6, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("ground", "right", "has"),
    [
        ("6(1)(a)", Right.WITHDRAWAL, True),
        ("6(1)(a)", Right.PORTABILITY, True),
        ("6(1)(a)", Right.OBJECTION, False),
        ("6(1)(b)", Right.PORTABILITY, True),
        ("6(1)(b)", Right.WITHDRAWAL, False),
        ("6(1)(c)", Right.PORTABILITY, False),
        ("6(1)(c)", Right.OBJECTION, False),
        ("6(1)(e)", Right.OBJECTION, True),
        ("6(1)(f)", Right.OBJECTION, True),
        ("6(1)(f)", Right.PORTABILITY, False),
        ("6(1)(d)", Right.COMPLAINT, True),
    ],
)
def test_rights_follow_from_the_grounds(tmp_path: Path, ground: str, right: Right, has: bool) -> None:
    policy = written(tmp_path, GROUND_F.replace("6(1)(f)", ground))
    assert (right in rights_of(policy)) is has
    assert objection_is_withdrawal(policy) is (ground == "6(1)(a)")


NATIONAL = st.integers(min_value=101_000_000, max_value=889_999_999).map(str)


@st.composite
def spelling(draw: st.DrawFn) -> str:
    """One Dutch number in one of the ways in which people and trunks write it."""
    return draw(st.sampled_from(["0", "+31", "0031"])) + draw(NATIONAL)


@given(claims=st.lists(st.lists(spelling(), min_size=1, max_size=4), min_size=1, max_size=4), data=st.data())
def test_no_number_selects_two_policies_however_it_is_written(
    claims: list[list[str]], data: st.DataObject
) -> None:
    if data.draw(st.booleans(), label="one number is claimed twice"):
        national = re.sub(r"^(\+31|0031|0)", "", claims[0][0])
        claims[-1].append(data.draw(st.sampled_from(["0", "+31", "0031"])) + national)
    policies = [
        KORT.model_copy(update={"name": f"p{index}", "numbers": tuple(each[:1]), "aliases": tuple(each[1:])})
        for index, each in enumerate(claims)
    ]
    table = number_table(policies)
    problems = claimed_twice(
        Claim(file=policy.name, key="numbers", number=number)
        for policy in policies
        for number in policy.all_numbers
    )
    owners: dict[str, set[str]] = {}
    for policy in policies:
        for number in policy.all_numbers:
            owners.setdefault(normalise(number), set()).add(policy.name)
    assert bool(problems) is any(len(names) > 1 for names in owners.values())
    assert set(table) == set(owners)
    if not problems:
        assert all({table[number].name} == names for number, names in owners.items())


def test_an_alias_selects_the_policy_too(tmp_path: Path) -> None:
    path = tmp_path / "kort.toml"
    written(tmp_path)
    path.write_text(
        path.read_text().replace('["14010"]', '["14010"]\naliases = ["0107654321"]'), encoding="utf-8"
    )
    policies = load_policies(tmp_path)
    assert policies.for_number("+31107654321") is policies.named("kort")


@pytest.mark.parametrize("key", ["withdraw_code", "agent_withdraw_code"])
def test_under_consent_caller_and_agent_must_be_able_to_withdraw(tmp_path: Path, key: str) -> None:
    sound = GROUND_F.replace("(f)", "(a)")
    assert written(tmp_path, sound).consent.withdraw_code == "*9"
    path = tmp_path / "kort.toml"
    text = path.read_text().replace('mode = "announce"', f'mode = "announce"\n{key} = "none"')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"consent.{key}: must be there under ground 6\(1\)\(a\)"):
        load_policy(path)
