"""`consentline request show`: one request, and once identity was checked what it may be about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_options
from commands.request.asking import (
    COLUMNS,
    ask,
    letter_option,
    refuse_letter,
    request_argument,
    write_letter,
)
from commands.request.confirm import COLUMNS as CALL_COLUMNS


@click.command("show")
@request_argument
@letter_option
@who_options
@json_option
@pass_invocation
def show_one(
    invocation: Invocation, /, *, request: int, letter: Path | None, as_json: bool, **given: Any
) -> None:
    """Show REQUEST; and the calls that it may be about, once identity was checked.

    \b
    Example:
      consentline request show 7
    """
    refuse_letter(letter)
    row = ask(invocation, given, f"/requests/{request}/show", {})
    write_letter(row, letter)
    told = {name: value for name, value in row.items() if name != "letter"}
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    show([told], COLUMNS, as_json=False)
    if row["calls"]:
        show(row["calls"], CALL_COLUMNS, as_json=False, title="calls")
