"""Percentiles of histograms, against what sorting gives."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from publish.reports.percentiles import percentile


@given(values=st.lists(st.integers(0, 50), min_size=1), percent=st.integers(1, 100))
def test_it_is_the_value_at_the_nearest_rank(values: list[int], percent: int) -> None:
    found = percentile(Counter(values), percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_of_nothing_there_is_none() -> None:
    assert percentile({}, 50) is None
