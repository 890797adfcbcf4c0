"""Medians and percentiles of what was counted by whole seconds: a year of calls in a few hundred numbers."""

from __future__ import annotations

from collections.abc import Mapping


def percentile(histogram: Mapping[int, int], percent: int) -> int | None:
    """Return the smallest value that at least so many percent do not exceed (nearest rank).

    Args:
        histogram: From each value to how often it occurs.
        percent: From 1 to 100.

    Returns:
        None where nothing was counted.
    """
    total = sum(histogram.values())
    if total == 0:
        return None
    rank = -(-total * percent // 100)
    seen = 0
    for value in sorted(histogram):
        seen += histogram[value]
        if seen >= rank:
            return value
    raise AssertionError("the rank is within the total")
