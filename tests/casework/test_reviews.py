"""Reviews under five policies: draw, listen, fill, show, and each out of its order (H3, N6, N8, R4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from casework import development, reviews
from casework.reviews import Wanted
from policy.access import Closure
from policy.errors import AccessRefused, ConsentlineError, NotFound, RefusedByPolicy, StateConflict
from policy.retention import DataKind
from policy.vocabulary import PolicyName, RecordingId
from store.access import draws
from store.cases import reviews as forms
from store.cases.reviews import FormRow
from store.logbook import ledger
from store.logbook.ledger import Kind
from store.retention import closures, purge
from tests.casework.reviewing import (
    AN,
    ANNA,
    BO,
    JAN,
    PIET,
    TESS,
    agreed,
    asks,
    employ,
    hear,
    keep,
    organisation,
    policy_of,
    worker,
)
from tests.store.scene import ROOT, Scene, recording_named, scene

pytestmark = pytest.mark.exhaustive

DAY = timedelta(days=1)
FIVE_A = {"aanvang": 4, "analyse": 3, "antwoord": 5, "afsluiting": 2, "algemeen": 4}
TWO = Wanted(per_agent=2)


@pytest.fixture
def nunspeet(tmp_path: Path) -> Iterator[Scene]:
    """Nunspeet: a coach scores the 5 A's, a line manager sees a note."""
    with organisation(tmp_path, "nunspeet") as stage:
        yield stage


@pytest.fixture
def filled(nunspeet: Scene) -> FormRow:
    """A form about a call of Jan's, by Anna."""
    keep(nunspeet, 1)
    return review(nunspeet)


def review(stage: Scene) -> FormRow:
    """Draw, hear and score one call."""
    question = asks(stage, ANNA, "quality")
    sample = reviews.draw(stage.archive, question, Wanted(per_agent=1))
    (recording_id,) = [id_ for theirs in sample.picks.values() for id_ in theirs]
    hear(stage, question, recording_id)
    return reviews.fill(stage.archive, question, recording_id, FIVE_A, "rustig en helder")


# ---------------------------------------------------------------- drawing


def test_a_draw_is_on_the_ledger_with_its_seed_and_can_be_drawn_again(nunspeet: Scene) -> None:
    kept = {
        agent: {keep(nunspeet, number, agent) for number in range(first, first + 4)}
        for agent, first in ((JAN, 0), (PIET, 10))
    }
    sample = reviews.draw(nunspeet.archive, asks(nunspeet, ANNA, "quality"), TWO)
    assert {agent: len(theirs) for agent, theirs in sample.picks.items()} == {JAN: 2, PIET: 2}
    assert {agent: set(theirs) for agent, theirs in sample.population.items()} == kept
    assert sample.told is not None
    assert sample.told["seed"] == sample.row.seed.hex()
    assert sample.told["population_sha256"] == draws.digest_of(sample.population)
    again = draws.pick(sample.row.policy, sample.population, seed=sample.row.seed, per_agent=2)
    assert {agent: set(theirs) for agent, theirs in again.items()} == {
        a: set(t) for a, t in sample.picks.items()
    }
    assert (
        reviews.drawn(nunspeet.archive, policy_of(nunspeet), worker(BO), sample.row.draw_id).row == sample.row
    )


def test_n8_the_same_agent_is_not_drawn_for_again_within_28_days_but_for_a_reason(nunspeet: Scene) -> None:
    for number in range(6):
        keep(nunspeet, number)
    question = asks(nunspeet, ANNA, "quality")
    first = reviews.draw(nunspeet.archive, question, TWO)
    with pytest.raises(
        StateConflict, match="Nunspeet N8, N9, sections 1 and 2: calls are drawn at most every 28d"
    ):
        reviews.draw(nunspeet.archive, question, TWO)
    more = reviews.draw(
        nunspeet.archive, question, Wanted(agents=[JAN], per_agent=2, again="te weinig te horen")
    )
    assert not set(more.picks[JAN]) & set(first.picks[JAN])
    assert more.told is not None and more.told["again"] == "te weinig te horen"
    nunspeet.clock.advance(28 * DAY)
    assert reviews.draw(nunspeet.archive, question, TWO).picks[JAN]


