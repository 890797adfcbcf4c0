"""Calibration: with the agent's yes, scored apart, compared when all are in, over with the yes (R3, R5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from casework import calibrations, reviews
from casework.reviews import Wanted
from policy.errors import AccessRefused, NotFound, RefusedByPolicy, StateConflict
from policy.situation import PersonId
from policy.vocabulary import RecordingId
from store.access import asking, words
from store.access.asking import Wanted as WantedWord
from store.access.words import WordKind
from store.cases.calibrations import CaseRow
from store.logbook import ledger
from store.logbook.ledger import Kind
from store.retention import purge
from tests.casework.reviewing import (
    AN,
    ANNA,
    BO,
    JAN,
    PIET,
    TESS,
    asks,
    hear,
    keep,
    organisation,
    policy_of,
    worker,
)
from tests.store.scene import Scene, recording_named

pytestmark = pytest.mark.exhaustive

CALIBRATION = "coach_training"
VORM, INHOUD = "vorm van het gesprek", "inhoud van het gesprek"
CALL = recording_named(1)
ONE = Wanted(per_agent=1)


@pytest.fixture
def rvo(tmp_path: Path) -> Iterator[Scene]:
    """RVO, with a call of Jan's that was drawn for calibration."""
    with organisation(tmp_path, "rvo") as stage:
        keep(stage, 1)
        reviews.draw(stage.archive, asks(stage, ANNA, CALIBRATION), ONE)
        yield stage


@pytest.fixture
def case(rvo: Scene) -> CaseRow:
    """A case of Anna's and Tess's on that call."""
    say_yes(rvo, JAN)
    return opened(rvo, ANNA, TESS)


def opened(stage: Scene, *scorers: PersonId) -> CaseRow:
    return calibrations.open_case(stage.archive, asks(stage, ANNA, CALIBRATION), CALL, scorers)


def say_yes(stage: Scene, agent: PersonId) -> int:
    """Have an agent agree, as `approvals yes` does."""
    wanted = WantedWord(
        kind=WordKind.YES, question=asks(stage, ANNA, CALIBRATION), giver=agent, recording=CALL
    )
    return asking.give(stage.archive, wanted, stage.clock.now(), until=None).word_id


def score(stage: Scene, person: PersonId, vorm: int, inhoud: int) -> None:
    question = asks(stage, person, CALIBRATION)
    hear(stage, question, CALL)
    reviews.fill(stage.archive, question, CALL, {VORM: vorm, INHOUD: inhoud}, "")


def test_r5_before_the_agent_said_yes_there_is_no_case(rvo: Scene) -> None:
    with pytest.raises(
        RefusedByPolicy, match="R5, Bron: only after the agent said yes: coaches and trainers"
    ):
        opened(rvo, ANNA, TESS)
    assert rvo.db.rows("SELECT 1 FROM calibrations") == []


def test_scores_are_compared_only_after_all_are_in(rvo: Scene, case: CaseRow) -> None:
    policy = policy_of(rvo)
    score(rvo, ANNA, 4, 2)
    for person in (ANNA, TESS):
        with pytest.raises(StateConflict, match="R5, Bron: scores are compared once all are in: 1 of 2 are"):
            calibrations.compare(rvo.archive, policy, worker(person), case.calibration_id)
    assert reviews.listed(rvo.archive, policy, worker(BO))[0].forms == ()  # nobody sees one before
    with pytest.raises(NotFound):
        reviews.show(rvo.archive, policy, worker(BO), 1)
    score(rvo, TESS, 3, 5)
    found = calibrations.compare(rvo.archive, policy, worker(TESS), case.calibration_id)
    assert {one.criterion.name: (one.spread, dict(one.scores)) for one in found.spreads} == {
        VORM: (1, {ANNA: 4, TESS: 3}),
        INHOUD: (3, {ANNA: 2, TESS: 5}),
    }
    assert [one.criterion.on_content for one in found.spreads] == [False, True]
    with pytest.raises(NotFound, match="no such calibration case, or not yours"):
        calibrations.compare(rvo.archive, policy, worker(BO), case.calibration_id)
    assert calibrations.of_person(rvo.archive, policy, worker(JAN))[0].to_json()["state"] == "scored"
    shown = [entry for entry in ledger.show(rvo.db) if entry.kind == Kind.REVIEW_SHOWN.value]
    assert len(shown) == 2


def test_who_is_no_scorer_has_no_form_and_nobody_scores_twice(rvo: Scene, case: CaseRow) -> None:
    hear(rvo, asks(rvo, BO, CALIBRATION), CALL)
    with pytest.raises(RefusedByPolicy, match="the case is scored by anna, tess, and bo is none of them"):
        reviews.fill(rvo.archive, asks(rvo, BO, CALIBRATION), CALL, {VORM: 1, INHOUD: 1}, "")
    score(rvo, ANNA, 4, 2)
    with pytest.raises(StateConflict, match="each scores once, before anything is compared"):
        score(rvo, ANNA, 5, 5)


