"""What every table of a policy file has in common: closed, frozen, and able to cite.

A promise without its article cannot be checked by the people it was made to, so each table
says where it comes from, or admits that the text is silent and why this was chosen (X10).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import Annotated, Any, Final, Self, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from policy.errors import shown

ASSUMED: Final = "assumed: text silent: "
"""How a source begins that is no article; the reason follows."""

CITING: Final = ("source", "sources")

YEARS: Final = range(2000, 2200)
"""In which a date of a policy lies, so that every period can be counted from it."""


def _article_or_reason(text: str) -> str:
    if "assumed" in text.lower() and not (text.startswith(ASSUMED) and text[len(ASSUMED) :].strip()):
        raise ValueError(f'must be an article such as "G4, art. 6" or "{ASSUMED}<why>", got "{shown(text)}"')
    return text


def _for_people(text: str) -> str:
    """Refuse what no person reads: a text of a policy is printed on terminals, pages and lists."""
    if not all(sign.isprintable() or sign in "\n\t" for sign in text):
        raise ValueError(f'must hold no control characters, got "{shown(text)}"')
    return text


def _in_our_time(day: date) -> date:
    if day.year not in YEARS:
        raise ValueError(f"must be a date from {YEARS.start} to {YEARS.stop - 1}, got {day}")
    return day


def _none_in_words(value: Any) -> Any:
    return None if value == "none" else value


def shaped(pattern: str, expected: str) -> AfterValidator:
    """Return a check that a text matches a pattern whole; what was expected is told in words."""
    whole = re.compile(pattern)

    def check(text: str) -> str:
        if whole.fullmatch(text) is None:
            raise ValueError(f'{expected}, got "{shown(text)}"')
        return text

    return AfterValidator(check)


Item = TypeVar("Item")
Listed: TypeAlias = Annotated[tuple[Item, ...], Field(strict=False)]
Chosen: TypeAlias = Annotated[Item, Field(strict=False)]
OrNone: TypeAlias = Annotated[Item | None, BeforeValidator(_none_in_words)]
"""A value, or the word `none`: TOML has no way to say that something is not there."""

Text: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4000, strip_whitespace=True),
    AfterValidator(_for_people),
]
Name: TypeAlias = Annotated[
    str, shaped(r"[a-z][a-z0-9_]{0,39}", 'must be a name of a-z, 0-9 and _ such as "line_manager"')
]
"""Name of a role, purpose, reason or extension: what other tables refer to it by."""

LanguageTag: TypeAlias = Annotated[str, shaped(r"[a-z]{2}", 'must be a language such as "nl"')]
Told: TypeAlias = Annotated[dict[LanguageTag, Text], Field(min_length=1)]
"""One text in each language."""

Day: TypeAlias = Annotated[date, AfterValidator(_in_our_time)]
"""A date from which a period can be counted."""

Source: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=2, max_length=600, strip_whitespace=True),
    AfterValidator(_article_or_reason),
]


class Section(BaseModel):
    """One table of a policy file.

    Attributes:
        source: The article of the published text that this table keeps, such as `"G4, art. 6"`,
            or `assumed: text silent: ` and the reason (X10).
        sources: The same for single keys of this table that come from elsewhere.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)

    source: Source | None = None
    sources: dict[str, Source] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sources_name_keys_of_this_table(self) -> Self:
        known = [name for name in type(self).model_fields if name not in CITING]
        if problems := list(unknown("sources", "key", self.sources, known)):
            raise ValueError("\n".join(problems))
        return self

    def source_of(self, key: str) -> str | None:
        """Return what the file says of where a key of this table comes from, or None."""
        return self.sources.get(key, self.source)


def unknown(where: str, kind: str, names: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """Tell each name that is not among the known ones, with the nearest that is."""
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            yield f'{where}: unknown {kind} "{shown(name)}"' + (
                f', did you mean "{near[0]}"?' if near else ""
            )