def test_only_whose_turn_it_is_is_drawn_for(nunspeet: Scene) -> None:
    keep(nunspeet, 1)
    keep(nunspeet, 2)
    question = asks(nunspeet, ANNA, "quality")
    first = reviews.draw(nunspeet.archive, question, TWO)
    assert [agent for agent, theirs in first.picks.items() if theirs] == [JAN]
    keep(nunspeet, 3, PIET)
    keep(nunspeet, 4)
    with pytest.raises(StateConflict, match="a draw of jan runs until"):
        reviews.draw(nunspeet.archive, question, Wanted(agents=[JAN, PIET], per_agent=2))
    assert list(reviews.draw(nunspeet.archive, question, TWO).picks) == [PIET]


def test_nothing_to_draw_is_said_and_leaves_no_draw(nunspeet: Scene) -> None:
    with pytest.raises(StateConflict, match="there is no call to be drawn"):
        reviews.draw(nunspeet.archive, asks(nunspeet, ANNA, "quality"), TWO)
    assert nunspeet.db.rows("SELECT 1 FROM draws") == []


@pytest.mark.parametrize(
    ("name", "person", "purpose", "said"),
    [
        (
            "groningen",
            AN,
            "aggression",
            "gemeente Groningen G1, art. 2 and 3: calls are recorded for aggression",
        ),
        ("groningen", JAN, "quality", "gemeente Groningen G1"),
        ("nunspeet", AN, "quality", "N6, section 2: the line manager has no access to the recordings"),
        ("nunspeet", ANNA, "appraisal", "N6, sections 2 and 3: recordings are used neither to appraise"),
        ("nunspeet", JAN, "quality", "calls are drawn for quality by the coach, and jan is not"),
        ("rvo", AN, "misconduct", "no calls are drawn for misconduct"),
        (
            "rvo",
            ANNA,
            "misconduct",
            "R3, Ontvangers: who coaches or trains never listens to verify misconduct",
        ),
        ("eindhoven", AN, "safety", "E6: no calls are drawn for safety"),
        ("heerde", JAN, "quality", "art. 10: only the line manager KCC, the senior agent KCC"),
    ],
)
def test_who_may_not_draw_is_told_the_article(
    tmp_path: Path, name: str, person: str, purpose: str, said: str
) -> None:
    with organisation(tmp_path, name) as stage:
        keep(stage, 1)
        with pytest.raises(RefusedByPolicy) as told:
            reviews.draw(stage.archive, asks(stage, person, purpose), TWO)  # type: ignore[arg-type]  # a person's id
        assert said in told.value.text
        assert ledger.show(stage.db)[-1].kind == Kind.ACCESS_REFUSED.value


@pytest.mark.parametrize("name", ["eindhoven", "heerde", "nunspeet", "rvo"])
def test_without_the_works_councils_agreement_nothing_is_drawn(tmp_path: Path, name: str) -> None:
    with scene(tmp_path / "store", policy=PolicyName(name), policies=ROOT / "policies") as stage:
        employ(stage)
        with pytest.raises(
            RefusedByPolicy, match="works council agreed; works_council in .* got none"
        ) as told:
            reviews.draw(stage.archive, asks(stage, ANNA, "quality"), TWO)
        assert "WOR art. 27(1)(k) and (l)" in told.value.text


def test_an_agreement_still_to_come_is_none_yet(tmp_path: Path) -> None:
    folder = agreed(tmp_path / "policies", "nunspeet")
    path = folder / "nunspeet.toml"
    path.write_text(path.read_text().replace("date = 2026-01-10", "date = 2027-01-10"))
    with scene(tmp_path / "store", policy=PolicyName("nunspeet"), policies=folder) as stage:
        employ(stage)
        with pytest.raises(RefusedByPolicy, match="got 2027-01-10, which is still to come"):
            reviews.draw(stage.archive, asks(stage, ANNA, "quality"), TWO)


def test_r4_as_long_as_no_term_is_filled_in_nothing_is_drawn(tmp_path: Path) -> None:
    with organisation(tmp_path, "rvo", period=None) as stage:
        keep(stage, 1)
        with pytest.raises(StateConflict, match=r"retention.review_forms: must have a period before use"):
            reviews.draw(stage.archive, asks(stage, ANNA, "quality"), TWO)
        assert stage.db.rows("SELECT 1 FROM draws") == []


