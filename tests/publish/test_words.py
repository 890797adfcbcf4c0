"""Each member of each closed set, and each unit, in each language."""

from __future__ import annotations

from enum import Enum

import pytest

from policy.period import Period
from policy.retention import SelectionList
from publish.words import TABLES, Language, in_words, listed, term_in_words


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: str(kind.__name__))
def test_every_member_has_words_of_its_own_in_each_language(kind: type[Enum]) -> None:
    assert set(TABLES[kind]) == set(kind)
    for language in Language:
        words = [in_words(member, language) for member in kind]
        assert all(words)
        assert len(set(words)) == len(words)


@pytest.mark.parametrize(
    ("term", "nl", "en"),
    [
        ("48h", "48 uur", "48 hours"),
        ("1d", "1 dag", "1 day"),
        ("60d", "60 dagen", "60 days"),
        ("10wd", "10 werkdagen", "10 working days"),
        ("1m", "1 maand", "1 month"),
        ("2y", "2 jaar", "2 years"),
    ],
)
def test_a_term_reads_as_people_say_it(term: str, nl: str, en: str) -> None:
    assert term_in_words(Period.parse(term), Language.NL) == nl
    assert term_in_words(Period.parse(term), Language.EN) == en


def test_a_selection_list_without_a_period_says_that_nothing_is_made() -> None:
    term = SelectionList(selection_list="Selectielijst", category="Formulieren")
    assert "nog niet ingevuld" in term_in_words(term, Language.NL)
    filled_in = term.model_copy(update={"period": Period(5, "y")})
    assert term_in_words(filled_in, Language.NL).startswith("5 jaar, volgens Selectielijst")


def test_a_list_joins_its_last_two() -> None:
    assert [listed(words, Language.NL) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a en b",
        "a, b en c",
    ]
