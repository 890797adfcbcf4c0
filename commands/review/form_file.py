"""A form as a file: TOML, one line a criterion, and a remark."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from policy.errors import ConsentlineError, shown

LARGEST_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledIn:
    """What stands in a file; whether these are scores is judged by the policy's form.

    Attributes:
        scores: From each criterion to what stands beside it.
    """

    scores: Mapping[str, Any]
    remark: str = ""


def blank(criteria: Sequence[Mapping[str, Any]]) -> str:
    """Return a file with every criterion and no score."""
    lines = ["# Write a score behind each =", 'remark = ""', "", "[scores]"]
    for one in criteria:
        lines.append(f"# {one['lowest']} to {one['highest']}, on {one['judges']}")
        lines.append(f"{json.dumps(one['criterion'], ensure_ascii=False)} = ")
    return "\n".join(lines) + "\n"


def read_form(name: str, content: bytes) -> FilledIn:
    """Return what stands in a file.

    Args:
        name: Of the file, for what is said about it.
        content: Its bytes.

    Raises:
        ConsentlineError: If it is no such file; one line for each field that is not as it should be.
    """
    if len(content) > LARGEST_BYTES:
        raise ConsentlineError(f"{name}: must be at most {LARGEST_BYTES} bytes, got {len(content)}")
    try:
        told = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConsentlineError(
            f"{name}: must be TOML, got {str(error)[:120]}", hint="see: consentline review form --to-fill-in"
        ) from error
    problems = [
        f'{name}: unknown field "{shown(key)}", expected scores and remark'
        for key in told.keys() - {"scores", "remark"}
    ]
    scores, remark = told.get("scores"), told.get("remark", "")
    if not isinstance(scores, dict):
        problems.append(f"{name}: scores: must be a table of criteria, got {_kind(scores)}")
    if not isinstance(remark, str):
        problems.append(f"{name}: remark: must be a text, got {_kind(remark)}")
    if problems:
        raise ConsentlineError("\n".join(sorted(problems)))
    assert isinstance(scores, dict) and isinstance(remark, str)  # noqa: S101 - told above otherwise
    return FilledIn(scores={key: _plain(value) for key, value in scores.items()}, remark=remark)


def read_score(text: str) -> tuple[str, int | str]:
    """Return a criterion and its score as typed: `aanvang=4`.

    Raises:
        ConsentlineError: If there is no `=` in it.
    """
    name, equals, score = text.rpartition("=")
    if not equals:
        raise ConsentlineError(f'--score: must be CRITERION=SCORE, got "{shown(text)}"')
    score = score.strip()
    return name.strip(), int(score) if score.isascii() and score.isdigit() and len(score) < 10 else score


def _plain(value: object) -> int | float | str:
    """Return what JSON can carry; what is no score becomes words that are none either."""
    return value if isinstance(value, int | float | str) else _kind(value)


def _kind(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return f'"{shown(str(value))}"'
