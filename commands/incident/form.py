"""The form of a registration: from a file, from options, or asked for at a terminal."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from policy.errors import ConsentlineError

AGGRESSION = ("verbal", "intimidation", "threat", "discrimination", "sexual", "misconduct", "other")
ASKED: Mapping[str, str] = {
    "place": "Place or channel",
    "aggression": "What happened",
    "said": "What was said, in your own words",
    "measures": "Measures taken (may be empty)",
    "report_filed": "Was a report filed with the police (aangifte)",
}
"""What has to be filled in, in the order in which it is asked."""

OPTIONAL = ("happened_at",)


def read_form(file: Path) -> dict[str, Any]:
    """Return the fields of a form in a file.

    Raises:
        ConsentlineError: If it cannot be read, or holds a field that the form does not have.
    """
    try:
        content = file.read_text(encoding="utf-8")
        table = tomllib.loads(content) if file.suffix == ".toml" else json.loads(content)
    except (OSError, ValueError) as error:
        raise ConsentlineError(f"{file}: must be a form in TOML or JSON: {error}") from error
    known = (*ASKED, *OPTIONAL)
    if not isinstance(table, dict) or (strange := sorted(table.keys() - set(known))):
        named = ", ".join(strange) if isinstance(table, dict) else "no table"
        raise ConsentlineError(f"{file}: must hold {', '.join(known)}, got {named}")
    return table


def filled_in(form: dict[str, Any], *, asks: bool) -> dict[str, Any]:
    """Return a form with nothing left open; what is open is asked for.

    Args:
        form: What was given; None is what was not.
        asks: Whether somebody can be asked.

    Raises:
        click.UsageError: If something is open and nobody can be asked.
    """
    given = {key: value for key, value in form.items() if value is not None}
    missing = [key for key in ASKED if key not in given]
    if missing and not asks:
        raise click.UsageError(f"a form must say {', '.join(missing)}: by --from, or an option each")
    for key in missing:
        given[key] = _ask(key)
    return given


def _ask(key: str) -> str | bool:
    if key == "report_filed":
        return click.confirm(ASKED[key], err=True)
    if key == "aggression":
        return str(click.prompt(ASKED[key], type=click.Choice(AGGRESSION), err=True))
    default = {"place": "telefoon", "measures": ""}.get(key)
    return str(click.prompt(ASKED[key], default=default, show_default=bool(default), err=True))
