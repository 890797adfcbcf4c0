"""Nunspeet N9: who may listen in on which call, and what the ledger keeps of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from casework import monitoring
from casework.monitoring import LiveCall, Request
from policy.access import Action, PurposeName
from policy.errors import NotFound, RefusedByPolicy
from policy.situation import PersonId
from policy.vocabulary import Outcome, PolicyName
from store.access.door import Question
from store.logbook import ledger
from store.persons import hats, people
from store.records import decisions
from tests.casework.staff import AGENT, COLLEAGUE, call_of, hold_call, staff
from tests.store.scene import Scene, scene

COACH, MANAGER = PersonId("anna"), PersonId("an")
NUNSPEET, QUALITY = PolicyName("nunspeet"), PurposeName("quality")
HOUR = timedelta(hours=1)


@pytest.fixture
def nunspeet(tmp_path: Path) -> Iterator[Scene]:
    """Nunspeet's people, with a coach, and one call that an agent holds; nothing is recorded of it."""
    with staff(scene(tmp_path, policy=NUNSPEET)) as stage:
        policy, now = stage.policies.named(NUNSPEET), stage.clock.now()
        with stage.db.write() as tx:
            people.add(tx, COACH, name="Anna", login=None, at=now, actor="test")
            hats.give(tx, COACH, policy, "coach", since=None, until=None, at=now, actor="test")
        stage.open_call(1)
        hold_call(stage, 1, AGENT)
        yield stage


def question(stage: Scene, person: PersonId = COACH) -> Question:
    return Question(
        person=person,
        login="anna",
        actor=f"person:{person} login:anna",
        policy=stage.policies.named(NUNSPEET),
        action=Action.MONITOR,
        purpose=QUALITY,
        reason="side by side",
    )


def live(*, permits: bool = True) -> LiveCall:
    return LiveCall(call_id=call_of(1), policy=NUNSPEET, recording_id=None, permits_recording=permits)


def recorded(stage: Scene) -> LiveCall:
    """Have the call recorded, as it goes on."""
    with stage.db.write() as tx:
        decisions.store(tx, stage.decision(1, Outcome.ANNOUNCED), stage.policies)
    rows = stage.db.rows("SELECT recording_id FROM recordings WHERE call_id = ?", (call_of(1),))
    return replace(live(), recording_id=rows[0]["recording_id"])


def asked_by(stage: Scene, by: PersonId = AGENT.id, *, to: PersonId = COACH) -> Request:
    until = stage.clock.now() + HOUR
    return Request(by=by, to=to, policy=NUNSPEET, purpose=QUALITY, until=until)


def test_n9_the_coach_may_when_the_agent_of_the_call_asked(nunspeet: Scene) -> None:
    call = recorded(nunspeet)
    rule = monitoring.allowed(nunspeet.archive, question(nunspeet), call, [asked_by(nunspeet)])
    assert (rule.rule.name, rule.role) == ("side_by_side", "coach")


def test_n9_not_when_nobody_asked_another_agent_did_or_the_hour_is_over(nunspeet: Scene) -> None:
    call = recorded(nunspeet)
    late = asked_by(nunspeet)
    for requests in ([], [asked_by(nunspeet, COLLEAGUE.id)], [asked_by(nunspeet, to=MANAGER)], [late]):
        if requests == [late]:
            nunspeet.clock.advance(HOUR)
        with pytest.raises(NotFound, match="or not yours"):
            monitoring.allowed(nunspeet.archive, question(nunspeet), call, requests)
        (*_, refused) = ledger.show(nunspeet.db)
        assert refused.kind == "access_refused"


def test_n9_or_when_recording_is_technically_impossible_and_then_unasked(nunspeet: Scene) -> None:
    rule = monitoring.allowed(nunspeet.archive, question(nunspeet), live(), [])
    assert rule.rule.name == "side_by_side_instead"


def test_a_call_whose_caller_refused_or_took_it_back_is_not_listened_to(nunspeet: Scene) -> None:
    requests = [asked_by(nunspeet)]
    with pytest.raises(NotFound):
        monitoring.allowed(nunspeet.archive, question(nunspeet), live(permits=False), requests)
    recorded(nunspeet)
    with pytest.raises(NotFound):  # nothing runs any more: withdrawn, or ended
        monitoring.allowed(nunspeet.archive, question(nunspeet), live(), requests)
    (*_, refused) = ledger.show(nunspeet.db)
    assert refused.payload is not None
    assert refused.payload["rule"] == "refused"


def test_n6_the_line_manager_is_told_the_article_whatever_the_call(nunspeet: Scene) -> None:
    with pytest.raises(RefusedByPolicy, match="N6, section 2: the line manager has no access"):
        monitoring.allowed(nunspeet.archive, question(nunspeet, MANAGER), None, [])


def test_no_such_call_and_one_of_another_organisation_are_answered_alike(nunspeet: Scene) -> None:
    elsewhere = replace(live(), policy=PolicyName("rvo"))
    for call in (None, elsewhere):
        with pytest.raises(NotFound, match="or not yours"):
            monitoring.allowed(nunspeet.archive, question(nunspeet), call, [asked_by(nunspeet)])


def test_an_agent_asks_for_hours_and_no_longer_and_only_somebody_who_may(nunspeet: Scene) -> None:
    now = nunspeet.clock.now()
    made = monitoring.note_request(nunspeet.archive, question(nunspeet), AGENT.id, now + 5 * 24 * HOUR)
    assert made.until == now + monitoring.LONGEST_REQUEST
    (*_, entry) = ledger.show(nunspeet.db)
    assert (entry.kind, (entry.payload or {})["asked_by"]) == ("monitor_asked", AGENT.id)
    with pytest.raises(RefusedByPolicy):
        monitoring.note_request(nunspeet.archive, question(nunspeet, MANAGER), AGENT.id, now + HOUR)


def test_the_call_that_an_agent_has_now_is_found_by_who_holds_it(nunspeet: Scene) -> None:
    assert monitoring.call_of_agent(nunspeet.db, AGENT.id) == call_of(1)
    assert monitoring.call_of_agent(nunspeet.db, COLLEAGUE.id) is None
    with pytest.raises(NotFound):
        monitoring.call_of_agent(nunspeet.db, PersonId("nobody"))
