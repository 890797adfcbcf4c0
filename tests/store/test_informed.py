"""A dated record for each agent that they were told (N12)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from policy.errors import ConsentlineError, NotFound, StateConflict
from policy.situation import PersonId
from policy.vocabulary import PolicyName
from store.persons import hats, informed, people
from tests.store.scene import STARTED_AT, Scene

ANNA, JAN = PersonId("anna"), PersonId("jan")
ADMIN = "login:beheer"
TODAY = date(2026, 11, 21)


@pytest.fixture
def staffed(stage: Scene) -> Scene:
    """An agent and a coach of Nunspeet."""
    now = stage.clock.now()
    policy = stage.policies.named(PolicyName("nunspeet"))
    with stage.db.write() as tx:
        for person_id, role in ((ANNA, "agent"), (JAN, "coach")):
            people.add(tx, person_id, name=person_id, login=None, at=now, actor=ADMIN)
            hats.give(tx, person_id, policy, role, since=None, until=None, at=now, actor=ADMIN)
    return stage


def note(stage: Scene, how: str = "work_meeting", on: date = TODAY, policy: str = "nunspeet") -> None:
    with stage.db.write() as tx:
        informed.note(
            tx, ANNA, stage.policies.named(PolicyName(policy)), how, on, at=stage.clock.now(), actor=ADMIN
        )


def test_an_agent_is_not_informed_until_a_record_says_so(staffed: Scene) -> None:
    nunspeet = staffed.policies.named(PolicyName("nunspeet"))
    assert informed.not_informed(staffed.db, nunspeet, STARTED_AT) == (ANNA,)
    assert informed.not_informed(staffed.db, nunspeet, STARTED_AT - timedelta(days=1)) == ()
    note(staffed)
    assert informed.not_informed(staffed.db, nunspeet, STARTED_AT) == ()
    (record,) = informed.of_person(staffed.db, ANNA)
    assert record.to_json() == {
        "person": "anna",
        "policy": "nunspeet",
        "how": "work_meeting",
        "on": "2026-11-21",
    }


def test_a_policy_that_names_no_occasion_asks_for_no_record(staffed: Scene) -> None:
    for policy in staffed.policies.by_name.values():
        if not policy.staff.told_at:
            assert informed.not_informed(staffed.db, policy, STARTED_AT) == ()
            with pytest.raises(NotFound, match="unknown occasion"):
                note(staffed, policy=policy.name)


def test_a_record_is_of_an_occasion_the_policy_names_on_a_day_that_has_come(staffed: Scene) -> None:
    with pytest.raises(NotFound, match='"work_meting", did you mean "work_meeting"'):
        note(staffed, how="work_meting")
    # 17:29 UTC on the 21st is still the 21st in Amsterdam.
    with pytest.raises(ConsentlineError, match="must be a day that has come, got 2026-11-22"):
        note(staffed, on=TODAY + timedelta(days=1))
    note(staffed)
    with pytest.raises(StateConflict, match="on 2026-11-21 already"):
        note(staffed)
    note(staffed, how="first_day", on=date(2020, 1, 1))
