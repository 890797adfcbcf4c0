"""What doctor says of people: who was not told, hats that cannot be worn, lines without agents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from commands.doctor.diagnosis import Check, Verdict
from commands.doctor.people import HATS, INFORMED, LINES, people_checks
from policy.access import Access
from policy.clock import SteppedClock, SystemClock
from policy.model import Policy
from policy.situation import PersonId
from policy.vocabulary import PolicyName
from store.persons import agent_lines, hats, informed, people
from store.persons.ways import LineKind
from tests.store.scene import Scene, scene

ANNA = PersonId("anna")
ADMIN = "login:beheer"
NUNSPEET = PolicyName("nunspeet")
AN_HOUR_AGO = SystemClock().now() - timedelta(hours=1)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    """An installation in which Anna became an agent of Nunspeet an hour ago."""
    with scene(tmp_path, clock=SteppedClock(AN_HOUR_AGO)) as opened:
        with opened.db.write() as tx:
            people.add(tx, ANNA, name="Anna", login=None, at=AN_HOUR_AGO, actor=ADMIN)
        give(opened, "agent")
        yield opened


def give(stage: Scene, role: str) -> None:
    policy = stage.policies.named(NUNSPEET)
    with stage.db.write() as tx:
        hats.give(tx, ANNA, policy, role, since=None, until=None, at=AN_HOUR_AGO, actor=ADMIN)


def checks(stage: Scene, *policies: Policy) -> dict[str, Check]:
    found = people_checks(stage.db.path, policies or stage.policies.by_name.values())
    return {check.name: check for check in found}


def test_an_agent_who_was_never_told_is_a_problem_where_the_policy_promises_it(stage: Scene) -> None:
    check = checks(stage)[f"{INFORMED} nunspeet"]
    assert check.verdict is Verdict.PROBLEM
    assert "N12, sections 1 and 2): anna" in check.found
    promising = {p.name for p in stage.policies.by_name.values() if p.staff.told_at}
    assert {name for name in checks(stage) if name.startswith(INFORMED)} == {
        f"{INFORMED} {name}" for name in promising
    }
    with stage.db.write() as tx:
        policy = stage.policies.named(NUNSPEET)
        day = date(2026, 11, 1)
        informed.note(tx, ANNA, policy, "work_meeting", day, at=SystemClock().now(), actor=ADMIN)
    assert checks(stage)[f"{INFORMED} nunspeet"].verdict is Verdict.OK


def test_hats_that_a_changed_policy_makes_impossible_are_a_problem(stage: Scene) -> None:
    assert checks(stage)[HATS].verdict is Verdict.OK
    give(stage, "privacy_officer")
    policy = stage.policies.named(NUNSPEET)
    assert policy.access is not None
    table = policy.access.model_dump(mode="json")
    table["roles"]["privacy_officer"]["excludes"] = ["agent"]
    changed = policy.model_copy(update={"access": Access.model_validate(table)})
    check = checks(stage, changed)[HATS]
    assert check.verdict is Verdict.PROBLEM
    assert "the privacy officer is never the agent as well" in check.found
    table["roles"]["medewerker"] = table["roles"].pop("agent")
    renamed = {name: role for name, role in policy.access.roles.items() if name != "agent"}
    without = policy.model_copy(update={"access": policy.access.model_copy(update={"roles": renamed})})
    assert 'anna wears "agent", which nunspeet does not know' in checks(stage, without)[HATS].found


def test_an_agent_on_no_line_and_a_line_of_no_agent_are_to_be_known(stage: Scene) -> None:
    check = checks(stage)[LINES]
    assert (check.verdict, check.found) == (Verdict.NOTE, "agents on no line now: anna")
    with stage.db.write() as tx:
        agent_lines.add(
            tx,
            ANNA,
            LineKind.ENDPOINT,
            "PJSIP/6001",
            since=None,
            until=None,
            at=AN_HOUR_AGO,
            actor=ADMIN,
            tag_key=b"t" * 32,
        )
    assert checks(stage)[LINES].verdict is Verdict.OK
    with stage.db.write() as tx:
        hats.take(tx, ANNA, NUNSPEET, "agent", ends=AN_HOUR_AGO, at=AN_HOUR_AGO, actor=ADMIN)
    check = checks(stage)[LINES]
    assert (check.verdict, check.found) == (Verdict.NOTE, "on a line and no agent of any policy: anna")


def test_without_a_database_that_is_the_one_problem(tmp_path: Path) -> None:
    (check,) = people_checks(tmp_path / "none.db", ())
    assert check.verdict is Verdict.PROBLEM
