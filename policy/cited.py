"""Where every key of a policy comes from: its article, or the assumption made (X10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from policy.section import ASSUMED, CITING, Section

NOT_IN_THE_FILE: Final = f"{ASSUMED}not in the file, so the default holds"
NO_SOURCE: Final = "no source given"

_NOT_WRITTEN: Final = ("name", "content_hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """One key of a policy and where it comes from.

    Attributes:
        key: Its path, such as `retention.recording`, `purposes.training.ground` or `extensions.0.lasts`.
        value: What it holds, as the model has it.
        source: The article, the assumption, or `no source given`.
        in_file: Whether the file says it; else it is a default.
    """

    key: str
    value: object
    source: str
    in_file: bool

    @property
    def assumed(self) -> bool:
        """Whether no article stands behind it."""
        return self.source.startswith(ASSUMED) or self.source == NO_SOURCE

    @property
    def written(self) -> str:
        """The value as a policy file writes it, without quotes."""
        return _written(self.value)


def sources(policy: Section) -> tuple[Citation, ...]:
    """Return every key of a policy with its article or assumption, in the order of the model.

    A table without a source of its own has that of the table it stands in. A key that the file
    leaves out is left out here too where its default is nothing, or false.
    """
    return tuple(_cited(policy, "", None, hidden=_NOT_WRITTEN))


def _cited(
    table: Section, prefix: str, inherited: str | None, hidden: tuple[str, ...] = ()
) -> Iterator[Citation]:
    for name in type(table).model_fields:
        if name in hidden or name in CITING:
            continue
        value, in_file = getattr(table, name), name in table.model_fields_set
        said = table.source_of(name) or inherited
        if not in_file and name not in table.sources:
            said = NOT_IN_THE_FILE
        inner = dict(_tables_in(value))
        if inner and in_file and not prefix:
            said = table.sources.get(name)  # what the top's own keys cite is not what every table does
        for part, below in inner.items():
            yield from _cited(below, f"{prefix}{name}.{part}." if part else f"{prefix}{name}.", said)
        if not inner and (in_file or value not in (None, (), {}, False)):
            yield Citation(key=f"{prefix}{name}", value=value, source=said or NO_SOURCE, in_file=in_file)


def _tables_in(value: object) -> Iterator[tuple[str, Section]]:
    """Return the tables of a value, each with its name or number; nothing when it is no table."""
    if isinstance(value, Section):
        yield "", value
    elif isinstance(value, Mapping):
        yield from ((str(name), part) for name, part in value.items() if isinstance(part, Section))
    elif isinstance(value, tuple):
        yield from ((str(index), part) for index, part in enumerate(value) if isinstance(part, Section))


def _written(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return ", ".join(_written(part) for part in value)
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_written(part)}" for key, part in value.items())
    return str(value)
