"""Writing a page as one HTML file that needs nothing else: no script, no font, no image from anywhere.

It is well-formed XML as well, so that any tool can check it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Final, assert_never

from publish.page import Block, Heading, Items, Line, Note, Page, Paragraph, Piece, Quote, Strong, Table

_EMAIL: Final = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")

_STYLE: Final = """
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; font: 1.05rem/1.6 sans-serif;
  color: #1a1a1a; background: #fff }
h1 { line-height: 1.25 } h2 { margin-top: 2.2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #ccc }
aside { border-left: .3rem solid #8a4b00; background: #fff6e8; padding: .2rem 1rem; margin: 1rem 0 }
footer { margin-top: 3rem; border-top: 1px solid #ccc; color: #555; font-size: .85rem;
  overflow-wrap: anywhere }
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
        case _:
            assert_never(block)


def _table(table: Table, language: str) -> Iterator[str]:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in table.head)
    yield f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>"
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
