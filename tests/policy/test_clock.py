"""Moments as people and programs write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from policy.clock import from_iso


def test_a_date_without_a_zone_is_dutch_local_time() -> None:
    assert from_iso("2026-11-21") == datetime(2026, 11, 20, 23, tzinfo=UTC)
    assert from_iso("2026-07-01T12:00:00Z") == datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "morgen", "2026-13-01", "0001-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"],
)
def test_what_is_no_moment_of_utc_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        from_iso(text)
