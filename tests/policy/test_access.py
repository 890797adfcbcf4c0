"""The `[access]` table: what is malformed is told in one line, and the five agree with themselves."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from policy.access import Access, Action, Calls
from policy.errors import ConfigError
from policy.model import Policy
from policy.sharing import PoliceWhen
from policy.toml_file import build
from tests.conftest import ROOT
from tests.policy.test_access_tables import NAMES, access_of, policy_of


def spoilt(name: str, old: str, new: str) -> tuple[str, ...]:
    """Return the problems of a policy's `[access]` in which one piece of text was replaced."""
    text = (ROOT / "policies" / f"{name}.toml").read_text(encoding="utf-8")
    assert old in text
    table = tomllib.loads(text.replace(old, new, 1))["access"]
    with pytest.raises(ConfigError) as caught:
        build(Path(f"{name}.toml"), Access, table)
    return caught.value.problems


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            'excludes = ["line_manager"]',
            'excludes = ["line_manger"]',
            'roles.coach.excludes: unknown role "line_manger", did you mean "line_manager"?',
        ),
        (
            'excludes = ["line_manager"]',
            'excludes = ["coach"]',
            'roles.coach.excludes: must name other roles, got "coach" itself',
        ),
        (
            'roles = ["coach"]\npurposes = ["quality"]\nactions = ["find", "listen"]\ncalls = ["sampled"]',
            'roles = ["coahc"]\npurposes = ["quality"]\nactions = ["find", "listen"]\ncalls = ["sampled"]',
            'grants.review.roles: unknown role "coahc", did you mean "coach"?',
        ),
        ('via = ["coach"]', 'via = ["koning"]', 'grants.own_call.via: unknown role "koning"'),
        (
            'on_request_of = ["coach"]',
            'on_request_of = ["it"]',
            'grants: on_request_of: must not lead back to where it began, got a circle at "it"',
        ),
        (
            'via = ["coach"]',
            'via = ["agent"]',
            'grants: via: must not lead back to where it began, got a circle at "agent"',
        ),
        (
            'calls = ["sampled"]',
            'calls = ["own"]',
            'grants.review.calls: "own" must be of a role that takes calls, got "coach"',
        ),
        ('calls = ["sampled"]', 'calls = ["all", "sampled"]', 'grants.review.calls: "all" must stand alone'),
        (
            'calls = ["sampled"]',
            'calls = ["live"]',
            '"live" and the single action "monitor" must go together',
        ),
        ('actions = ["monitor"]', 'actions = ["listen"]', 'grants.side_by_side.calls: "live" and'),
        ('calls = ["sampled"]', 'calls = ["sample"]', "grants.review.calls.0: "),
        ('calls = ["sampled"]', "calls = []", "grants.review.calls: "),
        ('calls = ["sampled"]', "calls = 3", "grants.review.calls: "),
        (
            'calls = ["sampled"]',
            'calls = ["sampled"]\nincidents = ["threat"]',
            'grants.review.incidents: has no meaning unless calls holds "flagged" or "kept"',
        ),
        ("[access.grants.review]", "[access.grants.term]", '"term": must be another name'),
        (
            "[access.grants.review]",
            "[access.grants.appraisal]",
            'denials.appraisal: must be another name, "appraisal" is a grant already',
        ),
        ("[access.grants.review]", '[access.grants."De Coach"]', "grants.De Coach"),
        (
            'actions = ["hand_over"]\nsays',
            "says",
            "denials.hand_over: must name roles, purposes or actions, got none of them",
        ),
        (
            'roles = ["coach"]\npurposes = ["quality"]\nactions = ["find", "listen"]\ncalls = ["sampled"]',
            'roles = ["line_manager"]\npurposes = ["quality"]\nactions = ["find"]\ncalls = ["sampled"]',
            "grants.review: must open something, got a grant that the denials shut whole",
        ),
        ("takes_calls = true", 'takes_calls = "yes"', "roles.agent.takes_calls: "),
        ("takes_calls = true", "take_calls = true", "roles.agent.take_calls: unknown key"),
    ],
)
def test_a_malformed_access_table_is_told_in_one_line(old: str, new: str, line: str) -> None:
    problems = spoilt("nunspeet", old, new)
    assert any(line in problem for problem in problems), problems
    assert all(problem.startswith("nunspeet.toml: ") for problem in problems)


def test_a_grant_without_its_article_is_refused() -> None:
    old = 'for conversation technique and treatment"\nsource = "H3, art. 9"'
    problems = spoilt("heerde", old, old.splitlines()[0])
    assert problems == ("heerde.toml: grants.sample.source: must be given, got nothing",)


@pytest.mark.parametrize("name", NAMES)
def test_who_decides_on_a_hand_over_may_hand_over_and_nobody_does_where_the_text_says_never(
    name: str,
) -> None:
    police, access = policy_of(name).sharing.police, access_of(name)
    givers = {
        role
        for grant in access.grants.values()
        if Action.HAND_OVER in grant.actions and {Calls.FLAGGED, Calls.KEPT} & set(grant.calls)
        for role in grant.roles
    }
    assert set(police.decided_by) <= givers
    if police.when is PoliceWhen.NEVER and name == "nunspeet":
        assert not givers


@pytest.mark.parametrize("name", NAMES)
def test_who_scores_a_review_may_hear_drawn_calls_and_who_listens_along_may_monitor(name: str) -> None:
    reviews = policy_of(name).reviews
    if reviews is None:
        return
    assert set(reviews.scored_by) <= _may(access_of(name), Action.LISTEN, Calls.SAMPLED)
    assert set(reviews.live_by) == _may(access_of(name), Action.MONITOR, Calls.LIVE)


@pytest.mark.parametrize("name", NAMES)
def test_an_extended_recording_is_open_to_who_indicates_and_decides_and_to_nobody_where_there_is_none(
    name: str,
) -> None:
    policy, access = policy_of(name), access_of(name)
    open_longer = {
        role
        for key, grant in access.grants.items()
        if grant.in_extension and key != "data_subject_request"
        for role in grant.roles
    }
    for extension in policy.extensions:
        assert {extension.indicated_by, extension.decided_by} <= open_longer
    assert bool(open_longer) == bool(policy.extensions)


@pytest.mark.parametrize("name", NAMES)
def test_every_policy_can_fulfil_a_data_subjects_request_without_anybody_listening(name: str) -> None:
    grant = access_of(name).grants["data_subject_request"]
    assert {Action.FIND, Action.EXPORT, Action.ERASE} == set(grant.actions)
    assert grant.calls == (Calls.REQUESTED,)


def _may(access: Access, action: Action, calls: Calls) -> set[str]:
    return {
        role
        for grant in access.grants.values()
        if action in grant.actions and calls in grant.calls
        for role in grant.roles
    }


def test_a_policy_whose_access_grants_an_undeclared_purpose_is_refused() -> None:
    text = (ROOT / "policies" / "nunspeet.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text.replace("[purposes.quality]", "[purposes.kwaliteit]"))
    with pytest.raises(ConfigError) as caught:
        build(Path("nunspeet.toml"), Policy, {**tables, "name": "nunspeet", "content_hash": "0"})
    assert any('unknown purpose "quality"' in problem for problem in caught.value.problems)
