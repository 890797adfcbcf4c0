"""Asterisk's own conf files as sections of settings; includes and templates followed.

Source: Asterisk 22, main/config.c: `;` starts a comment unless escaped, `;--` to `--;` is a
block comment, `[name](!)` is a template, `[name](template,...)` inherits, `[name](+)` adds,
`#include` and `#tryinclude` take a file or a pattern relative to the folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEEPEST_INCLUDE = 16

_SECTION = re.compile(r"\[([^\]]*)\]\s*(?:\(([^)]*)\))?")
_INCLUDE = re.compile(r"#(?:try)?include\s+[\"<]?([^\">]+)[\">]?\s*$", re.IGNORECASE)
_BLOCK = re.compile(r";--(?!-).*?--;", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\);.*")
_YES = frozenset({"yes", "true", "y", "t", "1", "on"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One `[section]`, with what it inherits.

    Attributes:
        settings: Key and value, in the order in which Asterisk takes them.
        is_template: Whether nothing but other sections uses it.
    """

    name: str
    settings: tuple[tuple[str, str], ...] = ()
    is_template: bool = False

    def get(self, key: str) -> str | None:
        """Return the last value of a key, in any case, which is the one that holds, or None."""
        wanted = key.lower()
        return next((value for name, value in reversed(self.settings) if name.lower() == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfFile:
    """One conf file.

    Attributes:
        path: The file that was read first.
        sections: By name; names keep their case.
    """

    path: Path
    sections: Mapping[str, Section] = field(default_factory=dict)

    def get(self, section: str, key: str, default: str | None = None) -> str | None:
        """Return a value, or the default where file, section or key are absent."""
        found = self.sections.get(section, Section(name=section)).get(key)
        return default if found is None else found

    def is_on(self, section: str, key: str, *, default: bool) -> bool:
        """Return a yes-or-no value as Asterisk reads it."""
        value = self.get(section, key)
        return default if value is None else value.strip().lower() in _YES


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteriskFiles:
    """The folder of conf files, `/etc/asterisk` in most places."""

    folder: Path

    def has(self, name: str) -> bool:
        """Return whether a conf file is there."""
        return (self.folder / name).is_file()

    def read(self, name: str) -> ConfFile:
        """Return a conf file; one that is not there has no sections.

        Raises:
            OSError: If it is there and cannot be read.
        """
        path = self.folder / name
        return ConfFile(path=path, sections=_sections(list(self._lines(path, 0))))

    def log_folder(self) -> Path:
        """Return where Asterisk writes its logs."""
        return Path(self.read("asterisk.conf").get("directories", "astlogdir", "/var/log/asterisk") or "")

    def database_folder(self) -> Path:
        """Return where Asterisk keeps its own database."""
        return Path(self.read("asterisk.conf").get("directories", "astdbdir", "/var/lib/asterisk") or "")

    def _lines(self, path: Path, depth: int) -> Iterator[str]:
        if depth > DEEPEST_INCLUDE or not path.is_file():
            return
        for line in _uncommented(path.read_text(encoding="utf-8", errors="replace")):
            if (include := _INCLUDE.match(line)) is not None:
                for included in self._included(include[1].strip()):
                    yield from self._lines(included, depth + 1)
            elif not line.startswith("#"):
                yield line

    def _included(self, pattern: str) -> list[Path]:
        where = Path(pattern)
        if where.is_absolute():
            return sorted(Path(where.anchor).glob(str(where.relative_to(where.anchor))))
        return sorted(self.folder.glob(pattern))


def sections_of(text: str, *, under: str = "") -> Mapping[str, Section]:
    """Return the sections of a text that includes nothing.

    Args:
        text: As in a conf file.
        under: The section in which it is to be included; empty: none.
    """
    return _sections([f"[{under}]", *_uncommented(text)] if under else [*_uncommented(text)])


def _uncommented(text: str) -> Iterator[str]:
    for line in _BLOCK.sub("", text).splitlines():
        if left := _COMMENT.sub("", line).replace("\\;", ";").strip():
            yield left


def _sections(lines: list[str]) -> dict[str, Section]:
    sections: dict[str, Section] = {}
    name = ""
    for line in lines:
        if (header := _SECTION.match(line)) is not None:
            name = header[1].strip()
            sections[name] = _opened(sections, name, header[2] or "")
        elif "=" in line and name:
            key, _, value = line.partition("=")
            before = sections[name]
            setting = (key.strip(), value.removeprefix(">").strip())
            sections[name] = Section(
                name=name, settings=(*before.settings, setting), is_template=before.is_template
            )
    return sections


def _opened(sections: Mapping[str, Section], name: str, marks: str) -> Section:
    """Return a section as it starts: what was there under the name, and what it inherits."""
    options = [mark.strip() for mark in marks.split(",") if mark.strip()]
    before = sections.get(name, Section(name=name))
    inherited = tuple(
        setting for option in options if option in sections for setting in sections[option].settings
    )
    is_template = "!" in options or (before.is_template and "+" in options)
    return Section(name=name, settings=before.settings + inherited, is_template=is_template)
