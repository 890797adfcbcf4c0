"""Lines and who held a call: never two people on one line, and a model that says the same."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.errors import ConsentlineError, NotFound, StateConflict
from policy.scope import Answered
from policy.situation import PersonId
from policy.vocabulary import CallId
from store.logbook import ledger
from store.persons import agent_lines, call_agents, people
from store.persons.agent_lines import Changed
from store.persons.ways import LineKind, Way, way, ways_of
from store.records import calls, recordings
from store.retention import call_data
from tests.store.scene import STARTED_AT, Scene, recording_named

pytestmark = pytest.mark.exhaustive  # takes seconds: with make test

ANNA, JAN, PIET = PersonId("anna"), PersonId("jan"), PersonId("piet")
ADMIN = "login:beheer"
TAG_KEY = b"t" * 32
MINUTE = timedelta(minutes=1)
FIRST, SECOND = CallId("1795282161.100"), CallId("1795282161.101")


def on(address: str, kind: LineKind = LineKind.ENDPOINT) -> frozenset[Way]:
    """Return how somebody at this telephone is known."""
    return frozenset({way(kind, address, tag_key=TAG_KEY)})


@pytest.fixture
def staffed(stage: Scene) -> Scene:
    """Three people, on no line yet."""
    with stage.db.write() as tx:
        for person_id in (ANNA, JAN, PIET):
            people.add(tx, person_id, name=person_id.title(), login=None, at=stage.clock.now(), actor=ADMIN)
    return stage


def line(
    stage: Scene,
    person_id: PersonId,
    address: str = "PJSIP/6001",
    *,
    kind: LineKind = LineKind.ENDPOINT,
    since: int | None = None,
    until: int | None = None,
) -> Changed:
    """Put somebody on a line; minutes from the start of the story."""
    with stage.db.write() as tx:
        return agent_lines.add(
            tx,
            person_id,
            kind,
            address,
            since=None if since is None else STARTED_AT + since * MINUTE,
            until=None if until is None else STARTED_AT + until * MINUTE,
            at=stage.clock.now(),
            actor=ADMIN,
            tag_key=TAG_KEY,
        )


def end(stage: Scene, person_id: PersonId, address: str, ends: int) -> Changed:
    """Take somebody off a line."""
    with stage.db.write() as tx:
        return agent_lines.end(
            tx,
            person_id,
            LineKind.ENDPOINT,
            address,
            ends=STARTED_AT + ends * MINUTE,
            at=stage.clock.now(),
            actor=ADMIN,
            tag_key=TAG_KEY,
        )


def who(stage: Scene, call_id: CallId) -> list[tuple[str | None, int, int | None]]:
    """Return person, from and until of every span, in minutes."""
    return [
        (
            span.person,
            (span.since - STARTED_AT) // MINUTE,
            None if span.until is None else (span.until - STARTED_AT) // MINUTE,
        )
        for span in call_agents.of_call(stage.db, call_id)
    ]


def test_a_transferred_call_has_two_agents_each_with_their_span(staffed: Scene) -> None:
    line(staffed, ANNA, "PJSIP/6001")
    line(staffed, JAN, "PJSIP/6002")
    staffed.begin(1)
    call_id = staffed.arrival(1).call_id
    db = staffed.db
    assert call_agents.note(db, call_id, {FIRST: on("PJSIP/6001")}, STARTED_AT + MINUTE)
    assert not call_agents.note(db, call_id, {FIRST: on("PJSIP/6001")}, STARTED_AT + 2 * MINUTE)
    call_agents.note(db, call_id, {}, STARTED_AT + 3 * MINUTE)
    call_agents.note(db, call_id, {SECOND: on("PJSIP/6002")}, STARTED_AT + 4 * MINUTE)
    assert who(staffed, call_id) == [("anna", 1, 3), ("jan", 4, None)]
    with db.write() as tx:
        calls.end_call(tx, call_id, STARTED_AT + 9 * MINUTE)
    assert who(staffed, call_id) == [("anna", 1, 3), ("jan", 4, 9)]
    assert people.agents_of_call(db, call_id) == {ANNA, JAN}
    assert [span.call_id for span in call_agents.of_person(db, JAN)] == [call_id]
    assert not call_agents.note(db, call_id, {FIRST: on("PJSIP/6001")}, STARTED_AT + 10 * MINUTE)


def test_of_a_call_that_was_not_recorded_nothing_stays_behind_its_end(staffed: Scene) -> None:
    line(staffed, ANNA)
    call_id = staffed.open_call(1)
    call_agents.note(staffed.db, call_id, {FIRST: on("PJSIP/6001")}, STARTED_AT)
    assert people.agents_of_call(staffed.db, call_id) == {ANNA}
    with staffed.db.write() as tx:
        calls.end_call(tx, call_id, STARTED_AT + MINUTE)
    assert call_agents.of_call(staffed.db, call_id) == ()
    assert staffed.db.rows("SELECT * FROM call_agent_ways") == []


def test_of_a_recording_are_those_who_had_the_call_while_it_ran(staffed: Scene) -> None:
    line(staffed, ANNA, "PJSIP/6001")
    line(staffed, JAN, "PJSIP/6002")
    staffed.begin(1)
    call_id, recording_id = staffed.arrival(1).call_id, recording_named(1)
    db = staffed.db
    assert not people.knows_all_agents(db, recording_id)
    call_agents.note(db, call_id, {FIRST: on("PJSIP/6001")}, STARTED_AT + MINUTE)
    assert people.knows_all_agents(db, recording_id)
    # Somebody outside the contact centre gets the call, and that ends its recording.
    call_agents.note(db, call_id, {SECOND: on("PJSIP/6002")}, STARTED_AT + 2 * MINUTE)
    with db.write() as tx:
        at = STARTED_AT + 2 * MINUTE + timedelta(milliseconds=400)
        recordings.captured(tx, recording_id, at, duration_ms=60_000)
    assert people.agents_of_recording(db, recording_id) == {ANNA}
    assert people.agents_of_call(db, call_id) == {ANNA, JAN}
    call_agents.note(db, call_id, {CallId("1.1"): on("PJSIP/6003")}, STARTED_AT + 3 * MINUTE)
    assert people.knows_all_agents(db, recording_id)


def test_an_agent_whom_nobody_knows_is_known_to_be_missing(staffed: Scene) -> None:
    staffed.begin(1)
    present = {FIRST: on("PJSIP/6001"), SECOND: on("PJSIP/6002")}
    line(staffed, ANNA, "PJSIP/6001")
    call_agents.note(staffed.db, staffed.arrival(1).call_id, present, STARTED_AT + MINUTE)
    assert people.agents_of_recording(staffed.db, recording_named(1)) == {ANNA}
    assert not people.knows_all_agents(staffed.db, recording_named(1))


def test_a_channel_that_is_no_call_is_passed_over(staffed: Scene) -> None:
    assert not call_agents.note(staffed.db, FIRST, {SECOND: on("PJSIP/6001")}, STARTED_AT)


def test_agents_on_a_shared_trunk_are_known_by_the_number_dialled(staffed: Scene) -> None:
    line(staffed, ANNA, "+31341259911", kind=LineKind.DIALLED)
    call_id = staffed.open_call(1)
    answered = (Answered(endpoint="PJSIP/teams", dialled="0341259911"),)
    call_agents.note(staffed.db, call_id, {FIRST: ways_of(answered, tag_key=TAG_KEY)}, STARTED_AT)
    assert people.agents_of_call(staffed.db, call_id) == {ANNA}


def test_a_number_outside_that_was_called_in_a_transfer_is_in_no_file(staffed: Scene) -> None:
    call_id = staffed.open_call(1)
    rung = "trunk/sip:+31698765432@10.0.0.1"
    answered = (Answered(endpoint="PJSIP/trunk", queue_member=rung, dialled="+31698765432"),)
    call_agents.note(staffed.db, call_id, {FIRST: ways_of(answered, tag_key=TAG_KEY)}, STARTED_AT)
    assert who(staffed, call_id) == [(None, 0, None)]
    assert b"98765432" not in staffed.every_byte()


def test_ways_that_name_two_people_name_nobody(staffed: Scene) -> None:
    line(staffed, ANNA, "PJSIP/6001")
    line(staffed, JAN, "Local/6001@agents", kind=LineKind.QUEUE_MEMBER)
    call_id = staffed.open_call(1)
    both = on("PJSIP/6001") | on("Local/6001@agents", LineKind.QUEUE_MEMBER)
    call_agents.note(staffed.db, call_id, {FIRST: both}, STARTED_AT)
    assert people.agents_of_call(staffed.db, call_id) == frozenset()


def test_a_roster_typed_in_late_gives_calls_their_agents(staffed: Scene) -> None:
    call_id = staffed.open_call(1)
    call_agents.note(staffed.db, call_id, {FIRST: on("PJSIP/6001")}, STARTED_AT + 5 * MINUTE)
    staffed.clock.advance(60 * MINUTE)
    assert line(staffed, ANNA, since=0, until=30).calls == 1
    assert people.agents_of_call(staffed.db, call_id) == {ANNA}
    assert end(staffed, ANNA, "PJSIP/6001", 3).calls == 1
    assert people.agents_of_call(staffed.db, call_id) == frozenset()
    assert line(staffed, JAN, since=3, until=30).calls == 1
    assert people.agents_of_call(staffed.db, call_id) == {JAN}
    kinds = [entry.kind for entry in ledger.show(staffed.db)]
    assert kinds[-3:] == ["line_added", "line_ended", "line_added"]


def test_at_a_hot_desk_the_call_that_comes_as_one_leaves_is_the_next_one_s(staffed: Scene) -> None:
    line(staffed, ANNA, since=0, until=10)
    line(staffed, JAN, since=10, until=20)
    call_id = staffed.open_call(1)
    call_agents.note(staffed.db, call_id, {FIRST: on("PJSIP/6001")}, STARTED_AT + 10 * MINUTE)
    assert people.agents_of_call(staffed.db, call_id) == {JAN}


def test_two_people_are_never_on_one_line_at_one_time(staffed: Scene) -> None:
    line(staffed, ANNA, since=0, until=10)
    with pytest.raises(StateConflict, match="line PJSIP/6001: anna is on it from"):
        line(staffed, JAN, since=9, until=20)
    line(staffed, JAN, since=10)
    with pytest.raises(StateConflict, match="jan is on it"):
        line(staffed, PIET, since=30)
    assert end(staffed, JAN, "PJSIP/6001", 10).line.until == STARTED_AT + 10 * MINUTE
    line(staffed, PIET, since=30)
    with pytest.raises(sqlite3.IntegrityError, match="two people on one line"), staffed.db.write() as tx:
        tx.execute("UPDATE agent_lines SET until = NULL WHERE person_id = 'anna'")


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (LineKind.ENDPOINT, "6001"),
        (LineKind.ENDPOINT, "PJSIP/6001\r\nX: y"),
        (LineKind.QUEUE_MEMBER, "Local/6001@agents|x"),
        (LineKind.DIALLED, "PJSIP/6001"),
    ],
)
def test_what_cannot_be_a_line_is_none(staffed: Scene, kind: LineKind, address: str) -> None:
    with pytest.raises(ConsentlineError, match=f"line: {kind.value}: must be"):
        line(staffed, ANNA, address, kind=kind)


def test_a_line_ends_for_who_is_on_it_only(staffed: Scene) -> None:
    line(staffed, ANNA, since=5)
    with pytest.raises(ConsentlineError, match="until: must be after"):
        line(staffed, JAN, "PJSIP/6002", since=5, until=5)
    for person_id, ends in ((JAN, 6), (ANNA, 4)):
        with pytest.raises(NotFound, match="is not on it"):
            end(staffed, person_id, "PJSIP/6001", ends)


def test_who_held_a_call_goes_with_its_data(staffed: Scene) -> None:
    line(staffed, ANNA)
    call_id = staffed.open_call(1)
    call_agents.note(staffed.db, call_id, {FIRST: on("PJSIP/6001")}, STARTED_AT)
    assert len(call_agents.of_call(staffed.db, call_id)) == 1
    due = call_data.kept(staffed.db, until=STARTED_AT + timedelta(days=800))
    call_data.erase(staffed.db, due, at=STARTED_AT + timedelta(days=800))
    assert call_agents.of_call(staffed.db, call_id) == ()
    assert staffed.db.rows("SELECT * FROM call_agent_ways") == []
    assert call_id in {row.call_id for row in calls.all_calls(staffed.db)}


# ---------------------------------------------------------------- against a model

PEOPLE = st.sampled_from([ANNA, JAN, PIET])
ADDRESSES = st.sampled_from(["PJSIP/6001", "PJSIP/6002", "PJSIP/6003"])
LINE = st.tuples(st.just("line"), PEOPLE, ADDRESSES, st.integers(0, 20), st.none() | st.integers(1, 15))
ENDED = st.tuples(st.just("end"), PEOPLE, ADDRESSES, st.integers(0, 25))
PARTIES = st.tuples(
    st.just("parties"),
    st.dictionaries(st.sampled_from([FIRST, SECOND]), st.frozensets(ADDRESSES, max_size=2)),
)
EVENTS = st.lists(LINE | ENDED | PARTIES, max_size=25)


@dataclass(slots=True)
class Model:
    """Every line and every span as plain lists, looked through from end to end."""

    lines: list[tuple[PersonId, str, int, int]] = field(default_factory=list)
    spans: list[tuple[CallId, frozenset[str], int]] = field(default_factory=list)
    there: dict[CallId, frozenset[str]] = field(default_factory=dict)

    def add(self, person_id: PersonId, address: str, begins: int, ends: int) -> bool:
        """Put somebody on a line, unless somebody is there."""
        free = not any(
            at == address and begins < other_ends and other_begins < ends
            for _, at, other_begins, other_ends in self.lines
        )
        if free:
            self.lines.append((person_id, address, begins, ends))
        return free

    def end(self, person_id: PersonId, address: str, ends: int) -> bool:
        """Take somebody off."""
        for number, (who_, at, begins, until) in enumerate(self.lines):
            if (who_, at) == (person_id, address) and begins <= ends < until:
                del self.lines[number]
                if ends > begins:
                    self.lines.append((person_id, address, begins, ends))
                return True
        return False

    def agents(self) -> set[PersonId]:
        """Return who held the call."""
        found = set()
        for _, addresses, since in self.spans:
            named = {
                who_ for who_, at, begins, ends in self.lines if at in addresses and begins <= since < ends
            }
            if len(named) == 1:
                found |= named
        return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(events=EVENTS)
def test_the_agents_of_a_call_are_those_of_the_model(
    staffed: Scene, events: list[tuple[object, ...]]
) -> None:
    db, model, forever = staffed.db, Model(), 10**6
    with db.write() as tx:
        tx.execute("DELETE FROM call_agents")
        tx.execute("DELETE FROM agent_lines")
        tx.execute("DELETE FROM calls")
    call_id = staffed.open_call(1)
    for minute, event in enumerate(events):
        at: datetime = STARTED_AT + minute * MINUTE
        match event:
            case ("line", str(person_id), str(address), int(begins), lasts):
                ends = forever if lasts is None else begins + int(str(lasts))
                added = model.add(PersonId(person_id), address, begins, ends)
                until = None if lasts is None else ends
                try:
                    line(staffed, PersonId(person_id), address, since=begins, until=until)
                    assert added
                except StateConflict:
                    assert not added
            case ("end", str(person_id), str(address), int(ends)):
                ended = model.end(PersonId(person_id), address, ends)
                try:
                    end(staffed, PersonId(person_id), address, ends)
                    assert ended
                except NotFound:
                    assert not ended
            case ("parties", dict(present)):
                for channel_id in present.keys() - model.there.keys():
                    model.spans.append((channel_id, present[channel_id], minute))
                model.there = present
                ways = {
                    channel_id: frozenset(one for address in addresses for one in on(address))
                    for channel_id, addresses in present.items()
                }
                call_agents.note(db, call_id, ways, at)
        assert people.agents_of_call(db, call_id) == model.agents()
    for address in ("PJSIP/6001", "PJSIP/6002", "PJSIP/6003"):
        lasting = sorted(
            (row.since, row.until or STARTED_AT + forever * MINUTE)
            for row in agent_lines.all_lines(db)
            if row.address == address
        )
        assert all(one[1] <= other[0] for one, other in pairwise(lasting))
