"""Putting what was counted into a table that may be shown: small counts go, and what hangs on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from publish.reports.figures import By, Measure, Row, Table, Unit
from publish.reports.percentiles import percentile
from publish.reports.suppression import suppress

WHOLE: Final = "whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One column of measures.

    Attributes:
        rows: By group; a group without one has none.
        total: Over all groups.
        bases: Parts, or `whole`, all of which must be shown for it to be shown.
        weights: From how many calls it was made, by group; and `total` of all.
        needs: From how many at least, in multiples of the smallest count that is shown.
    """

    measure: Measure
    rows: Mapping[str, float | None]
    total: float | None
    bases: tuple[str, ...]
    weights: Mapping[str, int]
    total_weight: int
    needs: int = 1


def table(
    key: str,
    by: By,
    parts: Sequence[str],
    groups: Mapping[str, Mapping[str, int]],
    *,
    smallest: int,
    measured: Sequence[Measured] = (),
    charted: Sequence[str] = (),
) -> tuple[Table, int]:
    """Return a table, and how many of its counts are hidden.

    Args:
        key: What is counted.
        by: How it was put together.
        parts: Into which the whole falls apart.
        groups: From each group to how many there are of each part.
        smallest: The smallest count that is shown.
        measured: What stands beside the counts.
        charted: What is drawn.
    """
    labels = sorted(groups)
    shown = suppress([[groups[label].get(part, 0) for part in parts] for label in labels], smallest=smallest)
    rows = tuple(
        Row(
            label=label,
            counts=counts,
            measures=tuple(
                _shown(
                    one,
                    one.rows.get(label),
                    one.weights.get(label, 0),
                    _by_name(parts, counts),
                    smallest=smallest,
                )
                for one in measured
            ),
        )
        for label, counts in zip(labels, shown.rows, strict=True)
    )
    counts = shown.total if labels else (0,) * (len(parts) + 1)
    total = Row(
        label="",
        counts=counts,
        measures=tuple(
            _shown(one, one.total, one.total_weight, _by_name(parts, counts), smallest=smallest)
            for one in measured
        ),
    )
    made = Table(
        key=key,
        by=by,
        parts=tuple(parts),
        measures=tuple(one.measure for one in measured),
        rows=rows if by is not By.ALL else (),
        total=total,
        charted=tuple(charted),
    )
    return made, shown.hidden


def spread(
    histograms: Mapping[str, Counter[int]], key: str, percent: int, *, base: str, needs: int = 1
) -> Measured:
    """Return a percentile of durations in seconds, by group and over all."""
    total: Counter[int] = Counter()
    for histogram in histograms.values():
        total.update(histogram)
    return Measured(
        measure=Measure(key=key, unit=Unit.SECONDS),
        rows={label: percentile(histogram, percent) for label, histogram in histograms.items()},
        total=percentile(total, percent),
        bases=(base,),
        weights={label: histogram.total() for label, histogram in histograms.items()},
        total_weight=total.total(),
        needs=needs,
    )


def rate(groups: Mapping[str, Mapping[str, int]], key: str, part: str, among: Sequence[str]) -> Measured:
    """Return how many percent one part is among some, by group and over all."""
    weights = {label: sum(counts.get(one, 0) for one in among) for label, counts in groups.items()}
    parts = {label: counts.get(part, 0) for label, counts in groups.items()}
    return Measured(
        measure=Measure(key=key, unit=Unit.PERCENT),
        rows={label: _percent(parts[label], weight) for label, weight in weights.items()},
        total=_percent(sum(parts.values()), sum(weights.values())),
        bases=tuple(among),
        weights=weights,
        total_weight=sum(weights.values()),
    )


def hours(histograms: Mapping[str, Counter[int]], key: str, *, base: str) -> Measured:
    """Return how many hours durations add up to, by group and over all."""
    sums = {label: _hours(histogram) for label, histogram in histograms.items()}
    weights = {label: histogram.total() for label, histogram in histograms.items()}
    total: Counter[int] = Counter()
    for histogram in histograms.values():
        total.update(histogram)
    return Measured(
        measure=Measure(key=key, unit=Unit.HOURS),
        rows=sums,
        total=_hours(total),
        bases=(base,),
        weights=weights,
        total_weight=total.total(),
    )


def _by_name(parts: Sequence[str], counts: Sequence[int | None]) -> dict[str, int | None]:
    return dict(zip((*parts, WHOLE), counts, strict=True))


def _shown(
    one: Measured, value: float | None, weight: int, counts: Mapping[str, int | None], *, smallest: int
) -> float | None:
    if weight < one.needs * smallest or any(counts[base] is None for base in one.bases):
        return None
    return value


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _hours(histogram: Counter[int]) -> float:
    return round(sum(value * times for value, times in histogram.items()) / 3600, 1)