def test_how_many_is_the_policys_or_else_the_reviewers_to_say(nunspeet: Scene) -> None:
    keep(nunspeet, 1)
    for number in (None, 0, 101):
        with pytest.raises(ConsentlineError, match="calls: must be"):
            reviews.draw(nunspeet.archive, asks(nunspeet, ANNA, "quality"), Wanted(per_agent=number))


def test_somebody_who_takes_no_calls_is_not_drawn_for(nunspeet: Scene) -> None:
    keep(nunspeet, 1)
    with pytest.raises(NotFound, match="agent an: takes no calls under nunspeet"):
        reviews.draw(nunspeet.archive, asks(nunspeet, ANNA, "quality"), Wanted(agents=[AN], per_agent=1))


# ---------------------------------------------------------------- filling in


def test_a_form_is_scored_shown_to_agent_and_coach_and_gone_on_its_term(
    nunspeet: Scene, filled: FormRow
) -> None:
    policy = policy_of(nunspeet)
    assert {one.criterion.name: one.score for one in filled.scores} == FIVE_A
    assert [one.criterion.name for one in filled.scores if one.criterion.on_content] == ["antwoord"]
    term = policy.retention.term(DataKind.REVIEW_FORMS)
    assert filled.due_at == term.after(filled.filled_at, policy.working_days)
    for person in (JAN, ANNA, BO):
        assert reviews.show(nunspeet.archive, policy, worker(person), filled.form_id) == filled
    nunspeet.clock.advance(31 * DAY)
    purge.run(nunspeet.archive, nunspeet.guard)
    assert (
        reviews.show(nunspeet.archive, policy, worker(JAN), filled.form_id) == filled
    )  # outlives its recording
    nunspeet.clock.advance(filled.due_at - nunspeet.clock.now())
    purge.run(nunspeet.archive, nunspeet.guard)
    assert nunspeet.db.rows("SELECT 1 FROM review_scores") == []
    assert b"rustig en helder" not in nunspeet.every_byte()
    assert Kind.REVIEWS_ERASED.value in {entry.kind for entry in ledger.show(nunspeet.db)}
    with pytest.raises(NotFound):
        reviews.show(nunspeet.archive, policy, worker(JAN), filled.form_id)


def test_no_score_and_no_remark_is_on_the_ledger(nunspeet: Scene, filled: FormRow) -> None:
    told = [entry for entry in ledger.show(nunspeet.db) if entry.kind == Kind.REVIEW_FILLED.value]
    assert len(told) == 1
    assert told[0].payload is not None
    assert not {"aanvang", "scores", "remark"} & told[0].payload.keys()
    assert "rustig" not in str(told[0].payload)
    assert filled.remark == "rustig en helder"


def test_what_was_not_drawn_and_what_is_not_there_are_refused_in_the_same_words(nunspeet: Scene) -> None:
    question, said = asks(nunspeet, ANNA, "quality"), []
    for recording in (keep(nunspeet, 1), recording_named(99), RecordingId("nonsense\n")):
        with pytest.raises(
            StateConflict, match="N8, N9, sections 1 and 2: only a call that was drawn for"
        ) as told:
            reviews.fill(nunspeet.archive, question, recording, FIVE_A, "")
        said.append(told.value.text.replace(recording, "X").replace("nonsense\\n", "X"))
    assert len(set(said)) == 1


def test_who_did_not_listen_does_not_score_and_what_was_heard_before_the_draw_does_not_count(
    nunspeet: Scene,
) -> None:
    keep(nunspeet, 1)
    question = asks(nunspeet, ANNA, "quality")
    reviews.draw(nunspeet.archive, question, TWO)
    with pytest.raises(
        StateConflict, match="a call is scored by who listened to it, and anna did not"
    ) as told:
        reviews.fill(nunspeet.archive, question, recording_named(1), FIVE_A, "")
    assert told.value.hint is not None and "consentline listen" in told.value.hint
    hear(nunspeet, question, recording_named(1))
    with pytest.raises(StateConflict, match="and bo did not"):
        reviews.fill(nunspeet.archive, asks(nunspeet, BO, "quality"), recording_named(1), FIVE_A, "")
    assert reviews.fill(nunspeet.archive, question, recording_named(1), FIVE_A, "").scored_by == ANNA


