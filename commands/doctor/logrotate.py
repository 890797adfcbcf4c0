"""How long logrotate keeps a log, read from its own files. Pure.

Source: logrotate(8): `rotate N` files are kept, one for each `daily`, `weekly`, `monthly` or
`yearly`; `maxage N` removes rotated files older than N days.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch

_DAYS = {"hourly": 1, "daily": 1, "weekly": 7, "monthly": 31, "yearly": 366}
_STANZA = re.compile(r"([^{}]+)\{([^{}]*)\}")
_COMMENT = re.compile(r"#.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """One stanza.

    Attributes:
        patterns: Files that it is about.
        days: How long a line can last, or None when that depends on size alone.
    """

    patterns: tuple[str, ...]
    days: int | None

    def covers(self, path: str) -> bool:
        """Return whether a file is one of those that it is about."""
        return any(fnmatch(path, pattern) for pattern in self.patterns)


def rotations(texts: Iterable[str]) -> tuple[Rotation, ...]:
    """Return every stanza of the files given."""
    found = []
    for text in texts:
        for match in _STANZA.finditer(_COMMENT.sub("", text)):
            # Global directives stand on lines of their own before the first stanza.
            names = [word.strip("\"'") for word in match[1].split() if word.strip("\"'").startswith("/")]
            found.append(Rotation(patterns=tuple(names), days=_days(match[2])))
    return tuple(found)


def _days(body: str) -> int | None:
    directives = dict(_directive(line) for line in body.splitlines() if line.strip())
    spans = [_DAYS[word] for word in directives if word in _DAYS]
    kept = directives.get("rotate", "")
    longest = [int(directives["maxage"])] if directives.get("maxage", "").isdigit() else []
    if spans and kept.isdigit():
        # The file being written is kept for one span more.
        longest.append(spans[-1] * (int(kept) + 1))
    return min(longest, default=None)


def _directive(line: str) -> tuple[str, str]:
    word, _, value = line.strip().partition(" ")
    return word, value.strip()
