"""Small counts are not shown, nor what they could be reckoned from.

Theory of operation
===================

A table of counts has groups as rows and the parts of each group's whole as columns; its margins are the whole
of each group, the total of each part, and the total of everything:

              answered  in vain  | whole
    Monday        40        3    |   43
    Tuesday       38       12    |   50
    total         78       15    |   93

A count from 1 to `smallest - 1` is hidden. What is hidden can be reckoned back where it is the only one
hidden in a row or column. In general: take rows and columns, margins among them, as the points of a graph,
and each hidden count as a line between its row and its column. A hidden count follows from what is shown
exactly when its line is on no closed way: when it is a bridge. So as long as there is a bridge, three more
counts are hidden that close a way through it, those that cost least.

That leaves sums: the hidden counts of a row or column add up to something that is known where its margin is
shown. Where that sum is itself smaller than `smallest`, the margin, or one more count, is hidden as well.

What this does not stop: narrowing a count down between bounds, and comparing reports of periods that overlap
or are cut in another way. The ledger has each report, with its period and how it was cut.

Source: D. Gusfield, A Graph Theoretic Approach to Statistical Data Security, SIAM J. Comput. 17 (1988).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

Place = tuple[int, int]
"""Row and column; the last ones are the margins."""

_MARGIN_COSTS: Final = 1_000_000_000
"""Hiding a margin takes away more than any count of a cell: it comes last."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A table of counts as it may be shown; None is hidden.

    Attributes:
        rows: Of each group the parts and, last, the whole.
        total: The same over all groups.
    """

    rows: tuple[tuple[int | None, ...], ...]
    total: tuple[int | None, ...]

    @property
    def hidden(self) -> int:
        """How many counts are hidden."""
        return sum(count is None for row in (*self.rows, self.total) for count in row)


def suppress(parts: Sequence[Sequence[int]], *, smallest: int) -> Shown:
    """Return a table with its margins, small counts hidden.

    Args:
        parts: Of each group how many there are of each part; rows of the same length.
        smallest: The smallest count that is shown; 1 hides nothing.
    """
    grid = _with_margins(parts)
    hidden = {place for place, count in _places(grid) if 0 < count < smallest}
    costs = [[_cost(grid, (row, column)) for column in range(len(grid[0]))] for row in range(len(grid))]
    _hide(hidden, costs, hidden)
    while True:
        bridges = _bridges(hidden)
        more = _closing(bridges, hidden, costs) if bridges else _small_sum(grid, hidden, smallest)
        if not more:
            break
        _hide(more, costs, hidden)
    shown = tuple(
        tuple(None if (row, column) in hidden else count for column, count in enumerate(counts))
        for row, counts in enumerate(grid)
    )
    return Shown(rows=shown[:-1], total=shown[-1])


def _with_margins(parts: Sequence[Sequence[int]]) -> list[list[int]]:
    rows = [[*row, sum(row)] for row in parts]
    width = len(rows[0]) if rows else 1
    return [*rows, [sum(row[column] for row in rows) for column in range(width)]]


def _places(grid: Sequence[Sequence[int]]) -> Iterator[tuple[Place, int]]:
    for row, counts in enumerate(grid):
        for column, count in enumerate(counts):
            yield (row, column), count


def _hide(places: Iterable[Place], costs: list[list[int]], hidden: set[Place]) -> None:
    """Hide counts; what is hidden costs nothing any more."""
    hidden.update(places)
    for row, column in places:
        costs[row][column] = 0


def _closing(bridges: Iterable[Place], hidden: set[Place], costs: list[list[int]]) -> set[Place]:
    """Return what closes a way through every bridge; a bridge on another's way needs none of its own."""
    more: set[Place] = set()
    closed: set[Place] = set()
    for bridge in sorted(bridges):
        if bridge in closed:
            continue
        way = _closed_way(costs, bridge)
        closed |= way
        _hide(way - hidden, costs, more)
    return more


def _bridges(hidden: Iterable[Place]) -> set[Place]:
    """Return the hidden counts that are on no closed way, by the lowest point each branch leads back to."""
    beside: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for row, column in sorted(hidden):
        beside.setdefault(("row", row), []).append(("column", column))
        beside.setdefault(("column", column), []).append(("row", row))
    found_at: dict[tuple[str, int], int] = {}
    lowest: dict[tuple[str, int], int] = {}
    bridges: set[Place] = set()
    for start, first in beside.items():
        if start in found_at:
            continue
        found_at[start] = lowest[start] = len(found_at)
        way = [(start, start, iter(first))]  # not recursive: a year has more days than Python has frames
        while way:
            point, before, others = way[-1]
            other = next(others, None)
            if other is None:
                way.pop()
                if way:
                    lowest[before] = min(lowest[before], lowest[point])
                    if lowest[point] > found_at[before]:
                        bridges.add(_place(point, before))
            elif other not in found_at:
                found_at[other] = lowest[other] = len(found_at)
                way.append((other, point, iter(beside[other])))
            elif other != before:
                lowest[point] = min(lowest[point], found_at[other])
    return bridges


def _place(one: tuple[str, int], other: tuple[str, int]) -> Place:
    return (one[1], other[1]) if one[0] == "row" else (other[1], one[1])


def _closed_way(costs: Sequence[Sequence[int]], bridge: Place) -> set[Place]:
    """Return the cheapest way of four through a bridge: itself and the three others."""
    row, column = bridge
    near = costs[row]
    _, other, there = min(
        (near[there] + far[column] + far[there], other, there)
        for other, far in enumerate(costs)
        if other != row
        for there in range(len(near))
        if there != column
    )
    return {bridge, (row, there), (other, column), (other, there)}


def _small_sum(grid: Sequence[Sequence[int]], hidden: set[Place], smallest: int) -> set[Place]:
    """Return one more count of each row and column whose hidden ones add up to something small."""
    height, width = len(grid), len(grid[0])
    lines = [[(row, column) for column in range(width)] for row in range(height)]
    lines += [[(row, column) for row in range(height)] for column in range(width)]
    more: set[Place] = set()
    for line in lines:
        out = [place for place in line if place in hidden or place in more]
        inner = [place for place in out if place != line[-1]]
        if not inner or len(inner) < len(out) or sum(_count(grid, place) for place in inner) >= smallest:
            continue
        more.add(min((one for one in line if one not in out), key=lambda one: (_cost(grid, one), one)))
    return more


def _count(grid: Sequence[Sequence[int]], place: Place) -> int:
    return grid[place[0]][place[1]]


def _cost(grid: Sequence[Sequence[int]], place: Place) -> int:
    is_margin = (place[0] == len(grid) - 1) + (place[1] == len(grid[0]) - 1)
    # A nought tells that there is nothing to hide: it hides badly, and is taken only before a margin.
    return is_margin * _MARGIN_COSTS + (_count(grid, place) or _MARGIN_COSTS // 10)