def test_every_wrong_field_is_named_with_what_was_got_and_expected_and_nothing_is_stored(
    nunspeet: Scene,
) -> None:
    keep(nunspeet, 1)
    question = asks(nunspeet, ANNA, "quality")
    reviews.draw(nunspeet.archive, question, TWO)
    hear(nunspeet, question, recording_named(1))
    given = {"aanvang": 6, "analyse": "goed", "antword": 3, "afsluiting": 2.5, "algemeen": True}
    with pytest.raises(ConsentlineError) as told:
        reviews.fill(nunspeet.archive, question, recording_named(1), given, "")
    assert told.value.text.splitlines() == [
        'scores: unknown criterion "antword", did you mean "antwoord"?',
        "scores.aanvang: must be a whole number from 1 to 5, got 6",
        'scores.analyse: must be a whole number from 1 to 5, got "goed"',
        "scores.antwoord: must be a whole number from 1 to 5, got nothing",
        "scores.afsluiting: must be a whole number from 1 to 5, got 2.5",
        "scores.algemeen: must be a whole number from 1 to 5, got True",
    ]
    assert nunspeet.db.rows("SELECT 1 FROM review_forms") == []


def test_filling_in_anew_replaces_and_keeps_no_longer(nunspeet: Scene, filled: FormRow) -> None:
    nunspeet.clock.advance(3 * DAY)
    better = reviews.fill(
        nunspeet.archive,
        asks(nunspeet, ANNA, "quality"),
        filled.recording_id,
        FIVE_A | {"analyse": 4},
        "beter",
    )
    assert better.due_at == filled.due_at
    assert [form.form_id for form in forms.of_policy(nunspeet.db, nunspeet.policy)] == [better.form_id]
    assert b"rustig en helder" not in nunspeet.every_byte()


def test_what_was_closed_since_is_not_scored(nunspeet: Scene) -> None:
    keep(nunspeet, 1)
    question = asks(nunspeet, ANNA, "quality")
    reviews.draw(nunspeet.archive, question, TWO)
    hear(nunspeet, question, recording_named(1))
    with nunspeet.db.write() as tx:
        closures.close(
            tx, recording_named(1), Closure.OBJECTED, nunspeet.clock.now(), because="art. 21", actor="test"
        )
    with pytest.raises(StateConflict, match=r"AVG art. 18\(2\) and 21\(1\)"):
        reviews.fill(nunspeet.archive, question, recording_named(1), FIVE_A, "")


def test_h3_e6_without_a_form_listening_is_the_review(tmp_path: Path) -> None:
    for name, purpose, source in (("heerde", "quality", "H3, art. 9"), ("eindhoven", "training", "E6")):
        (tmp_path / name).mkdir()
        with organisation(tmp_path / name, name) as stage:
            keep(stage, 1)
            question = asks(stage, ANNA, purpose)
            reviews.draw(stage.archive, question, TWO)
            hear(stage, question, recording_named(1))
            (row,) = reviews.listed(stage.archive, policy_of(stage), worker(ANNA))
            assert row.to_json()["state"] == "listened"
            with pytest.raises(RefusedByPolicy, match=f"{source}: no form is filled in here"):
                reviews.fill(stage.archive, question, recording_named(1), {}, "")


# ---------------------------------------------------------------- seeing


def test_n6_the_line_manager_is_refused_all_but_the_coachs_note(nunspeet: Scene, filled: FormRow) -> None:
    policy, an = policy_of(nunspeet), worker(AN)
    says = (
        "gemeente Nunspeet N6, section 2: the line manager sees the coach's note only, never scores, calls or"
    )
    for work in (
        lambda: reviews.show(nunspeet.archive, policy, an, filled.form_id),
        lambda: reviews.show(nunspeet.archive, policy, an, 999),
        lambda: reviews.listed(nunspeet.archive, policy, an),
    ):
        with pytest.raises(RefusedByPolicy, match=says):
            work()
    with pytest.raises(RefusedByPolicy, match="N6, section 2"):
        reviews.overdue(nunspeet.archive, policy, an)
    with pytest.raises(RefusedByPolicy, match="N6, section 2"):
        development.write(nunspeet.archive, policy, an, JAN, "gaat goed")
    note = development.write(nunspeet.archive, policy, worker(ANNA), JAN, "Vraagt beter door, bel 0612345678")
    assert "12345" not in note.words
    for reader in (an, worker(ANNA), worker(JAN)):
        assert development.notes(nunspeet.archive, policy, reader, None) == (note,)
    assert development.notes(nunspeet.archive, policy, worker(PIET), None) == ()
    with pytest.raises(RefusedByPolicy, match="notes about themselves only"):
        development.notes(nunspeet.archive, policy, worker(PIET), JAN)


