"""Pointing a call out by key: who pressed is who has the call there, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from casework.flagging import flag_by_key
from policy.access import IncidentKind
from policy.errors import AccessRefused, NotFound, StateConflict
from policy.vocabulary import CallId, PolicyName
from store.logbook import ledger
from store.retention import incidents
from tests.casework.staff import AGENT, COLLEAGUE, call_of, hold_call, staff
from tests.store.scene import Scene, scene

DESK, ELSEWHERE = CallId("1795282161.91"), CallId("1795282161.1;2")
"""The telephone that `hold_call` puts on record, and half a Local channel before it."""


@pytest.fixture
def groningen(tmp_path: Path) -> Iterator[Scene]:
    """Groningen's people, and one call that goes on and is recorded."""
    with staff(scene(tmp_path, policy=PolicyName("groningen"))) as stage:
        stage.begin(1)
        yield stage


def refusals(stage: Scene) -> list[str]:
    return [
        str((entry.payload or {})["rule"])
        for entry in ledger.show(stage.db)
        if entry.kind == "access_refused"
    ]


@pytest.mark.parametrize("channel", [DESK, ELSEWHERE])
def test_g4_the_agent_who_has_the_call_points_it_out_and_twice_is_once(
    groningen: Scene, channel: CallId
) -> None:
    hold_call(groningen, 1, AGENT)
    first = flag_by_key(groningen.archive, call_of(1), channel)
    assert (first.kind, first.flagged_by) == (IncidentKind.AGGRESSION, AGENT.id)
    assert flag_by_key(groningen.archive, call_of(1), channel) == first
    assert len(incidents.all_incidents(groningen.db)) == 1


def test_where_the_lines_name_nobody_nothing_is_pointed_out_and_the_ledger_says_why(groningen: Scene) -> None:
    with pytest.raises(AccessRefused, match="do not say who that is"):
        flag_by_key(groningen.archive, call_of(1), DESK)
    assert incidents.all_incidents(groningen.db) == ()
    assert "the lines do not say who that is" in refusals(groningen)[-1]


def test_of_two_who_have_the_call_the_one_at_that_telephone_counts_and_at_no_telephone_neither(
    groningen: Scene,
) -> None:
    hold_call(groningen, 1, AGENT)
    with groningen.db.write() as tx:
        tx.execute(
            "INSERT INTO call_agents (call_id, channel_id, person_id, since) VALUES (?, 'other', ?, 0)",
            (call_of(1), COLLEAGUE.id),
        )
    with pytest.raises(AccessRefused):
        flag_by_key(groningen.archive, call_of(1), ELSEWHERE)
    assert flag_by_key(groningen.archive, call_of(1), CallId("other")).flagged_by == COLLEAGUE.id
    with pytest.raises(StateConflict, match="was flagged before"):
        flag_by_key(groningen.archive, call_of(1), DESK)


def test_who_left_before_does_not_count(groningen: Scene) -> None:
    hold_call(groningen, 1, AGENT)
    with groningen.db.write() as tx:
        tx.execute("UPDATE call_agents SET until = since + 1000")
    with pytest.raises(AccessRefused):
        flag_by_key(groningen.archive, call_of(1), DESK)


def test_a_call_that_is_not_recorded_has_nothing_to_point_out(groningen: Scene) -> None:
    groningen.open_call(2)
    hold_call(groningen, 2, AGENT)
    with pytest.raises(StateConflict, match="was not recorded"):
        flag_by_key(groningen.archive, call_of(2), CallId("1795282161.92"))


def test_n7_where_the_policy_knows_no_incident_nothing_is_pointed_out(tmp_path: Path) -> None:
    with staff(scene(tmp_path, policy=PolicyName("nunspeet"))) as stage:
        stage.begin(1)
        hold_call(stage, 1, AGENT)
        with pytest.raises(NotFound, match="knows no incident"):
            flag_by_key(stage.archive, call_of(1), DESK)
