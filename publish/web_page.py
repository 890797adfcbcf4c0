"""Writing a page as one HTML file that needs nothing else: no script, no font, no image from anywhere.

It is well-formed XML as well, so that any tool can check it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Final, assert_never

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

_EMAIL: Final = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")

_WIDE_COLUMNS: Final = 6
"""A table of more is one of numbers: smaller, and to the right."""

_STYLE: Final = """
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; font: 1.05rem/1.6 sans-serif;
  color: #1a1a1a; background: #fff }
h1 { line-height: 1.25 } h2 { margin-top: 2.2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #ccc }
aside { border-left: .3rem solid #8a4b00; background: #fff6e8; padding: .2rem 1rem; margin: 1rem 0 }
footer { margin-top: 3rem; border-top: 1px solid #ccc; color: #555; font-size: .85rem;
  overflow-wrap: anywhere }
figure { margin: 1.5rem 0 } figure > svg { width: 100%; height: auto }
.legend { list-style: none; padding: 0; margin: .3rem 0; font-size: .9rem }
.legend li { display: inline-block; margin-right: 1.2rem } .legend svg { width: 1.5rem; height: .75rem }
.grid { stroke: #ccc } .axis { fill: currentColor; font: 11px sans-serif; text-anchor: middle }
.axis.end { text-anchor: end } .line { fill: none; stroke-width: 2.2 }
.bar.s0, .dot.s0 { fill: #0b5394 } .bar.s1, .dot.s1 { fill: #e69138 } .bar.s2, .dot.s2 { fill: #6a8a3a }
.bar.s3, .dot.s3 { fill: #a64d79 } .bar.s4, .dot.s4 { fill: #76a5af } .bar.s5, .dot.s5 { fill: #666 }
.line.s0 { stroke: #0b5394 } .line.s1 { stroke: #e69138; stroke-dasharray: 7 3 }
.line.s2 { stroke: #6a8a3a; stroke-dasharray: 2 3 } .line.s3 { stroke: #a64d79 }
.line.s4 { stroke: #76a5af } .line.s5 { stroke: #666 }
body:has(table.wide) { max-width: 66rem } .wide { font-size: .85rem; font-variant-numeric: tabular-nums }
.wide th, .wide td { text-align: right } .wide th:first-child, .wide td:first-child { text-align: left }
.wide td { white-space: nowrap }
@media (prefers-color-scheme: dark) {
  body { color: #e8e8e8; background: #16181b } a { color: #8ab4f8 }
  th, td, footer { border-color: #444 } footer { color: #aaa } aside { background: #2b2416 }
  .grid { stroke: #444 }
  .bar.s0, .dot.s0 { fill: #6fa8dc } .line.s0 { stroke: #6fa8dc }
  .bar.s2, .dot.s2 { fill: #a4c46c } .line.s2 { stroke: #a4c46c }
  .bar.s3, .dot.s3 { fill: #d58fb3 } .line.s3 { stroke: #d58fb3 }
}
@media print {
  body { max-width: none; margin: 0; font-size: 10pt; color: #000; background: #fff }
  figure, tr, aside { break-inside: avoid } h2 { break-after: avoid } thead { display: table-header-group }
}
"""


def web_page(page: Page) -> str:
    """Return the page as HTML."""
    body = "\n".join(_block(block, page.language) for block in page.blocks)
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="{page.language}">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{escape(page.title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{escape(page.title)}</h1>\n{body}\n</main>\n"
        f"<footer><p>{escape(page.foot)}</p></footer>\n</body>\n</html>\n"
    )


def _block(block: Block, language: str) -> str:
    match block:
        case Heading(text):
            return f"<h2>{escape(text)}</h2>"
        case Paragraph(line):
            return f"<p>{_line(line, language)}</p>"
        case Items(lines):
            inner = "\n".join(f"<li>{_line(line, language)}</li>" for line in lines)
            return f"<ul>\n{inner}\n</ul>"
        case Note(lines):
            inner = "\n".join(f"<p>{_line(line, language)}</p>" for line in lines)
            return f"<aside>\n{inner}\n</aside>"
        case Table():
            return "\n".join(_table(block, language))
        case Chart(drawn=drawn):
            return f"<figure>\n{drawn}\n</figure>"
        case _:
            assert_never(block)


def _table(table: Table, language: str) -> Iterator[str]:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in table.head)
    wide = ' class="wide"' if len(table.head) > _WIDE_COLUMNS else ""
    yield f"<table{wide}>\n<thead><tr>{head}</tr></thead>\n<tbody>"
    for row in table.rows:
        yield "<tr>" + "".join(f"<td>{_line(line, language)}</td>" for line in row) + "</tr>"
    yield "</tbody>\n</table>"


def _line(line: Line, language: str) -> str:
    return "".join(_piece(piece, language) for piece in line).strip()


def _piece(piece: Piece, language: str) -> str:
    match piece:
        case Strong(text):
            return f"<strong>{_linked(text)}</strong>"
        case Quote(text):
            return _linked(text) if language == "nl" else f'<span lang="nl">{_linked(text)}</span>'
        case _:
            return _linked(piece)


def _linked(text: str) -> str:
    """Return escaped text in which each e-mail address can be pressed."""
    return _EMAIL.sub(lambda found: f'<a href="mailto:{found[0]}">{found[0]}</a>', escape(text))
