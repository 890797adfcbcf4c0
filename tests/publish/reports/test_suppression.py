"""No small count is shown, and none follows from what is."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from publish.reports.suppression import Shown, suppress

SMALLEST = 5
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(st.one_of(st.integers(0, 9), st.integers(0, 200)), min_size=width, max_size=width),
        min_size=1,
        max_size=9,
    )
)


def _grid(shown: Shown) -> list[list[int | None]]:
    return [list(row) for row in (*shown.rows, shown.total)]


def _true(parts: Sequence[Sequence[int]]) -> list[list[int]]:
    rows = [[*row, sum(row)] for row in parts]
    return [*rows, [sum(column) for column in zip(*rows, strict=True)]]


def _follows(grid: Sequence[Sequence[int | None]]) -> set[tuple[int, int]]:
    """Return the hidden places whose value follows from what is shown, by solving what adds up to what."""
    hidden = [
        (row, column) for row, line in enumerate(grid) for column, one in enumerate(line) if one is None
    ]
    index = {place: number for number, place in enumerate(hidden)}
    height, width = len(grid), len(grid[0])
    lines = [[(row, column) for column in range(width)] for row in range(height)]
    lines += [[(row, column) for row in range(height)] for column in range(width)]
    equations = []
    for line in lines:
        equation = [Fraction(0)] * len(hidden)
        for place in line:
            if place in index:
                equation[index[place]] += -1 if place == line[-1] else 1
        equations.append(equation)
    solved: list[list[Fraction]] = []
    for column in range(len(hidden)):
        pivot = next((one for one in equations if one[column]), None)
        if pivot is None:
            continue
        equations.remove(pivot)
        pivot = [value / pivot[column] for value in pivot]
        for group in (equations, solved):
            group[:] = [
                [a - one[column] * b for a, b in zip(one, pivot, strict=True)] if one[column] else one
                for one in group
            ]
        solved.append(pivot)
    alone = [[number for number, value in enumerate(one) if value] for one in solved]
    return {hidden[numbers[0]] for numbers in alone if len(numbers) == 1}


@given(parts=TABLES)
def test_no_small_count_is_shown_and_what_is_shown_is_true(parts: list[list[int]]) -> None:
    for shown, true in zip(_grid(suppress(parts, smallest=SMALLEST)), _true(parts), strict=True):
        for one, count in zip(shown, true, strict=True):
            assert one is None or one == count
            assert one is None or one == 0 or one >= SMALLEST


@given(parts=TABLES)
def test_no_hidden_count_follows_from_what_is_shown(parts: list[list[int]]) -> None:
    assert _follows(_grid(suppress(parts, smallest=SMALLEST))) == set()


@given(parts=TABLES)
def test_what_is_hidden_together_adds_up_to_nothing_small(parts: list[list[int]]) -> None:
    grid, true = _grid(suppress(parts, smallest=SMALLEST)), _true(parts)
    turned = [list(column) for column in zip(*grid, strict=True)]
    true_turned = [list(column) for column in zip(*true, strict=True)]
    for shown, counts in [*zip(grid, true, strict=True), *zip(turned, true_turned, strict=True)]:
        hidden = [count for one, count in zip(shown[:-1], counts[:-1], strict=True) if one is None]
        if hidden and shown[-1] is not None:
            assert sum(hidden) >= SMALLEST
            assert len(hidden) >= 2


@given(parts=TABLES)
def test_where_nothing_is_small_nothing_is_hidden(parts: list[list[int]]) -> None:
    large = [[count and count + SMALLEST for count in row] for row in parts]
    assert suppress(large, smallest=SMALLEST).hidden == 0
    assert suppress(parts, smallest=1).hidden == 0


def test_a_total_minus_the_rest_does_not_give_it_back() -> None:
    shown = suppress([[40, 3], [38, 12], [50, 20]], smallest=SMALLEST)
    assert shown.rows[0][1] is None
    assert shown.rows[1][1] is None  # the smallest other one
    assert (shown.total, shown.rows[2]) == ((128, 35, 163), (50, 20, 70))
    assert (shown.rows[0][0], shown.rows[1][0]) == (None, None)


def test_a_year_of_days_takes_no_recursion_and_little_time() -> None:
    days = [[day % 7, 40 + day % 11, 3 if day % 2 else 0] for day in range(366)]
    shown = suppress(days, smallest=SMALLEST)
    assert all(one is None or one == 0 or one >= SMALLEST for row in shown.rows for one in row)


def test_of_nothing_there_is_nothing() -> None:
    assert suppress([], smallest=SMALLEST) == Shown(rows=(), total=(0,))
    assert suppress([[2]], smallest=SMALLEST).hidden == 4


def test_with_larger_thresholds_more_is_hidden() -> None:
    parts = [[3, 8, 20], [7, 4, 9], [30, 12, 6]]
    hidden = [suppress(parts, smallest=smallest).hidden for smallest in (1, 5, 10)]
    assert all(one <= other for one, other in pairwise(hidden))
