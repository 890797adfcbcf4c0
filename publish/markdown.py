"""Writing a page as Markdown; nothing in a policy can turn into markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import assert_never

from publish.page import (
    Block,
    Chart,
    Heading,
    Items,
    Line,
    Note,
    Page,
    Paragraph,
    Piece,
    Quote,
    Strong,
    Table,
)

_MARKUP = re.compile(r"([\\`*_<>\[\]|#~])")
_SPACES = re.compile(r"\s+")


def markdown(page: Page) -> str:
    """Return the page as Markdown."""
    blocks = [f"# {_escaped(page.title)}", *map(_block, page.blocks), "---", _escaped(page.foot)]
    return "\n\n".join(blocks) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"## {_escaped(text)}"
        case Paragraph(line):
            return _line(line)
        case Items(lines):
            return "\n".join(f"- {_line(line)}" for line in lines)
        case Note(lines):
            return "\n>\n".join(f"> {_line(line)}" for line in lines)
        case Table():
            return "\n".join(_table(block))
        case Chart(described=described):
            return _escaped(described)
        case _:
            assert_never(block)


def _table(table: Table) -> Iterator[str]:
    yield "| " + " | ".join(map(_escaped, table.head)) + " |"
    yield "|" + "---|" * len(table.head)
    for row in table.rows:
        yield "| " + " | ".join(map(_line, row)) + " |"


def _line(line: Line) -> str:
    return "".join(map(_piece, line)).strip()


def _piece(piece: Piece) -> str:
    match piece:
        case Strong(text):
            return f"**{_escaped(text)}**"
        case Quote(text):
            return _escaped(text)
        case _:
            return _escaped(piece)


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", _SPACES.sub(" ", text))