@pytest.mark.parametrize(
    "words",
    [
        f"zie {recording_named(1)}",
        "gesprek 1795282161.17 ging goed",
        "antwoord: 4, verder prima",
        "een 4/5 voor aanvang",
        "kreeg 4 uit 5",
        "",
        "x" * 2001,
    ],
)
def test_n6_a_note_that_names_a_score_call_or_recording_is_refused(nunspeet: Scene, words: str) -> None:
    with pytest.raises(ConsentlineError, match="note: must"):
        development.write(nunspeet.archive, policy_of(nunspeet), worker(ANNA), JAN, words)
    assert nunspeet.db.rows("SELECT 1 FROM development_notes") == []


def test_r4_rvo_has_no_notes_and_nobody_is_shown_any(tmp_path: Path) -> None:
    with organisation(tmp_path, "rvo") as stage:
        with pytest.raises(RefusedByPolicy, match="R3, R4, R5: nobody is told how an agent develops"):
            development.write(stage.archive, policy_of(stage), worker(ANNA), JAN, "gaat goed")
        with pytest.raises(
            RefusedByPolicy, match="R3, R4, R5: scores are shown to the agent or the coach, and an is"
        ):
            reviews.listed(stage.archive, policy_of(stage), worker(AN))


def test_an_agent_sees_their_own_and_a_form_of_another_is_no_form(nunspeet: Scene, filled: FormRow) -> None:
    policy = policy_of(nunspeet)
    (own,) = reviews.listed(nunspeet.archive, policy, worker(JAN))
    assert own.to_json()["state"] == "filled"
    assert reviews.listed(nunspeet.archive, policy, worker(PIET)) == ()
    said = set()
    for form_id in (filled.form_id, 999):
        with pytest.raises(NotFound) as told:
            reviews.show(nunspeet.archive, policy, worker(PIET), form_id)
        said.add(told.value.text)
    assert said == {"no such review form, or not yours"}


# ---------------------------------------------------------------- the cadence


def test_n8_who_had_no_review_in_42_days_is_overdue(nunspeet: Scene) -> None:
    policy, anna = policy_of(nunspeet), worker(ANNA)
    assert reviews.overdue(nunspeet.archive, policy, anna) == ()
    nunspeet.clock.advance(30 * DAY)
    keep(nunspeet, 1)
    review(nunspeet)
    nunspeet.clock.advance(12 * DAY)
    (turn,) = reviews.overdue(nunspeet.archive, policy, anna)
    assert (turn.agent, turn.last_at) == (PIET, None)
    assert [one.agent for one in reviews.overdue(nunspeet.archive, policy, anna, every=True)] == [PIET, JAN]
    nunspeet.clock.advance(31 * DAY)
    assert [one.agent for one in reviews.overdue(nunspeet.archive, policy, anna)] == [PIET, JAN]


def test_a_text_that_names_no_cadence_makes_nobody_overdue(tmp_path: Path) -> None:
    with organisation(tmp_path, "rvo") as stage, pytest.raises(RefusedByPolicy, match="names no cadence"):
        reviews.overdue(stage.archive, policy_of(stage), worker(ANNA))


def test_nobody_draws_or_scores_their_own(tmp_path: Path) -> None:
    with organisation(tmp_path, "heerde") as stage:
        keep(stage, 1, ANNA)
        with pytest.raises(StateConflict, match="no call to be drawn"):
            reviews.draw(stage.archive, asks(stage, ANNA, "quality"), TWO)
        with pytest.raises(AccessRefused):
            development.write(stage.archive, policy_of(stage), worker(TESS), JAN, "gaat goed")