def test_a_yes_that_is_taken_back_ends_the_case_and_erases_its_forms(rvo: Scene) -> None:
    word = say_yes(rvo, JAN)
    case = opened(rvo, ANNA, TESS)
    score(rvo, ANNA, 4, 2)
    score(rvo, TESS, 3, 5)
    with rvo.db.write() as tx:
        words.take_back(tx, word, at=rvo.clock.now(), actor="person:jan login:jan")
    with pytest.raises(
        StateConflict, match="the case is over \\(yes taken back\\), and its forms are erased"
    ):
        calibrations.compare(rvo.archive, policy_of(rvo), worker(ANNA), case.calibration_id)
    assert rvo.db.rows("SELECT 1 FROM review_forms") == []
    assert rvo.db.rows("SELECT 1 FROM review_scores") == []
    with pytest.raises(StateConflict, match="is scored in a calibration case, once its agent said yes"):
        reviews.fill(rvo.archive, asks(rvo, ANNA, CALIBRATION), CALL, {VORM: 1, INHOUD: 1}, "")


def test_the_purge_ends_it_too_when_nobody_asks(rvo: Scene) -> None:
    word = say_yes(rvo, JAN)
    opened(rvo, ANNA, TESS)
    score(rvo, ANNA, 4, 2)
    with rvo.db.write() as tx:
        words.take_back(tx, word, at=rvo.clock.now(), actor="person:jan login:jan")
    purge.run(rvo.archive, rvo.guard)
    assert rvo.db.rows("SELECT 1 FROM review_forms") == []
    assert rvo.db.rows("SELECT ended_because FROM calibrations")[0]["ended_because"] == "yes_taken_back"


def test_a_case_nobody_finished_ends_with_its_recording_and_a_finished_one_stays(
    tmp_path: Path, rvo: Scene
) -> None:
    say_yes(rvo, JAN)
    case = opened(rvo, ANNA, TESS)
    score(rvo, ANNA, 4, 2)
    rvo.clock.advance(timedelta(days=29))
    purge.run(rvo.archive, rvo.guard)
    (row,) = calibrations.of_person(rvo.archive, policy_of(rvo), worker(ANNA))
    assert row.ended_because is not None and row.calibration_id == case.calibration_id
    assert rvo.db.rows("SELECT 1 FROM review_forms") == []
    (tmp_path / "other").mkdir()
    with organisation(tmp_path / "other", "rvo") as stage:
        keep(stage, 1)
        reviews.draw(stage.archive, asks(stage, ANNA, CALIBRATION), ONE)
        say_yes(stage, JAN)
        whole = opened(stage, ANNA, TESS)
        score(stage, ANNA, 4, 2)
        score(stage, TESS, 4, 2)
        stage.clock.advance(timedelta(days=29))
        purge.run(stage.archive, stage.guard)
        found = calibrations.compare(stage.archive, policy_of(stage), worker(ANNA), whole.calibration_id)
        assert [one.spread for one in found.spreads] == [0, 0]
        stage.clock.advance(timedelta(days=5 * 366))
        purge.run(stage.archive, stage.guard)
        for table in ("calibrations", "calibration_scorers", "review_forms", "review_scores"):
            assert stage.db.rows(f"SELECT 1 FROM {table}") == []  # noqa: S608 - our own words


@pytest.mark.parametrize(
    ("scorers", "error", "said"),
    [
        ((ANNA,), StateConflict, "several score one call, at least 2, and 1 is named"),
        ((ANNA, ANNA), StateConflict, "at least 2"),
        ((ANNA, AN), NotFound, "scorer an: does not listen for this under rvo"),
        ((ANNA, JAN), NotFound, "scorer jan: does not listen"),
        ((ANNA, PersonId("niemand")), NotFound, "niemand"),
    ],
)
def test_scorers_are_several_and_may_listen_for_it(
    rvo: Scene, scorers: tuple[PersonId, ...], error: type[Exception], said: str
) -> None:
    say_yes(rvo, JAN)
    with pytest.raises(error, match=said):
        opened(rvo, *scorers)
    assert rvo.db.rows("SELECT 1 FROM calibrations") == []


def test_one_case_at_a_time(rvo: Scene, case: CaseRow) -> None:
    with pytest.raises(StateConflict, match="one calibration case at a time"):
        opened(rvo, ANNA, BO)


def test_what_was_not_drawn_for_it_is_no_recording_of_theirs(rvo: Scene) -> None:
    keep(rvo, 2, PIET)
    for recording in (recording_named(2), RecordingId("0" * 32)):
        with pytest.raises(NotFound, match="no such recording, or not yours"):
            calibrations.open_case(rvo.archive, asks(rvo, ANNA, CALIBRATION), recording, (ANNA, TESS))


def test_a_purpose_that_asks_no_agent_is_no_calibration(rvo: Scene) -> None:
    with pytest.raises(
        RefusedByPolicy, match="R3, R4, R5: a call is calibrated on after its agent was asked"
    ):
        calibrations.open_case(rvo.archive, asks(rvo, ANNA, "quality"), CALL, (ANNA, TESS))


def test_for_calibration_a_form_waits_for_its_case(rvo: Scene) -> None:
    with pytest.raises(
        StateConflict, match="R5, Bron: for coach_training a call is scored in a calibration case"
    ):
        reviews.fill(rvo.archive, asks(rvo, ANNA, CALIBRATION), CALL, {VORM: 1, INHOUD: 1}, "")


def test_nunspeet_knows_no_calibration(tmp_path: Path) -> None:
    with organisation(tmp_path, "nunspeet") as stage:
        keep(stage, 1)
        with pytest.raises(RefusedByPolicy):
            calibrations.open_case(stage.archive, asks(stage, ANNA, CALIBRATION), CALL, (ANNA, BO))
        with pytest.raises(AccessRefused, match="after its agent was asked"):
            calibrations.open_case(stage.archive, asks(stage, ANNA, "quality"), CALL, (ANNA, BO))
