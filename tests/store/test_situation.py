"""What the door knows of a recording is what the modules that keep it say, one by one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from policy import terms
from policy.access import Action, Closure, IncidentKind, PurposeName
from policy.situation import Incident, IncidentStage, Person, PersonId
from policy.vocabulary import RecordingId
from store.access import confirmations, situation, words
from store.access.confirmations import Confirmation
from store.access.situation import Asked, Facts
from store.access.words import Said, WordKind
from store.persons import hats, people
from store.retention import closures, holds, incidents, keeping
from store.retention.holds import Ruling
from tests.store.scene import EINDHOVEN, Scene, recording_named

pytestmark = pytest.mark.exhaustive

DAY = timedelta(days=1)
COACH, AGENT, OTHER = PersonId("coach"), PersonId("agent"), PersonId("other")
TRAINING = PurposeName("training")
HEAD = Ruling(by=PersonId("head"), role="head", actor="person:head login:head", why="aangifte volgt")


@pytest.fixture
def staffed(stage: Scene) -> Scene:
    """Two people with a hat, and one recording that is kept."""
    policy = stage.policies.named(EINDHOVEN)
    now = stage.clock.now()
    with stage.db.write() as tx:
        for person, role in ((COACH, "coach"), (AGENT, "agent"), (OTHER, "agent")):
            people.add(tx, person, name=person.title(), login=None, at=now, actor="test")
            hats.give(tx, person, policy, role, since=None, until=None, at=now, actor="test")
    stage.keep(1)
    return stage


def asked(stage: Scene, *, action: Action = Action.LISTEN) -> Asked:
    staff = situation.staff_of(stage.db, EINDHOVEN)
    return Asked(
        policy=EINDHOVEN, person=staff[AGENT], company=(), action=action, purpose=TRAINING, staff=staff
    )


def facts(stage: Scene, number: int = 1) -> Facts:
    id_ = recording_named(number)
    return situation.look_up(stage.db, (id_,), asked(stage), stage.clock.now())[id_]


def note_span(stage: Scene, person: PersonId | None, *, number: int = 1) -> None:
    with stage.db.write() as tx:
        tx.execute(
            "INSERT INTO call_agents (call_id, channel_id, person_id, since) VALUES (?, ?, ?, ?)",
            (f"1795282161.{number}", f"chan-{person}", person, 1),
        )


def hold(stage: Scene, days: float = 90) -> holds.HoldRow:
    now = stage.clock.now()
    return keeping.place_hold(
        stage.archive,
        recording_named(1),
        terms.Hold(reason="police_report", placed_at=now, until=now + days * DAY),
        HEAD,
    )


def hold_that_ended(stage: Scene) -> None:
    hold(stage)
    stage.clock.advance(91 * DAY)


def flag(stage: Scene) -> None:
    row = facts(stage).row
    with stage.db.write() as tx:
        incidents.add(
            tx,
            row.recording_id,
            IncidentKind.THREAT,
            stage.clock.now(),
            HEAD,
            assess_by_at=row.promised_at,
        )


def close(closure: Closure) -> Callable[[Scene], None]:
    def do(stage: Scene) -> None:
        with stage.db.write() as tx:
            closures.close(
                tx, recording_named(1), closure, stage.clock.now(), because="asked", actor="person:po"
            )

    return do


@pytest.mark.parametrize(
    "change",
    [
        lambda stage: None,
        hold,
        lambda stage: [hold(stage, days) for days in (3, 90, 10)],
        hold_that_ended,
        flag,
        close(Closure.RESTRICTED),
        close(Closure.OBJECTED),
        lambda stage: keeping.extend(
            stage.archive, recording_named(1), "more", stage.clock.now() + 80 * DAY, HEAD
        ),
    ],
    ids=["plain", "held", "held by three", "held once", "flagged", "restricted", "objected", "extended"],
)
def test_it_is_what_keeping_says(staffed: Scene, change: Callable[[Scene], object]) -> None:
    change(staffed)
    known, state = facts(staffed), keeping.state_of(staffed.db, recording_named(1))
    assert known.recording.due_at == state.promised_at
    assert known.recording.extended_until == state.extended_until
    assert known.recording.incident == state.incident
    assert known.context.hold == state.hold
    assert (known.context.restricted, known.context.objected) == (state.restricted, state.objected)
    assert known.row.due_at == state.due_at


def test_a_released_hold_and_a_dropped_incident_are_none(staffed: Scene) -> None:
    hold(staffed)
    flag(staffed)
    assert facts(staffed).recording.incident == Incident(
        kind=IncidentKind.THREAT, stage=IncidentStage.FLAGGED
    )
    (held,) = holds.of_recording(staffed.db, recording_named(1))
    keeping.release_hold(staffed.archive, held.hold_id, HEAD)
    with staffed.db.write() as tx:
        row = incidents.of_recording(staffed.db, recording_named(1))
        assert row is not None
        incidents.assessed(tx, row, incidents.Stage.DROPPED, staffed.clock.now(), HEAD)
    assert facts(staffed).context.hold is None
    assert facts(staffed).recording.incident is None


def test_who_held_the_call_are_its_agents_and_an_unknown_one_is_somebody(staffed: Scene) -> None:
    note_span(staffed, AGENT)
    assert facts(staffed).recording.agents == people.agents_of_call(staffed.db, facts(staffed).row.call_id)
    note_span(staffed, None)
    assert facts(staffed).recording.agents == {AGENT, situation.UNKNOWN_AGENT}


@pytest.mark.parametrize("kind", list(WordKind))
def test_a_word_comes_in_its_own_place_with_the_hats_of_its_giver(staffed: Scene, kind: WordKind) -> None:
    now = staffed.clock.now()
    said = Said(
        kind=kind,
        policy=EINDHOVEN,
        recording_id=recording_named(1),
        giver=COACH,
        receiver=AGENT,
        action=Action.LISTEN,
        purpose=TRAINING,
        reason="why",
        due_at=now + 365 * DAY,
    )
    with staffed.db.write() as tx:
        words.give(tx, said, until=now + DAY, at=now, actor="test")
    context = facts(staffed).context
    places = {
        WordKind.REQUEST: [word.by for word in context.requests],
        WordKind.OPENING: [word.by for word in context.openings],
        WordKind.APPROVAL: [word.by for word in context.approvals],
        WordKind.COMPANY: list(context.present),
    }
    coach: list[Person] = [situation.staff_of(staffed.db, EINDHOVEN)[COACH]]
    assert {place: found for place, found in places.items() if found} == (
        {} if kind is WordKind.YES else {kind: coach}
    )
    assert [yes.by for yes in context.yes] == ([COACH] if kind is WordKind.YES else [])


def test_company_for_something_else_is_not_there(staffed: Scene) -> None:
    now = staffed.clock.now()
    said = Said(
        kind=WordKind.COMPANY,
        policy=EINDHOVEN,
        recording_id=recording_named(1),
        giver=COACH,
        receiver=AGENT,
        action=Action.EXPORT,
        purpose=TRAINING,
        reason="why",
        due_at=now + 365 * DAY,
    )
    with staffed.db.write() as tx:
        words.give(tx, said, until=now + DAY, at=now, actor="test")
    assert facts(staffed).context.present == ()


def test_a_confirmed_request_runs_until_its_end(staffed: Scene) -> None:
    now = staffed.clock.now()
    confirmation = Confirmation(
        recording_id=recording_named(1),
        reference="2026-118",
        confirmed_by=COACH,
        until=now + DAY,
        due_at=now + 365 * DAY,
    )
    with staffed.db.write() as tx:
        confirmations.confirm(tx, confirmation, at=now, actor="test")
    assert facts(staffed).context.requested_until == now + DAY
    staffed.clock.advance(DAY)
    assert facts(staffed).context.requested_until is None


def test_recordings_of_another_policy_are_left_out(staffed: Scene) -> None:
    elsewhere = Asked(
        policy=staffed.policies.named("nunspeet").name,
        person=Person(id=AGENT, hats=()),
        company=(),
        action=Action.LISTEN,
        purpose=TRAINING,
        staff={},
    )
    assert situation.look_up(staffed.db, (recording_named(1),), elsewhere, staffed.clock.now()) == {}


def test_five_hundred_are_read_with_as_many_queries_as_one_and_one_that_is_not_there(staffed: Scene) -> None:
    counted: list[int] = []
    for ids in ([recording_named(1)], [RecordingId("")], [recording_named(n) for n in range(500)]):
        statements: list[str] = []
        staffed.db._connection.set_trace_callback(statements.append)
        situation.look_up(staffed.db, ids, asked(staffed), staffed.clock.now())
        staffed.db._connection.set_trace_callback(None)
        counted.append(len(statements))
    assert len(set(counted)) == 1
    with pytest.raises(ValueError, match="at most 500"):
        situation.look_up(staffed.db, [RecordingId("")] * 501, asked(staffed), staffed.clock.now())
