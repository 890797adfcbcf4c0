"""Reading `docs/access/<policy>.md`: the answers that a person reviewed, as rows.

A page lists the closed sets, the rules, and for each role a table. In a table the first row
that fits is the answer. A cell is `any`, or names joined by commas, each of which may hold a
`*` (`asked_by_*`), or `not` and such names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

COLUMNS = ("purpose", "action", "whose", "call", "company", "state", "answer", "rule")
_ROLE = re.compile(r"## Role: `([a-z_]+)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table.

    Attributes:
        line: Its number in the file.
        cells: The six patterns, in the order of `COLUMNS`.
        answer: As `tests.policy.situations.answer` writes it.
    """

    line: int
    cells: tuple[str, ...]
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page.

    Attributes:
        rows: From role to its rows, in order.
        sets: From the name of a closed set to the names that the page explains.
        rules: From the name of a rule to its article, its sentence, and what was chosen or read in it.
    """

    rows: Mapping[str, Sequence[Row]]
    sets: Mapping[str, Sequence[str]]
    rules: Mapping[str, tuple[str, str, str]]


def read_page(path: Path) -> Page:
    """Read a page; a line that looks like a row and is none is an error."""
    rows: dict[str, list[Row]] = {}
    sets: dict[str, list[str]] = {}
    rules: dict[str, tuple[str, str, str]] = {}
    heading = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#"):
            heading = line
            continue
        cells = _cells(line)
        if cells is None:
            continue
        if role := _ROLE.match(heading):
            assert len(cells) == len(COLUMNS), f"{path.name}:{number}: must have {len(COLUMNS)} cells"
            *patterns, answer, rule = cells
            rows.setdefault(role[1], []).append(
                Row(line=number, cells=tuple(patterns), answer=f"{answer.strip('*')}: {rule}")
            )
        elif heading == "## Rules":
            name, article, sentence, chosen = cells
            rules[name] = (article, sentence, chosen)
        else:
            sets.setdefault(heading.removeprefix("### ").lower(), []).append(cells[0])
    return Page(rows=rows, sets=sets, rules=rules)


def _cells(line: str) -> list[str] | None:
    """Return the cells of a table row; None for prose, headings and rules of a table."""
    if not line.startswith("|") or set(line) <= set("|- "):
        return None
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    return None if cells[0] in ("name", "purpose") else [cell.replace("`", "") for cell in cells]


def expand(cell: str, known: Sequence[str]) -> frozenset[str]:
    """Return the names that a cell stands for; a pattern that fits nothing is an error."""
    if cell == "any":
        return frozenset(known)
    negated = cell.startswith("not ")
    named: set[str] = set()
    for pattern in cell.removeprefix("not ").split(","):
        fitting = [name for name in known if fnmatchcase(name, pattern.strip())]
        assert fitting, f'"{pattern.strip()}" fits none of {", ".join(known)}'
        named.update(fitting)
    return frozenset(set(known) - named) if negated else frozenset(named)
