from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.clock import LOCAL_ZONE
from policy.period import Period
from policy.working_days import NATIONAL, WorkingDays

GOLDEN = {
    2025: "01-01 04-21 04-26 05-05 05-29 06-09 12-25 12-26",
    2026: "01-01 04-06 04-27 05-14 05-25 12-25 12-26",
    2027: "01-01 03-29 04-27 05-06 05-17 12-25 12-26",
    2028: "01-01 04-17 04-27 05-25 06-05 12-25 12-26",
    2029: "01-01 04-02 04-27 05-10 05-21 12-25 12-26",
    2030: "01-01 04-22 04-27 05-05 05-30 06-10 12-25 12-26",
}
"""The public holidays of the Netherlands by the almanac, Sundays left out but for 5 May 2030."""

TERMS = ["47h", "48h", "49h", "2d", "3d", "10wd", "60wd", "14d", "30d", "1m", "12m", "1y", "365d", "400d"]
DAYS = st.dates(min_value=date(2025, 1, 1), max_value=date(2030, 12, 1))


@pytest.mark.parametrize("year", GOLDEN)
def test_the_free_days_of_a_year_are_those_of_the_almanac(year: int) -> None:
    first = date(year, 1, 1)
    days = [first + timedelta(days=number) for number in range((date(year + 1, 1, 1) - first).days)]
    golden = {date.fromisoformat(f"{year}-{day}") for day in GOLDEN[year].split()}
    free = {day for day in days if not NATIONAL.is_working_day(day)}
    assert free == golden | {day for day in days if day.weekday() >= 5}


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("2026-04-03", "Good Friday"),
        ("2026-05-05", "Liberation Day, no lustrum"),
        ("2026-05-15", "the Friday after Ascension Day, often a local closing day"),
        ("2026-12-24", "Christmas Eve"),
        ("2025-06-06", "the Friday before Whitsun"),
        ("2026-01-02", "the day after New Year's Day, a decree day in some years"),
    ],
)
def test_what_is_doubtful_counts_as_a_working_day(day: str, why: str) -> None:
    assert NATIONAL.is_working_day(date.fromisoformat(day)), why


def test_a_text_may_call_doubtful_days_free() -> None:
    generous = WorkingDays(good_friday_free=True, liberation_day_free=True, also_free=(date(2026, 5, 15),))
    for day in ("2026-04-03", "2026-05-05", "2026-05-15"):
        assert not generous.is_working_day(date.fromisoformat(day))
    assert generous.is_working_day(date(2026, 5, 6))


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-11-20T15:55:00Z", "2026-12-04T15:55:00Z"),  # Friday 16:55 to Friday two weeks later
        ("2026-11-21T12:00:00Z", "2026-12-04T12:00:00Z"),  # a Saturday counts from the Monday after
        ("2025-12-19T12:00:00Z", "2026-01-07T12:00:00Z"),  # Christmas, Boxing Day and New Year's Day
        ("2026-04-28T10:00:00Z", "2026-05-12T10:00:00Z"),  # 5 May 2026 is worked
        ("2025-04-28T10:00:00Z", "2025-05-13T10:00:00Z"),  # 5 May 2025 is not: lustrum
        ("2026-03-20T12:00:00Z", "2026-04-03T11:00:00Z"),  # clock forward on 29 March, to Good Friday
        ("2026-10-16T12:00:00Z", "2026-10-30T12:00:00Z"),  # clock back on 25 October: 240 h are less
    ],
)
def test_ten_working_days(start: str, due: str) -> None:
    assert Period.parse("10wd").after(datetime.fromisoformat(start)) == datetime.fromisoformat(due)


@given(day=DAYS, count=st.integers(min_value=1, max_value=60))
def test_there_are_just_so_many_working_days_up_to_the_last(day: date, count: int) -> None:
    last = NATIONAL.nth_after(day, count)
    between = [day + timedelta(days=number + 1) for number in range((last - day).days)]
    assert NATIONAL.is_working_day(last)
    assert sum(map(NATIONAL.is_working_day, between)) == count


@given(
    start=st.datetimes(
        min_value=datetime(2025, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
        max_value=datetime(2030, 6, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    count=st.integers(min_value=1, max_value=60),
)
def test_a_term_in_working_days_is_over_before_the_day_after_the_last(start: datetime, count: int) -> None:
    due = Period(count, "wd").after(start)
    last = NATIONAL.nth_after(start.astimezone(LOCAL_ZONE).date(), count)
    assert due.astimezone(LOCAL_ZONE).date() <= last
    assert due > start + timedelta(hours=23 * count - 1)


@given(
    start=st.datetimes(
        min_value=datetime(2025, 1, 1),  # noqa: DTZ001
        max_value=datetime(2030, 6, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    one=st.sampled_from(TERMS),
    other=st.sampled_from(TERMS),
)
def test_what_is_called_no_longer_never_is(start: datetime, one: str, other: str) -> None:
    short, long = Period.parse(one), Period.parse(other)
    if short.at_most(long):
        assert short.after(start) <= long.after(start)
    assert short.longest_days >= (short.after(start) - start) / timedelta(days=1) - 0.001
    assert short.shortest_days <= (short.after(start) - start) / timedelta(days=1) + 0.001
