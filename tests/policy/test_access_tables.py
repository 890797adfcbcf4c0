"""The pages that a privacy officer reviewed, held against `may()`: every combination of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product

import pytest

from policy.access import Access, Action, Cited, Denial, Grant
from policy.load import load_policy
from policy.model import Policy
from tests.conftest import ROOT
from tests.policy.access_page import Page, Row, expand, read_page
from tests.policy.situations import CALL, WHOSE, Axes, Situation, Stage, axes

NAMES = ("eindhoven", "groningen", "heerde", "nunspeet", "rvo")
BY_LAW: Mapping[str, tuple[str, str, str]] = {
    "term": ("AVG art. 5(1)(e)", "its term is over, so nobody has access", ""),
    "kept": ("AVG art. 5(1)(b)", "after its term it is kept for another purpose only", ""),
    "restricted": ("AVG art. 18(2)", "restricted: kept, and not used", ""),
    "objected": ("AVG art. 21(1)", "objected to: kept, and not used", ""),
    "refused": ("AVG art. 5(1)(a)", "the caller refused", ""),
}


@cache
def policy_of(name: str) -> Policy:
    return load_policy(ROOT / "policies" / f"{name}.toml")


def access_of(name: str) -> Access:
    access = policy_of(name).access
    assert access is not None
    return access


def axes_of(name: str) -> Axes:
    return axes(access_of(name), sorted(policy_of(name).all_purposes))


@cache
def page_of(name: str) -> Page:
    return read_page(ROOT / "docs" / "access" / f"{name}.md")


def reviewed(rows: Sequence[Row], known: Axes) -> tuple[dict[Situation, str], set[int]]:
    """Return the answer to each situation that the rows fit, and the lines that gave one."""
    answers: dict[Situation, str] = {}
    used = set()
    for row in rows:
        sets = (WHOSE, CALL, known.company, known.state)
        fitting = product(*(expand(cell, names) for cell, names in zip(row.cells[2:], sets, strict=True)))
        for whose, call, company, state in fitting:
            situation = (whose, call, company, state)
            if situation not in answers:
                answers[situation] = row.answer
                used.add(row.line)
    return answers, used


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", NAMES)
def test_every_combination_has_its_reviewed_answer_and_may_gives_it(name: str) -> None:
    known, page = axes_of(name), page_of(name)
    situations = tuple(known.situations())
    stage = Stage(access_of(name), situations)
    wrong: list[str] = []
    used: set[int] = set()
    read: dict[tuple[int, ...], tuple[dict[Situation, str], set[int]]] = {}
    for purpose, action in product(known.purposes, Action):
        answers = stage.answers(known.roles, purpose, action)
        for role, given in zip(known.roles, answers, strict=True):
            rows = [row for row in page.rows[role] if _names(row, purpose, action, known)]
            lines = tuple(row.line for row in rows)
            if lines not in read:
                read[lines] = reviewed(rows, known)
            expected, gave = read[lines]
            used |= gave
            asked = f"{role}, {purpose}, {action.value}"
            assert len(expected) == len(situations), f"{name}: {asked}: not all answered"
            wrong += [
                f'{asked}, {" ".join(situation)}: the page says "{expected[situation]}", may() "{answer}"'
                for situation, answer in zip(situations, given, strict=True)
                if answer != expected[situation]
            ]
    assert not wrong, "\n".join(wrong[:20])
    idle = [row.line for rows in page.rows.values() for row in rows if row.line not in used]
    assert not idle, f"docs/access/{name}.md: rows that answer nothing, in lines {idle}"


def _names(row: Row, purpose: str, action: Action, known: Axes) -> bool:
    purposes, actions = row.cells[:2]
    return purpose in expand(purposes, known.purposes) and action.value in expand(
        actions, [other.value for other in Action]
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_page_explains_every_name_and_no_other(name: str) -> None:
    known, page = axes_of(name), page_of(name)
    assert page.sets == {
        "roles": list(known.roles),
        "purposes": list(known.purposes),
        "actions": [action.value for action in Action],
        "whose": list(WHOSE),
        "call": list(CALL),
        "company": list(known.company),
        "state": list(known.state),
    }
    assert list(page.rows) == list(known.roles)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_quotes_every_rule_and_every_assumption_as_the_policy_has_it(name: str) -> None:
    access = access_of(name)
    cited: dict[str, Cited] = {"access": access, **access.denials, **access.grants}
    rules = {key: (rule.source, _said(rule), _chosen(rule)) for key, rule in cited.items()}
    assert page_of(name).rules == {**rules, **BY_LAW}


def _said(rule: Cited) -> str:
    assert isinstance(rule, Access | Grant | Denial)
    return rule.says


def _chosen(rule: Cited) -> str:
    return "; ".join(f"{key}: {source}" for key, source in rule.sources.items())
