"""The form of a review: what it takes, what it says of what it does not take, and how scorers compare."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.errors import ConsentlineError
from policy.load import load_policy
from policy.review_form import Criterion, Score, checked, compared, criteria, must_be_a_note
from policy.reviews import Reviews
from policy.situation import PersonId
from tests.conftest import ROOT

ANNA, BO = PersonId("anna"), PersonId("bo")
FORM = tuple(
    Criterion(name=name, on_content=name == "antwoord", lowest=1, highest=5)
    for name in ("aanvang", "antwoord", "afsluiting")
)
NAMES = [line.name for line in FORM]
anything = st.one_of(
    st.integers(-3, 9), st.text(max_size=5), st.floats(allow_nan=False), st.booleans(), st.none()
)


def reviews_of(name: str) -> Reviews:
    reviews = load_policy(ROOT / "policies" / f"{name}.toml").reviews
    assert reviews is not None
    return reviews


def test_n8_r4_the_form_decides_what_is_judged() -> None:
    nunspeet, rvo = criteria(reviews_of("nunspeet")), criteria(reviews_of("rvo"))
    assert [line.name for line in nunspeet] == ["aanvang", "analyse", "antwoord", "afsluiting", "algemeen"]
    assert [line.name for line in nunspeet if line.on_content] == ["antwoord"]
    assert {line.name: line.on_content for line in rvo} == {
        "vorm van het gesprek": False,
        "inhoud van het gesprek": True,
    }
    assert criteria(reviews_of("heerde")) == ()


@settings(deadline=None)  # the first look at a name reads a module
@given(st.dictionaries(st.sampled_from([*NAMES, "antwoordt", "x"]), anything))
def test_only_a_whole_form_of_whole_scores_is_taken(given: dict[str, object]) -> None:
    right = given.keys() == set(NAMES) and all(
        type(score) is int and 1 <= score <= 5 for score in given.values()
    )
    if right:
        assert {one.criterion.name: one.score for one in checked(FORM, given)} == given
        return
    with pytest.raises(ConsentlineError) as told:
        checked(FORM, given)
    for line in told.value.text.splitlines():
        assert line.isprintable()
        assert line.startswith("scores: unknown criterion") or (
            "must be a whole number from 1 to 5, got " in line
        )


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=6))
def test_the_spread_of_a_line_is_how_far_its_scorers_lie_apart(scored: list[tuple[int, int, int]]) -> None:
    forms = {
        PersonId(f"coach-{number}"): tuple(
            Score(criterion=line, score=score) for line, score in zip(FORM, scores, strict=True)
        )
        for number, scores in enumerate(scored)
    }
    for index, one in enumerate(compared(forms)):
        column = [scores[index] for scores in scored]
        assert (one.lowest, one.highest, one.spread) == (min(column), max(column), max(column) - min(column))
        assert sorted(one.scores.values()) == sorted(column)


def test_forms_on_different_lines_are_not_compared() -> None:
    one = [Score(criterion=FORM[0], score=1)]
    with pytest.raises(ValueError, match="same lines"):
        compared({ANNA: one, BO: [*one, Score(criterion=FORM[1], score=1)]})
    with pytest.raises(ValueError, match="same lines"):
        compared({})


@pytest.mark.parametrize(
    "words",
    [
        "Vraagt beter door dan in het voorjaar.",
        "Werkt sinds 2019 hier en neemt in week 47 de tijd voor de afsluiting.",
        "aanvang en antwoord zijn sterker, op 3 punten let ze nog.",
    ],
)
def test_a_note_in_plain_words_is_a_note(words: str) -> None:
    must_be_a_note(words, reviews_of("nunspeet"))
