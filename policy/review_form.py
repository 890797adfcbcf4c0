"""The form of a review: what it asks, what was scored, and how far several scorers lie apart.

The policy decides all of it: the criteria, which of them judge content (N8: the form decides), and
the scale. Values in, values out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from policy.errors import ConsentlineError, shown
from policy.reviews import Reviews
from policy.section import unknown
from policy.situation import PersonId

LARGEST_WORDS_CHARACTERS: Final = 2000
_RECORDING: Final = re.compile(r"\b[0-9a-f]{32}\b", re.IGNORECASE)
_CALL: Final = re.compile(r"\b\d{9,11}\.\d+\b")
_SCORE: Final = re.compile(r"\d\s*(?:/|uit|van|out of)\s*\d", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One line of a form.

    Attributes:
        on_content: Whether it judges what was said, and not only how.
        lowest: The lowest score.
        highest: The highest.
    """

    name: str
    on_content: bool
    lowest: int
    highest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What somebody scored on one line."""

    criterion: Criterion
    score: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How far the scorers of one call lie apart on one line.

    Attributes:
        scores: By scorer.
    """

    criterion: Criterion
    scores: Mapping[PersonId, int]

    @property
    def lowest(self) -> int:
        """The lowest score that was given."""
        return min(self.scores.values())

    @property
    def highest(self) -> int:
        """The highest score that was given."""
        return max(self.scores.values())

    @property
    def spread(self) -> int:
        """The highest less the lowest; 0 where all agree."""
        return self.highest - self.lowest


def criteria(reviews: Reviews) -> tuple[Criterion, ...]:
    """Return the lines of a policy's form, in order; none where nothing is filled in."""
    if reviews.scale is None:
        return ()
    return tuple(
        Criterion(
            name=name,
            on_content=name in reviews.content_criteria,
            lowest=reviews.scale.lowest,
            highest=reviews.scale.highest,
        )
        for name in reviews.criteria
    )


def checked(form: Sequence[Criterion], given: Mapping[str, object]) -> tuple[Score, ...]:
    """Return what was scored, each line once, in the order of the form.

    Args:
        form: The lines.
        given: From a line's name to what stands beside it.

    Raises:
        ConsentlineError: With one line for each field that is missing, unknown or no such score.
    """
    problems = [*unknown("scores", "criterion", given, [line.name for line in form])]
    problems += [problem for line in form if (problem := _problem(line, given)) is not None]
    if problems:
        raise ConsentlineError("\n".join(problems), hint="see: consentline review form")
    return tuple(Score(criterion=line, score=_whole(given[line.name])) for line in form)


def compared(forms: Mapping[PersonId, Sequence[Score]]) -> tuple[Spread, ...]:
    """Return how far several forms on one call lie apart, line by line.

    Args:
        forms: From each scorer to their form; all on the same lines.

    Raises:
        ValueError: If there are none, or the lines differ, which is a bug in the caller.
    """
    if len({tuple(one.criterion for one in form) for form in forms.values()}) != 1:
        raise ValueError("forms must be on the same lines to be compared")
    (first, *_) = forms.values()
    return tuple(
        Spread(criterion=one.criterion, scores={who: form[index].score for who, form in forms.items()})
        for index, one in enumerate(first)
    )


def must_be_a_note(words: str, reviews: Reviews) -> None:
    """Check that a development note names no call, recording or score (N6).

    It is a check of form: what a coach hints at in words no program sees.

    Raises:
        ConsentlineError: If it does, or is empty or too long.
    """
    if not words.strip() or len(words) > LARGEST_WORDS_CHARACTERS:
        raise ConsentlineError(f"note: must be 1 to {LARGEST_WORDS_CHARACTERS} characters, got {len(words)}")
    for what, found in _told(words, reviews):
        raise ConsentlineError(
            f'note: must tell how the agent develops and never {what} (N6), got "{shown(found)}"'
        )


def _told(words: str, reviews: Reviews) -> Iterator[tuple[str, str]]:
    beside = "|".join(re.escape(name) for name in reviews.criteria)
    patterns = [("a recording", _RECORDING), ("a call", _CALL), ("a score", _SCORE)]
    if beside:
        patterns.append(("a score", re.compile(rf"\b(?:{beside})\W{{0,3}}\d", re.IGNORECASE)))
    for what, pattern in patterns:
        found = pattern.search(words)
        if found is not None:
            yield what, found[0]


def _problem(line: Criterion, given: Mapping[str, object]) -> str | None:
    if line.name not in given:
        return f"scores.{line.name}: must be a whole number from {line.lowest} to {line.highest}, got nothing"
    got = given[line.name]
    if type(got) is int and line.lowest <= got <= line.highest:
        return None
    said = f'"{shown(got)}"' if isinstance(got, str) else shown(str(got))
    return f"scores.{line.name}: must be a whole number from {line.lowest} to {line.highest}, got {said}"


def _whole(got: object) -> int:
    assert type(got) is int  # noqa: S101 - `_problem` told otherwise
    return got
