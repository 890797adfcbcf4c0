"""Groningen's incidents (G2-G5): flagged, assessed in time, kept ten working days, destroyed all the same."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from casework import incidents
from casework.ruling import Caseworker
from policy.access import IncidentKind
from policy.clock import SteppedClock, to_iso
from policy.errors import AccessRefused, NotFound, StateConflict
from policy.situation import IncidentStage, PersonId
from policy.vocabulary import CallId, ErasedBecause, PolicyName, RecordingId, RecordingState
from store.logbook import ledger_check
from store.persons import hats, people
from store.records import recordings
from store.retention import keeping, purge
from store.retention.incidents import Stage, get_incident
from store.retention.incidents import all_incidents as every_incident
from tests.casework.staff import AGENT, COLLEAGUE, COORDINATOR, HEAD, call_of, hold_call, staff
from tests.store.scene import Scene, scene, voice
from tests.store.test_destruction import opens, told

pytestmark = pytest.mark.exhaustive  # takes seconds: with make test

GRONINGEN = PolicyName("groningen")
AGGRESSION = IncidentKind.AGGRESSION


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    """Groningen on an ordinary Tuesday, with its staff."""
    with on(tmp_path, "2026-11-17T10:00:00Z") as opened:
        yield opened


def on(folder: Path, now: str) -> AbstractContextManager[Scene]:
    """Set Groningen up at that moment."""
    return staff(scene(folder, clock=SteppedClock(at(now)), policy=GRONINGEN))


def kept(stage: Scene, number: int = 1) -> RecordingId:
    """Have a call that the agent held, sealed."""
    recording_id = stage.keep(number)
    hold_call(stage, number, AGENT)
    return recording_id


def due(stage: Scene, recording_id: RecordingId) -> datetime:
    return recordings.get_recording(stage.db, recording_id).due_at


def go_to(stage: Scene, moment: datetime) -> None:
    """Let time pass until then, a minute before being looked at first."""
    stage.clock.advance(moment - timedelta(minutes=1) - stage.clock.now())
    assert purge.run(stage.archive, stage.guard).receipts == {}
    stage.clock.advance(timedelta(minutes=1))


def test_flagged_kept_and_destroyed_ten_working_days_after_the_48_hours(stage: Scene) -> None:
    recording_id = kept(stage)
    flagged = incidents.flag(stage.archive, call_of(1), AGGRESSION, AGENT)
    assert flagged.assess_by_at == at("2026-11-19T10:00:00Z")
    stage.clock.advance(timedelta(hours=20))
    assessed = incidents.assess(stage.archive, call_of(1), keep=True, reason="bedreiging", by=HEAD)
    assert (assessed.stage, assessed.assessed_by) == (Stage.KEPT, HEAD.id)
    assert due(stage, recording_id) == at("2026-12-03T10:00:00Z")
    state = keeping.state_of(stage.db, recording_id)
    assert state.incident is not None
    assert state.incident.stage is IncidentStage.KEPT
    go_to(stage, at("2026-11-19T10:00:00Z") + timedelta(minutes=5))
    assert stage.hear(recording_id) == voice(1)
    go_to(stage, at("2026-12-03T10:00:00Z"))
    (gone,) = purge.run(stage.archive, stage.guard).receipts.values()
    assert (gone.because, gone.lateness_ms) == (ErasedBecause.DUE, 0)
    closed = get_incident(stage.db, flagged.incident_id)
    assert (closed.stage, closed.closed_at) == (Stage.KEPT, stage.clock.now())
    kinds = [kind for kind in told(stage, recording_id) if kind.startswith(("incident", "term", "destroyed"))]
    assert kinds == [
        "incident_flagged", "term_extended", "incident_assessed", "destroyed", "incident_closed"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("called", "ends"),
    [
        # Good Friday 3 April counts as a working day, Easter Monday 6 April does not; the clocks go forward.
        ("2026-03-27T15:55:00Z", "2026-04-13T15:55:00Z"),
        # Both before the clocks go forward, on 29 March 2026.
        ("2026-03-11T09:00:00Z", "2026-03-27T09:00:00Z"),
        # King's day (27 April) and Ascension day (14 May) are free, 5 May 2026 is not.
        ("2026-04-22T10:00:00Z", "2026-05-11T10:00:00Z"),
        # The clocks go back on 25 October 2026; the earlier reading of each.
        ("2026-10-23T14:55:00Z", "2026-11-06T14:55:00Z"),
        # Christmas and New Year's day.
        ("2026-12-21T12:00:00Z", "2027-01-08T12:00:00Z"),
    ],
)
def test_ten_working_days_over_holidays_and_clock_changes(tmp_path: Path, called: str, ends: str) -> None:
    with on(tmp_path, called) as stage:
        recording_id = kept(stage)
        incidents.flag(stage.archive, call_of(1), AGGRESSION, AGENT)
        incidents.assess(stage.archive, call_of(1), keep=True, reason="dreigde", by=HEAD)
        assert to_iso(due(stage, recording_id)) == to_iso(at(ends))
        go_to(stage, at(ends))
        assert list(purge.run(stage.archive, stage.guard).receipts) == [recording_id]


def test_flagged_on_friday_at_five_to_five_it_has_to_be_assessed_by_sunday(tmp_path: Path) -> None:
    """Nobody looks at the weekend: the 48 hours run all the same, and the incident says so."""
    with on(tmp_path, "2026-11-20T15:55:00Z") as stage:  # 16:55 in Groningen
        recording_id = kept(stage)
        flagged = incidents.flag(stage.archive, call_of(1), AGGRESSION, AGENT)
        assert flagged.assess_by_at == at("2026-11-22T15:55:00Z")
        assert flagged.assess_by_at.strftime("%A") == "Sunday"
        go_to(stage, flagged.assess_by_at)
        with pytest.raises(StateConflict, match="had to be assessed before 2026-11-22 15:55Z"):
            incidents.assess(stage.archive, call_of(1), keep=True, reason="te laat", by=HEAD)
        assert list(purge.run(stage.archive, stage.guard).receipts) == [recording_id]
        lapsed = get_incident(stage.db, flagged.incident_id)
        assert (lapsed.stage, lapsed.assessed_by) == (Stage.LAPSED, None)
        with pytest.raises(StateConflict, match="is lapsed already"):
            incidents.assess(stage.archive, call_of(1), keep=True, reason="maandag", by=HEAD)


def test_assessed_a_minute_before_sunday_it_stays_until_friday_two_weeks_later(tmp_path: Path) -> None:
    with on(tmp_path, "2026-11-20T15:55:00Z") as stage:
        recording_id = kept(stage)
        incidents.flag(stage.archive, call_of(1), AGGRESSION, AGENT)
        stage.clock.advance(timedelta(hours=47, minutes=59))
        incidents.assess(stage.archive, call_of(1), keep=True, reason="van huis", by=HEAD)
        assert due(stage, recording_id) == at("2026-12-04T15:55:00Z")


def test_dropped_is_destroyed_at_once_and_old_copies_open_nothing(stage: Scene, tmp_path: Path) -> None:
    recording_id, other = kept(stage), stage.keep(2)
    stage.db.forget_deleted()
    old = Path(shutil.copy(stage.db.path, tmp_path / "old.db"))
    assert opens(stage, old, recording_id)
    incidents.flag(stage.archive, call_of(1), AGGRESSION, AGENT)
    dropped = incidents.assess(stage.archive, call_of(1), keep=False, reason="misverstand", by=HEAD)
    assert (dropped.stage, dropped.closed_at) == (Stage.DROPPED, stage.clock.now())
    row = recordings.get_recording(stage.db, recording_id)
    assert (row.state, row.erased_because) == (RecordingState.PURGED, ErasedBecause.INCIDENT_DROPPED)
    assert not opens(stage, old, recording_id)
    assert stage.hear(other) == voice(2)
    assert ledger_check.verify(stage.db).holds


def test_only_the_agent_who_held_the_call_flags_it(stage: Scene) -> None:
    kept(stage)
    for by in (COLLEAGUE, HEAD):
        with pytest.raises(
            AccessRefused,
            match=f"Groningen G4, art. 6: a call is pointed out by the agent who held the"
            f" call, and {by.id} is not",
        ):
            incidents.flag(stage.archive, call_of(1), AGGRESSION, by)
    assert every_incident(stage.db) == ()


def test_only_the_head_assesses(stage: Scene) -> None:
    kept(stage)
    incidents.flag(stage.archive, call_of(1), AGGRESSION, AGENT)
    for by in (AGENT, COLLEAGUE, COORDINATOR):
        with pytest.raises(AccessRefused, match="G4, art. 6: an incident is assessed by the head, and"):
            incidents.assess(stage.archive, call_of(1), keep=True, reason="zelf", by=by)


def test_who_flagged_it_does_not_assess_it_whatever_they_wear(stage: Scene) -> None:
    kept(stage)
    with stage.db.write() as tx:
        hats.give(
            tx,
            AGENT.id,
            stage.policies.named("groningen"),
            "head",
            since=None,
            until=None,
            at=stage.clock.now(),
            actor="test",
        )
    incidents.flag(stage.archive, call_of(1), AGGRESSION, AGENT)
    with pytest.raises(AccessRefused, match="was flagged by jan, and somebody else has to assess it"):
        incidents.assess(stage.archive, call_of(1), keep=True, reason="zelf", by=AGENT)


def test_steps_in_the_wrong_order_are_refused_in_one_line(stage: Scene) -> None:
    kept(stage)
    stage.open_call(2)
    with pytest.raises(StateConflict, match="was not flagged, so there is nothing to assess"):
        incidents.assess(stage.archive, call_of(1), keep=True, reason="?", by=HEAD)
    with pytest.raises(NotFound, match="no call 1.1"):
        incidents.assess(stage.archive, CallId("1.1"), keep=True, reason="?", by=HEAD)
    with pytest.raises(StateConflict, match="was not recorded, so there is nothing to keep"):
        incidents.flag(stage.archive, call_of(2), AGGRESSION, AGENT)
    with pytest.raises(NotFound, match='knows no incident of "misconduct", expected one of: aggression'):
        incidents.flag(stage.archive, call_of(1), IncidentKind.MISCONDUCT, AGENT)
    with pytest.raises(NotFound, match="nobody"):
        incidents.flag(stage.archive, call_of(1), AGGRESSION, Caseworker(id=PersonId("nobody"), actor="?"))
    incidents.flag(stage.archive, call_of(1), AGGRESSION, AGENT)
    with pytest.raises(StateConflict, match=r"was flagged before \(incident 1, flagged\)"):
        incidents.flag(stage.archive, call_of(1), AGGRESSION, AGENT)
    incidents.assess(stage.archive, call_of(1), keep=True, reason="ja", by=HEAD)
    with pytest.raises(StateConflict, match="is kept already by an"):
        incidents.assess(stage.archive, call_of(1), keep=False, reason="toch niet", by=HEAD)


def test_a_call_that_goes_on_is_flagged_at_once_and_assessed_when_it_is_over(stage: Scene) -> None:
    stage.begin(1)
    hold_call(stage, 1, AGENT)
    incidents.flag(stage.archive, call_of(1), AGGRESSION, AGENT)
    with pytest.raises(StateConflict, match="is still going on; assess it when it is over"):
        incidents.assess(stage.archive, call_of(1), keep=True, reason="nu", by=HEAD)


def test_what_is_gone_cannot_be_flagged(stage: Scene) -> None:
    kept(stage)
    stage.clock.advance(timedelta(hours=48))
    with pytest.raises(StateConflict, match="its first term is over"):
        incidents.flag(stage.archive, call_of(1), AGGRESSION, AGENT)
    purge.run(stage.archive, stage.guard)
    with pytest.raises(StateConflict, match=r"its recording is gone \(due\)"):
        incidents.flag(stage.archive, call_of(1), AGGRESSION, AGENT)


def test_each_sees_the_incidents_that_concern_them(stage: Scene) -> None:
    kept(stage)
    incidents.flag(stage.archive, call_of(1), AGGRESSION, AGENT)
    seen = {by.id: len(incidents.listed(stage.archive, by)) for by in (AGENT, COLLEAGUE, HEAD, COORDINATOR)}
    assert seen == {AGENT.id: 1, COLLEAGUE.id: 0, HEAD.id: 1, COORDINATOR.id: 1}
    assert len(incidents.listed(stage.archive, None)) == 1


def test_an_incident_outlives_its_recording_and_goes_on_its_own_term(stage: Scene) -> None:
    """G5: the registration outlives the recording; our own file of it a year."""
    recording_id = kept(stage)
    incidents.flag(stage.archive, call_of(1), AGGRESSION, AGENT)
    incidents.assess(stage.archive, call_of(1), keep=True, reason="hij dreigde met geweld", by=HEAD)
    go_to(stage, due(stage, recording_id))
    purge.run(stage.archive, stage.guard)
    assert incidents.settle(stage.archive) == 0
    (row,) = every_incident(stage.db)
    assert row.data_due_at == datetime(2027, 12, 3, 10, 0, tzinfo=UTC)
    stage.clock.advance(timedelta(days=200))
    purge.run(stage.archive, stage.guard)  # the data of the call are gone by now
    assert incidents.settle(stage.archive) == 0
    stage.clock.advance(row.data_due_at - stage.clock.now())
    assert incidents.settle(stage.archive) == 1
    assert every_incident(stage.db) == ()
    assert b"hij dreigde met geweld" not in stage.every_byte()
    assert people.get_person(stage.db, HEAD.id).retired_at is None
