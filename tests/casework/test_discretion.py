"""What is not yours takes the same steps as what is not there; only the ledger knows which it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from casework.discretion import discretion
from casework.ruling import Caseworker
from policy.errors import NotFound, StateConflict
from policy.vocabulary import CallId, Outcome, PolicyName
from store.access.door import NO_SUCH
from store.logbook import ledger
from store.records import decisions
from tests.casework.staff import AGENT, COLLEAGUE, HEAD, OFFICER, call_of, hold_call, staff
from tests.store.scene import Scene, recording_named, scene
from tests.store.test_door import shape

NO_CALL = "1795282161.404"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    """Groningen with a recorded call, one that was refused, and one whose recording is gone."""
    with staff(scene(tmp_path, policy=PolicyName("groningen"))) as stage:
        stage.keep(1)
        hold_call(stage, 1, AGENT)
        stage.open_call(2)
        with stage.db.write() as tx:
            decisions.store(tx, stage.decision(2, Outcome.REFUSED), stage.policies)
        yield stage


def refused(stage: Scene, by: Caseworker, about: str) -> list[str]:
    """Ask, be refused before anything is done, and return the statements that it took."""
    statements: list[str] = []
    stage.db._connection.set_trace_callback(statements.append)
    with pytest.raises(NotFound) as refusal, discretion(stage.archive, by, about, action="assess"):
        raise AssertionError("nothing is looked at for them")
    stage.db._connection.set_trace_callback(None)
    assert (refusal.value.text, refusal.value.hint) == (NO_SUCH, None)
    return [shape(one) for one in statements if "ledger_nodes" not in one]


def test_not_yours_not_recorded_and_not_there_take_the_same_steps(stage: Scene) -> None:
    abouts = (call_of(1), recording_named(1), call_of(2), NO_CALL, "0" * 32, "../../etc/passwd", "")
    steps = [refused(stage, COLLEAGUE, about) for about in abouts]
    assert all(one == steps[0] for one in steps)
    assert len(steps[0]) > 10
    told = [entry for entry in ledger.show(stage.db) if entry.kind == "access_refused"]
    rules = [(entry.payload or {})["rule"] for entry in told]
    theirs = f"{COLLEAGUE.id} neither held the call nor decides on such calls"
    assert rules[:5] == [theirs, theirs, theirs, f"no call {NO_CALL}", f"no call {'0' * 32}"]
    assert [entry.subject for entry in told[:4]] == [call_of(1), call_of(1), call_of(2), ""]


@pytest.mark.parametrize("by", [AGENT, HEAD, OFFICER])
def test_who_has_to_do_with_the_call_is_told_what_stands_in_the_way(stage: Scene, by: Caseworker) -> None:
    with (
        pytest.raises(StateConflict, match="as it came"),
        discretion(stage.archive, by, call_of(1), action="hold"),
    ):
        raise StateConflict("as it came")
    *_, entry = ledger.show(stage.db)
    assert (entry.payload or {})["rule"] == "as it came"


def test_a_role_under_another_policy_knows_nothing_of_this_call(stage: Scene) -> None:
    """The head of Groningen has nothing to do with a call that no policy of theirs recorded."""
    assert refused(stage, HEAD, call_of(2)) == refused(stage, HEAD, CallId(NO_CALL))
