from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.clock import LOCAL_ZONE
from policy.period import Period

MOMENTS = st.datetimes(
    min_value=datetime(2025, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    max_value=datetime(2031, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@pytest.mark.parametrize(
    ("term", "start", "due"),
    [
        ("48h", "2026-11-21T17:29:21Z", "2026-11-23T17:29:00Z"),
        ("60d", "2026-11-21T17:29:21Z", "2027-01-20T17:29:00Z"),
        ("7d", "2026-03-25T12:00:00Z", "2026-04-01T11:00:00Z"),  # clock forward on 29 March
        ("7d", "2026-10-20T12:00:00Z", "2026-10-27T12:00:00Z"),  # clock back on 25 October
        ("1m", "2026-01-31T12:00:00Z", "2026-02-28T12:00:00Z"),
        ("1y", "2024-02-29T12:00:00Z", "2025-02-28T12:00:00Z"),
    ],
)
def test_the_due_moment_is_on_the_minute(term: str, start: str, due: str) -> None:
    assert Period.parse(term).after(datetime.fromisoformat(start)) == datetime.fromisoformat(due)


@given(start=MOMENTS, days=st.integers(min_value=1, max_value=400))
def test_a_term_in_days_never_ends_later_than_either_reading(start: datetime, days: int) -> None:
    due = Period(days, "d").after(start)
    wall = (start.astimezone(LOCAL_ZONE) + timedelta(days=days)).astimezone(UTC)
    assert due <= start + timedelta(days=days)
    assert due <= wall
    assert due > start + timedelta(days=days) - timedelta(hours=1, minutes=1)


@pytest.mark.parametrize("text", ["", "0d", "-1d", "7", "d", "7 d", "7D", "1.5d", "99999d", "7days", "07d"])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        Period.parse(text)
