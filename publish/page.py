"""A page as values: headings, paragraphs, lists, tables, notes, charts.

`markdown.py` and `web_page.py` write it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Quote:
    """Words in Dutch as the organisation wrote them, whatever the language of the page."""

    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """Words that stand out."""

    text: str


Piece: TypeAlias = str | Quote | Strong
Line: TypeAlias = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences."""

    line: Line


@dataclass(frozen=True, slots=True)
class Items:
    """A list; never empty."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head, each as wide as the head."""

    head: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True, slots=True)
class Note:
    """Something set apart, such as a contradiction in the published text."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing beside a table.

    Attributes:
        drawn: Well-formed markup that needs nothing else; see `publish.reports.charts`.
        described: What it shows, in words.
    """

    drawn: str
    described: str


Block: TypeAlias = Heading | Paragraph | Items | Table | Note | Chart


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page.

    Attributes:
        language: Two letters.
        foot: What it was made from.
    """

    language: str
    title: str
    blocks: tuple[Block, ...]
    foot: str


def paragraph(*pieces: Piece) -> Paragraph:
    """Return a paragraph of these pieces."""
    return Paragraph(pieces)


def plain(line: Line) -> str:
    """Return the text of a line without any markup."""
    return "".join(piece if isinstance(piece, str) else piece.text for piece in line)
