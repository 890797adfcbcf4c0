"""What was counted: how many of each part in each group, and how often each duration occurs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from policy.vocabulary import PolicyName
from publish.reports.figures import By
from store.db import Db, Value
from store.figures.period import Period, label


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts by group and part, and histograms by name and group.

    Attributes:
        policy: Of which policy something is counted; `:policy` in every SELECT.
        period: In which; `:since` and `:before`.
        by: How it is put together.
    """

    db: Db
    policy: PolicyName
    period: Period
    by: By
    parts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _histograms: dict[str, dict[str, Counter[int]]] = field(default_factory=dict)

    def count(self, sql: str) -> None:
        """Add what a SELECT of group, part and number finds."""
        for group, part, number in self._rows(sql):
            self.parts[label(self.by, group)][str(part)] += number

    def measure(self, name: str, sql: str) -> None:
        """Add what a SELECT of group, value and number finds."""
        histograms = self._histograms.setdefault(name, defaultdict(Counter))
        for group, value, number in self._rows(sql):
            histograms[label(self.by, group)][int(value)] += number

    def histogram(self, name: str) -> Mapping[str, Counter[int]]:
        """Return how often each value occurs, by group."""
        return self._histograms.get(name, {})

    def _rows(self, sql: str) -> list[tuple[int | str | None, str | int, int]]:
        """Return what is found, piece by piece: a number for each group and value, not for each call."""
        found: list[tuple[int | str | None, str | int, int]] = []
        for piece in self.period.pieces():
            values: dict[str, Value] = {
                "policy": self.policy,
                "since": piece.since_ms,
                "before": piece.before_ms,
                "offset": piece.offset_ms,
            }
            found += self.db.tuples(sql, values)
        return found
