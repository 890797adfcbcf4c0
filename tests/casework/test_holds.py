"""Holds as the policies know them (H2, X6, AVG 15 and 18): who decides, how long, and what comes after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest

from casework import holds, incidents
from policy.access import IncidentKind
from policy.errors import AccessRefused, NotFound, StateConflict
from policy.vocabulary import ErasedBecause, PolicyName, RecordingId, TakenBack, WithdrawnBy
from store.records import recordings
from store.retention import destruction, keeping, purge, withdrawals
from store.retention.destruction import Doom
from tests.casework.staff import AGENT, HEAD, OFFICER, call_of, hold_call, staff
from tests.store.scene import Scene, recording_named, scene, voice

WHY = "aangifte 2026-114"


def at_work(folder: Path, policy: str) -> AbstractContextManager[Scene]:
    """Set an organisation up, with its staff."""
    return staff(scene(folder, policy=PolicyName(policy)))


@pytest.fixture
def heerde(tmp_path: Path) -> Iterator[Scene]:
    """Heerde: seven days, unless there is a threat (H2)."""
    with at_work(tmp_path, "heerde") as stage:
        yield stage


def due_in_days(stage: Scene, recording_id: RecordingId) -> float:
    row = recordings.get_recording(stage.db, recording_id)
    return (row.due_at - row.started_at) / timedelta(days=1)


def test_h2_a_threat_keeps_a_call_beyond_its_seven_days_and_its_release_lets_it_go(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    placed = holds.place(heerde.archive, call_of(1), "threat", HEAD, why=WHY)
    assert (placed.role, placed.deviates) == ("line_manager", False)
    assert due_in_days(heerde, recording_id) > 90  # three months, as the policy allows at most
    heerde.clock.advance(timedelta(days=10))
    purge.run(heerde.archive, heerde.guard)
    assert heerde.hear(recording_id) == voice(1)
    released = holds.release(heerde.archive, placed.hold_id, HEAD, why="geen aangifte")
    assert released.released_by == HEAD.id
    assert list(purge.run(heerde.archive, heerde.guard).receipts) == [recording_id]


def test_only_whom_the_policy_names_decides_and_releases(heerde: Scene) -> None:
    heerde.keep(1)
    for by in (AGENT, OFFICER):
        with pytest.raises(
            AccessRefused,
            match='Heerde H2, art. 7: a hold for "threat" is decided by the line manager, and '
            f"{by.id} is not",
        ):
            holds.place(heerde.archive, call_of(1), "threat", by, why=WHY)
    with pytest.raises(AccessRefused, match="decided by the privacy officer"):
        holds.place(heerde.archive, call_of(1), "access_request", HEAD, why=WHY)
    placed = holds.place(heerde.archive, call_of(1), "access_request", OFFICER, why=WHY)
    with pytest.raises(AccessRefused, match="and an is not"):
        holds.release(heerde.archive, placed.hold_id, HEAD, why="weg ermee")


def test_a_reason_that_the_policy_does_not_know_holds_nothing(heerde: Scene) -> None:
    heerde.keep(1)
    with pytest.raises(NotFound, match='heerde: no hold reason "politics", expected one of: access_request'):
        holds.place(heerde.archive, call_of(1), "politics", HEAD, why=WHY)


def test_no_hold_ends_later_than_the_policy_allows_and_one_that_is_not_renewed_is_placed_once(
    heerde: Scene,
) -> None:
    recording_id, now = heerde.keep(1), heerde.clock.now()
    with pytest.raises(StateConflict, match="must end after it was placed and by"):
        holds.place(heerde.archive, recording_id, "threat", HEAD, why=WHY, until=now + timedelta(days=200))
    holds.place(heerde.archive, recording_id, "access_request", OFFICER, why=WHY)
    with pytest.raises(StateConflict, match='a hold for "access_request" is placed once'):
        holds.place(heerde.archive, recording_id, "access_request", OFFICER, why=WHY)
    for _ in range(2):  # this one is renewable, by a new decision
        holds.place(heerde.archive, recording_id, "threat", HEAD, why=WHY)


def test_a_hold_by_law_where_the_text_promises_a_fixed_end_is_shown_as_a_deviation(tmp_path: Path) -> None:
    with at_work(tmp_path, "groningen") as stage:
        stage.keep(1)
        assert holds.place(stage.archive, call_of(1), "access_request", OFFICER, why="inzage").deviates


def test_a_hold_after_erasure_or_withdrawal_is_refused_in_one_line(heerde: Scene) -> None:
    for number in (1, 2, 3):
        heerde.keep(number)
    doom = Doom(recording_id=recording_named(1), because=ErasedBecause.REQUEST)
    destruction.destroy(heerde.archive, doom)
    withdrawals.take_back(heerde.archive, recording_named(2), WithdrawnBy.OPERATOR)
    for number, because in ((1, "request"), (2, "withdrawn")):
        with pytest.raises(StateConflict, match=rf"erasure has begun \({because}\), nothing keeps it"):
            holds.place(heerde.archive, call_of(number), "threat", HEAD, why=WHY)
    heerde.open_call(4)
    with pytest.raises(StateConflict, match="was not recorded, so there is nothing to hold"):
        holds.place(heerde.archive, call_of(4), "threat", HEAD, why=WHY)
    with pytest.raises(NotFound, match="no call 9.9"):
        holds.place(heerde.archive, "9.9", "threat", HEAD, why=WHY)


def test_each_sees_the_holds_on_which_they_decide(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    first = holds.place(heerde.archive, recording_id, "threat", HEAD, why=WHY)
    holds.place(heerde.archive, recording_id, "access_request", OFFICER, why="inzage")
    seen = {
        by.id: [hold.reason for hold in holds.listed(heerde.archive, by, running=True)]
        for by in (AGENT, HEAD, OFFICER)
    }
    assert seen == {AGENT.id: [], HEAD.id: ["threat"], OFFICER.id: ["access_request"]}
    holds.release(heerde.archive, first.hold_id, HEAD, why="klaar")
    assert [hold.hold_id for hold in holds.listed(heerde.archive, None, running=True)] == [2]
    assert len(holds.listed(heerde.archive, None, running=False)) == 2


def test_an_incident_without_an_extension_is_assessed_by_who_registers_it_and_keeps_its_term(
    heerde: Scene,
) -> None:
    recording_id = heerde.keep(1)
    hold_call(heerde, 1, AGENT)
    before = due_in_days(heerde, recording_id)
    incidents.flag(heerde.archive, call_of(1), IncidentKind.THREAT, AGENT)
    incidents.assess(heerde.archive, call_of(1), keep=False, reason="geen dreiging", by=HEAD)
    assert due_in_days(heerde, recording_id) == before  # it was recorded for quality, and stays for that
    assert heerde.hear(recording_id) == voice(1)


def test_what_was_withdrawn_while_it_was_assessed_goes_when_the_incident_is_dropped(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    hold_call(heerde, 1, AGENT)
    incidents.flag(heerde.archive, call_of(1), IncidentKind.THREAT, AGENT)
    taken = withdrawals.take_back(heerde.archive, recording_id, WithdrawnBy.CALLER_KEY)
    assert taken is TakenBack.RESTRICTED
    assert purge.run(heerde.archive, heerde.guard).receipts == {}
    incidents.assess(heerde.archive, call_of(1), keep=False, reason="geen dreiging", by=HEAD)
    assert list(purge.run(heerde.archive, heerde.guard).receipts) == [recording_id]


def test_a_dropped_incident_under_a_hold_goes_when_the_hold_ends(tmp_path: Path) -> None:
    with at_work(tmp_path, "groningen") as stage:
        recording_id = stage.keep(1)
        hold_call(stage, 1, AGENT)
        incidents.flag(stage.archive, call_of(1), IncidentKind.AGGRESSION, AGENT)
        placed = holds.place(stage.archive, call_of(1), "access_request", OFFICER, why="inzage")
        stage.clock.advance(timedelta(hours=1))
        incidents.assess(stage.archive, call_of(1), keep=False, reason="misverstand", by=HEAD)
        stage.clock.advance(timedelta(days=5))
        assert purge.run(stage.archive, stage.guard).receipts == {}
        assert keeping.state_of(stage.db, recording_id).hold is not None
        holds.release(stage.archive, placed.hold_id, OFFICER, why="inzage gegeven")
        assert list(purge.run(stage.archive, stage.guard).receipts) == [recording_id]
