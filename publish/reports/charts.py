"""Drawing a table as SVG: bars that stack counts, lines for measures; no script and nothing from elsewhere.

Every drawing has a title and a description for who cannot see it, and the table stands beside it. Series
are told apart by shade and by pattern of line, not by colour alone; the page's style sets the shades, so
that they suit a dark screen and paper.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 250
_LEFT: Final = 56
_RIGHT: Final = 8
_TOP: Final = 12
_BOTTOM: Final = 40
_LINES: Final = 4
_MOST_LABELS: Final = 12
_SHADES: Final = 6
_STEPS: Final = (1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 12.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One thing over all groups.

    Attributes:
        values: One a group; None: hidden, or there is none.
    """

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What is drawn.

    Attributes:
        described: In a sentence, for who cannot see it.
        unit: Beside the highest number of the scale, such as `%`.
    """

    title: str
    described: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str = ""


def stacked_bars(drawing: Drawing, *, number: int) -> str:
    """Return bars, one a group, each series on top of the one before.

    Args:
        drawing: What.
        number: Of the drawing on its page.
    """
    tops = [sum(one.values[at] or 0 for one in drawing.series) for at in range(len(drawing.labels))]
    highest = _nice(max(tops, default=0))
    return _svg(drawing, number, highest, _bars(drawing, highest))


def lines(drawing: Drawing, *, number: int) -> str:
    """Return lines, one a series; where a value is missing the line breaks.

    Args:
        drawing: What.
        number: Of the drawing on its page.
    """
    highest = _nice(max((value for one in drawing.series for value in one.values if value), default=0))
    return _svg(drawing, number, highest, _paths(drawing, highest))


def _svg(drawing: Drawing, number: int, highest: float, inside: Iterator[str]) -> str:
    named = f"chart{number}"
    body = "".join((*_scale(drawing, highest), *inside, *_labels(drawing.labels)))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{named}t {named}d">'
        f'<title id="{named}t">{escape(drawing.title)}</title>'
        f'<desc id="{named}d">{escape(drawing.described)}</desc>{body}</svg>'
    )


def legend(series: Sequence[Series], *, as_lines: bool) -> str:
    """Return what each shade means."""
    keys = "".join(
        f'<li><svg viewBox="0 0 24 12" aria-hidden="true">{_sample(at, as_lines)}</svg>'
        f" {escape(one.name)}</li>"
        for at, one in enumerate(series)
    )
    return f'<ul class="legend">{keys}</ul>'


def _sample(at: int, as_line: bool) -> str:
    shade = f"s{at % _SHADES}"
    if as_line:
        return f'<path class="line {shade}" d="M0 6H24"/>'
    return f'<rect class="bar {shade}" width="24" height="12"/>'


def _bars(drawing: Drawing, highest: float) -> Iterator[str]:
    width = _width() / max(len(drawing.labels), 1)
    for at, label in enumerate(drawing.labels):
        left, under = _LEFT + at * width, 0.0
        if any(one.values[at] is None for one in drawing.series):  # a gap is no nought
            yield f'<text class="axis" x="{left + width / 2:.1f}" y="{_TOP + 10}">–</text>'
        for shade, one in enumerate(drawing.series):
            value = one.values[at]
            if not value:
                continue
            top = _y(under + value, highest)
            yield (
                f'<rect class="bar s{shade % _SHADES}" x="{left + width * 0.1:.1f}" y="{top:.1f}"'
                f' width="{width * 0.8:.1f}" height="{_y(under, highest) - top:.1f}">'
                f"<title>{escape(label)}: {escape(one.name)} {value:g}</title></rect>"
            )
            under += value


def _paths(drawing: Drawing, highest: float) -> Iterator[str]:
    step = _width() / max(len(drawing.labels), 1)
    for shade, one in enumerate(drawing.series):
        points = [(_LEFT + (at + 0.5) * step, value) for at, value in enumerate(one.values)]
        for there, group in groupby(points, key=lambda point: point[1] is not None):
            if not there:
                continue
            way = [(x, _y(value or 0, highest)) for x, value in group]
            drawn = "".join(f"{'L' if at else 'M'}{x:.1f} {y:.1f}" for at, (x, y) in enumerate(way))
            yield f'<path class="line s{shade % _SHADES}" d="{drawn}"/>'
            if len(points) <= 3 * _MOST_LABELS:
                yield "".join(
                    f'<circle class="dot s{shade % _SHADES}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>'
                    for x, y in way
                )


def _scale(drawing: Drawing, highest: float) -> Iterator[str]:
    for at in range(_LINES + 1):
        value = highest * at / _LINES
        y = _y(value, highest)
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>'
        unit = f" {drawing.unit}" if at == _LINES and drawing.unit else ""
        yield f'<text class="axis end" x="{_LEFT - 6}" y="{y + 4:.1f}">{value:g}{escape(unit)}</text>'


def _labels(labels: Sequence[str]) -> Iterator[str]:
    step = _width() / max(len(labels), 1)
    every = -(-len(labels) // _MOST_LABELS) or 1
    for at in range(0, len(labels), every):
        x = _LEFT + (at + 0.5) * step
        yield f'<text class="axis" x="{x:.1f}" y="{HEIGHT - _BOTTOM + 18}">{escape(labels[at])}</text>'


def _width() -> float:
    return WIDTH - _LEFT - _RIGHT


def _y(value: float, highest: float) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _BOTTOM - _TOP) * value / highest


def _nice(value: float) -> float:
    """Return a round number not below the value, of which a quarter is round as well."""
    power = 1.0
    while value > _STEPS[-1] * power:
        power *= 10
    return next(step * power for step in _STEPS if value <= step * power) if value else float(_LINES)
