"""A policy as a person reads it: each promise with its article, what is assumed apart (X10), conflicts."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from policy.cited import NOT_IN_THE_FILE, Citation, sources
from policy.key_groups import audio_paths, in_words
from policy.model import Policy
from policy.section import ASSUMED
from policy.warnings import warnings

WIDTH_CHARACTERS: Final = 100


def promises(policy: Policy) -> str:
    """Return the page as plain text."""
    cited = [citation for citation in sources(policy) if not citation.key.startswith("conflicts.")]
    promised = [citation for citation in cited if not citation.assumed]
    assumed = [one for one in cited if one.assumed and one.source != NOT_IN_THE_FILE]
    defaults = [one for one in cited if one.source == NOT_IN_THE_FILE]
    return "\n".join(
        (
            *_head(policy),
            *_part("What the published text promises", _by_table(promised)),
            *_part("Assumed: the text is silent", _by_table(assumed)),
            *_part("Not in the file, so the default holds", [f"  {_told(one)}" for one in defaults]),
            *_part("Whose keys open a recording", _paths(policy)),
            *_part("Where the text contradicts itself", _conflicts(policy)),
            *_part("To look at", [_wrapped(line, "  ") for line in warnings(policy)]),
        )
    )


def rows(policy: Policy) -> list[dict[str, str | bool]]:
    """Return the same for a program: one row a key."""
    return [
        {
            "key": one.key,
            "value": one.written,
            "source": one.source,
            "assumed": one.assumed,
            "in_file": one.in_file,
        }
        for one in sources(policy)
    ]


def _head(policy: Policy) -> Iterator[str]:
    identity = policy.identity
    yield f"{identity.organisation}: {identity.title}"
    known = (("of", identity.date), ("reference", identity.reference), ("controller", identity.controller))
    yield from (_wrapped(f"{what} {value}", "  ") for what, value in known if value is not None)
    yield f"  policy {policy.name}, version {policy.content_hash}"
    yield f"  numbers {', '.join(policy.all_numbers)}"


def _part(title: str, lines: Sequence[str]) -> Iterator[str]:
    yield f"\n{title.upper()}"
    yield from lines or ("  nothing",)


def _by_table(cited: Sequence[Citation]) -> list[str]:
    lines: list[str] = []
    for table, group in groupby(cited, key=lambda one: one.key.split(".")[0]):
        lines.append(f"  {table}")
        for one in group:
            lines += [_wrapped(_told(one), "    "), _wrapped(f"-- {_reason(one)}", "        ")]
    return lines


def _told(citation: Citation) -> str:
    return f"{citation.key} = {' '.join(citation.written.split())}"


def _reason(citation: Citation) -> str:
    return citation.source.removeprefix(ASSUMED)


def _paths(policy: Policy) -> list[str]:
    if policy.access is None:
        return []
    paths = audio_paths(policy.access, policy.sharing)
    return [_wrapped(in_words(path, policy.access), "  ") for path in paths]


def _conflicts(policy: Policy) -> list[str]:
    lines: list[str] = []
    for conflict in policy.conflicts:
        lines.append(f"  {conflict.about} ({conflict.source or 'no source given'})")
        told = (("says", conflict.says), ("but", conflict.but), ("obeyed", conflict.obeyed))
        lines += [_wrapped(f"{what}: {text}", "    ") for what, text in told]
    return lines


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(
        text,
        WIDTH_CHARACTERS,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
