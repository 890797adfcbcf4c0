"""When the next review may come and when it has to be there (N8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from policy.cadence import draw_ends, turn
from policy.load import load_policy
from policy.model import Policy
from policy.reviews import Reviews
from policy.situation import PersonId
from tests.conftest import ROOT

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
KIM = PersonId("kim")


def of(name: str) -> tuple[Policy, Reviews]:
    policy = load_policy(ROOT / "policies" / f"{name}.toml")
    assert policy.reviews is not None
    return policy, policy.reviews


@pytest.mark.parametrize(("name", "days"), [("nunspeet", 28), ("heerde", 7), ("rvo", 28), ("eindhoven", 60)])
def test_a_draw_ends_when_the_next_may_come_or_with_the_term_of_recordings(name: str, days: int) -> None:
    assert draw_ends(*of(name), NOW) == NOW + days * DAY


def test_the_next_review_counts_from_the_last_or_from_when_they_began() -> None:
    policy, reviews = of("nunspeet")
    never = turn(policy, reviews, KIM, began_at=NOW, last_at=None)
    assert never is not None
    assert (never.since, never.latest_at) == (NOW, NOW + 42 * DAY)
    assert not never.overdue_at(NOW + 42 * DAY - timedelta(minutes=1))
    assert never.overdue_at(NOW + 42 * DAY)
    later = turn(policy, reviews, KIM, began_at=NOW, last_at=NOW + 30 * DAY)
    assert later is not None
    assert later.latest_at == NOW + 72 * DAY
    # Somebody who comes back is counted from when they came back.
    again = turn(policy, reviews, KIM, began_at=NOW, last_at=NOW - 300 * DAY)
    assert again is not None
    assert again.since == NOW


@pytest.mark.parametrize("name", ["heerde", "rvo", "eindhoven"])
def test_a_text_without_a_cadence_sets_none(name: str) -> None:
    assert turn(*of(name), KIM, began_at=NOW, last_at=None) is None
