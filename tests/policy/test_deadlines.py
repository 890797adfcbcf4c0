"""By when a request is decided: Regulation 1182/71 and AVG art. 12(3), against a table made by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import deadlines
from policy.period import Period
from policy.rights import Rights
from policy.working_days import NATIONAL, WorkingDays

RIGHTS = Rights()


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("received", "expected", "why"),
    [
        ("2026-03-05", "2026-04-07", "5 April is Easter Sunday, 6 April Easter Monday"),
        ("2025-03-05", "2025-04-07", "5 April is a Saturday"),
        ("2026-08-31", "2026-09-30", "September has 30 days"),
        ("2027-01-29", "2027-03-01", "28 February, the last day of that month, is a Sunday"),
        ("2028-01-31", "2028-02-29", "a leap year"),
        ("2028-01-29", "2028-02-29", "29 February is there in a leap year"),
        ("2027-02-28", "2027-03-30", "28 March is Easter Sunday, 29 March Easter Monday"),
        ("2026-11-25", "2026-12-28", "Christmas on Friday and Saturday, then a Sunday"),
        ("2026-11-26", "2026-12-28", "the second day of Christmas is a Saturday"),
        ("2025-11-25", "2025-12-29", "Christmas on Thursday and Friday, then a weekend"),
        ("2026-12-01", "2027-01-04", "New Year's Day on a Friday, then a weekend"),
        ("2026-03-27", "2026-04-28", "King's Day on a Monday"),
        ("2025-03-26", "2025-04-28", "King's Day is held on 26 April: the 27th is a Sunday"),
        ("2026-04-14", "2026-05-15", "Ascension Day on 14 May"),
        ("2026-04-24", "2026-05-26", "Whit Sunday and Whit Monday"),
        ("2030-04-05", "2030-05-06", "5 May 2030 is a Sunday, and free in a lustrum year"),
        ("2025-04-05", "2025-05-06", "5 May 2025 is a Monday, and free in a lustrum year"),
        ("2027-04-05", "2027-05-05", "5 May 2027 counts as a working day: doubtful, so never too late"),
        ("2026-10-31", "2026-11-30", "the clocks do not matter, nor do month ends"),
        ("2026-11-21", "2026-12-21", "the same date, a Monday"),
    ],
)
def test_a_request_is_decided_by_the_same_date_a_month_later_or_the_next_working_day(
    received: str, expected: str, why: str
) -> None:
    assert deadlines.decide_by(day(received), RIGHTS) == day(expected), why


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        ("2026-11-21", "2027-02-22"),  # three months from receipt: 21 February is a Sunday
        ("2026-11-30", "2027-03-01"),  # 28 February, a Sunday
        ("2027-11-30", "2028-02-29"),
        ("2027-01-31", "2027-04-30"),
    ],
)
def test_put_off_by_two_months_is_three_months_from_receipt(received: str, expected: str) -> None:
    assert deadlines.decide_by(day(received), RIGHTS, extended=True) == day(expected)


def test_days_of_waiting_for_identity_are_added_before_the_weekend_is() -> None:
    assert deadlines.decide_by(day("2026-11-21"), RIGHTS, paused_days=4) == day("2026-12-28")
    assert deadlines.decide_by(day("2026-11-21"), RIGHTS, paused_days=1) == day("2026-12-22")


def test_a_shorter_promise_of_the_organisation_counts_in_its_own_unit() -> None:
    quick = Rights(deadline=Period.parse("14d"), extension=Period.parse("2m"))
    assert deadlines.decide_by(day("2026-11-21"), quick) == day("2026-12-07")  # 5 December is a Saturday
    assert deadlines.decide_by(day("2026-11-21"), quick, extended=True) == day("2027-02-05")
    working = Rights(deadline=Period.parse("10wd"))
    assert deadlines.decide_by(day("2026-12-18"), working) == day("2027-01-05")
    hours = Rights(deadline=Period.parse("47h"))
    assert deadlines.decide_by(day("2026-11-23"), hours) == day("2026-11-24")


def test_a_day_that_the_text_calls_free_is_free() -> None:
    free = WorkingDays(also_free=(day("2026-12-21"),))
    assert deadlines.decide_by(day("2026-11-21"), RIGHTS, free) == day("2026-12-22")


def test_the_last_day_lasts_until_its_last_hour_in_amsterdam() -> None:
    assert deadlines.over_at(day("2026-12-21")) == datetime(2026, 12, 21, 23, tzinfo=UTC)
    assert deadlines.over_at(day("2027-06-30")) == datetime(2027, 6, 30, 22, tzinfo=UTC)


def test_a_request_just_before_midnight_in_utc_came_in_on_the_next_day_here() -> None:
    assert deadlines.day_of(datetime(2026, 11, 21, 23, 30, tzinfo=UTC)) == day("2026-11-22")


def test_a_day_that_was_begun_is_no_day_of_waiting() -> None:
    since = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert deadlines.days_between(since, since + timedelta(days=3, hours=23)) == 3
    assert deadlines.days_between(since, since - timedelta(hours=1)) == 0


@given(
    st.dates(day("2024-01-01"), day("2040-12-31")),
    st.integers(min_value=0, max_value=60),
    st.booleans(),
)
def test_a_deadline_is_a_working_day_and_never_before_the_date_itself(
    received: date, paused: int, extended: bool
) -> None:
    ends = deadlines.decide_by(received, RIGHTS, extended=extended, paused_days=paused)
    assert NATIONAL.is_working_day(ends)
    months = 3 if extended else 1
    raw = Period(months, "m").day_after(received) + timedelta(days=paused)
    assert raw <= ends <= raw + timedelta(days=5)
