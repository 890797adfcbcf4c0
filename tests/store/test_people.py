"""People and their hats: one id for ever, one login at a time, never two hats that exclude each other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.access import RoleName
from policy.errors import ConsentlineError, NotFound, StateConflict
from policy.permission import excluding_roles
from policy.situation import Hat, PersonId
from policy.vocabulary import PolicyName
from store.logbook import ledger
from store.persons import agent_lines, hats, people
from store.persons.people import PersonRow
from store.persons.ways import LineKind
from tests.store.scene import STARTED_AT, Scene

NUNSPEET = PolicyName("nunspeet")
JAN = PersonId("jan")
ADMIN = "login:beheer"
TAG_KEY = b"t" * 32
HOUR = timedelta(hours=1)


def add(
    stage: Scene, person_id: PersonId = JAN, *, name: str = "Jan Smit", login: str | None = None
) -> PersonRow:
    with stage.db.write() as tx:
        return people.add(tx, person_id, name=name, login=login, at=stage.clock.now(), actor=ADMIN)


def give(
    stage: Scene, role: str, *, after: timedelta | None = None, until: timedelta | None = None
) -> hats.HatRow:
    now = stage.clock.now()
    with stage.db.write() as tx:
        return hats.give(
            tx,
            JAN,
            stage.policies.named(NUNSPEET),
            role,
            since=None if after is None else now + after,
            until=None if until is None else now + until,
            at=now,
            actor=ADMIN,
        )


def test_a_person_is_found_by_id_and_by_login(stage: Scene) -> None:
    row = add(stage, login="jsmit")
    assert people.get_person(stage.db, JAN).to_json() == row.to_json()
    found = people.find_by_login(stage.db, "jsmit")
    assert found is not None
    assert found.id == JAN
    assert people.find_by_login(stage.db, "anna") is None
    with pytest.raises(NotFound, match="no person anna"):
        people.get_person(stage.db, PersonId("anna"))


@pytest.mark.parametrize("text", ["", "Jan", "1jan", "jan smit", "j" * 33, "jan\n", "../jan"])
def test_what_cannot_be_an_id_is_none(text: str) -> None:
    with pytest.raises(ConsentlineError, match="must be an id"):
        people.parse_id(text)


@pytest.mark.parametrize("name", ["", "  Jan", "J" * 121, "Jan\x1b[31m"])
def test_what_cannot_be_a_name_is_none(stage: Scene, name: str) -> None:
    with pytest.raises(ConsentlineError, match="name: must be"):
        add(stage, name=name)


def test_an_id_and_a_login_belong_to_one_person(stage: Scene) -> None:
    add(stage, login="jsmit")
    with pytest.raises(StateConflict, match="jan: is there already"):
        add(stage)
    with pytest.raises(StateConflict, match='login "jsmit" is that of jan'):
        add(stage, PersonId("anna"), login="jsmit")
    with pytest.raises(ConsentlineError, match="must be an OS login"):
        add(stage, PersonId("anna"), login="j smit")


def test_who_retires_loses_hats_lines_and_login_and_stays_on_record(stage: Scene) -> None:
    add(stage, login="jsmit")
    give(stage, "agent")
    give(stage, "coach", after=HOUR)
    now = stage.clock.now()
    with stage.db.write() as tx:
        for address, since in (("PJSIP/6001", now), ("PJSIP/6002", now + HOUR)):
            agent_lines.add(
                tx,
                JAN,
                LineKind.ENDPOINT,
                address,
                since=since,
                until=None,
                at=now,
                actor=ADMIN,
                tag_key=TAG_KEY,
            )
    stage.clock.advance(timedelta(minutes=30))
    with stage.db.write() as tx:
        retired = people.retire(tx, JAN, at=stage.clock.now(), actor=ADMIN)
    assert (retired.hats, retired.lines) == (2, 2)
    assert people.find_by_login(stage.db, "jsmit") is None
    assert people.get_person(stage.db, JAN).login is None
    (agent,) = people.in_policy(stage.db, JAN, NUNSPEET).hats
    assert agent.worn_at(now)
    assert not agent.worn_at(stage.clock.now())
    assert [line.address for line in agent_lines.of_person(stage.db, JAN)] == ["PJSIP/6001"]
    assert add(stage, PersonId("jan2"), login="jsmit").login == "jsmit"
    with stage.db.write() as tx, pytest.raises(StateConflict, match="jan: retired at 2026-11-21T17:59"):
        people.retire(tx, JAN, at=stage.clock.now(), actor=ADMIN)
    with pytest.raises(StateConflict, match="was somebody who retired"):
        add(stage)


def test_name_and_login_can_change_and_the_ledger_tells_neither(stage: Scene) -> None:
    add(stage, login="jsmit")
    with stage.db.write() as tx:
        people.change(tx, JAN, name="Jan de Vries", login=None, at=stage.clock.now(), actor=ADMIN)
    row = people.get_person(stage.db, JAN)
    assert (row.name, row.login) == ("Jan de Vries", "jsmit")
    entries = ledger.show(stage.db, subject="person:jan")
    assert [entry.kind for entry in entries] == ["person_added", "person_changed"]
    assert not any("Vries" in str(entry.to_json()) or "jsmit" in str(entry.to_json()) for entry in entries)


def test_a_line_manager_is_never_a_coach(stage: Scene) -> None:
    add(stage)
    give(stage, "line_manager", after=timedelta(days=10), until=timedelta(days=20))
    give(stage, "coach", until=timedelta(days=10))
    with pytest.raises(
        StateConflict, match="gemeente Nunspeet N5, section 2: the coach is never the line manager as well"
    ):
        give(stage, "coach", after=timedelta(days=10))
    give(stage, "coach", after=timedelta(days=20))


def test_a_hat_that_is_worn_is_not_given_twice_and_none_for_the_past(stage: Scene) -> None:
    add(stage)
    give(stage, "coach", until=HOUR)
    with pytest.raises(StateConflict, match="is coach of nunspeet already"):
        give(stage, "coach")
    with pytest.raises(NotFound, match='unknown role of nunspeet "coatch", did you mean "coach"'):
        give(stage, "coatch")
    with pytest.raises(ConsentlineError, match="since: must not lie in the past"):
        give(stage, "agent", after=-HOUR)
    with pytest.raises(ConsentlineError, match="until: must be after"):
        give(stage, "agent", after=HOUR, until=HOUR)


def test_a_hat_is_taken_once_with_what_was_planned(stage: Scene) -> None:
    add(stage)
    give(stage, "coach", until=HOUR)
    give(stage, "coach", after=2 * HOUR)
    now = stage.clock.now()

    def take(role: str, after: timedelta) -> None:
        with stage.db.write() as tx:
            hats.take(tx, JAN, NUNSPEET, role, ends=now + after, at=now, actor=ADMIN)

    with pytest.raises(NotFound, match='wears no hat "agent" of nunspeet'):
        take("agent", timedelta())
    with pytest.raises(ConsentlineError, match="at: must not lie in the past"):
        take("coach", -HOUR)
    take("coach", HOUR / 2)
    (hat,) = people.in_policy(stage.db, JAN, NUNSPEET).hats
    assert hat.until == now + HOUR / 2
    with pytest.raises(NotFound, match="wears no hat"):
        take("coach", HOUR / 2)


Step = tuple[str, str, int, int | None]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["give", "take"]),
        st.sampled_from(["coach", "line_manager", "agent"]),
        st.integers(0, 30),
        st.none() | st.integers(1, 10),
    ),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(steps=STEPS)
def test_there_is_no_moment_at_which_somebody_wears_hats_that_exclude_each_other(
    stage: Scene, steps: list[Step]
) -> None:
    access = stage.policies.named(NUNSPEET).access
    assert access is not None
    with stage.db.write() as tx:
        tx.execute("DELETE FROM hats")
    if not people.all_people(stage.db):
        add(stage)
    given_at_all = 0
    for what, role, begins, lasts in steps:
        try:
            if what == "give":
                until = None if lasts is None else timedelta(days=begins + lasts)
                give(stage, role, after=timedelta(days=begins), until=until)
                given_at_all += 1
            else:
                ends = stage.clock.now() + timedelta(days=begins)
                with stage.db.write() as tx:
                    hats.take(tx, JAN, NUNSPEET, role, ends=ends, at=stage.clock.now(), actor=ADMIN)
        except (NotFound, StateConflict):
            pass
    worn = people.in_policy(stage.db, JAN, NUNSPEET).hats
    assert given_at_all or not worn
    for half_day in range(90):
        moment = STARTED_AT + half_day * timedelta(hours=12)
        roles = [hat.role for hat in worn if hat.worn_at(moment)]
        assert excluding_roles(roles, access) is None
        assert len(roles) == len(set(roles))


def test_exclusion_looks_at_every_moment_of_the_new_hat(stage: Scene) -> None:
    access = stage.policies.named(NUNSPEET).access
    assert access is not None
    day = timedelta(days=1)
    later = Hat(role=RoleName("line_manager"), since=STARTED_AT + 5 * day, until=STARTED_AT + 6 * day)
    new = Hat(role=RoleName("coach"), since=STARTED_AT, until=STARTED_AT + 5 * day)
    assert hats.exclusion([later], new, access) is None
    longer = Hat(role=RoleName("coach"), since=STARTED_AT, until=STARTED_AT + 5 * day + HOUR)
    assert hats.exclusion([later], longer, access) is not None
