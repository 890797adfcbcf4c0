"""`consentline request extend`: put the decision off, told within the first term."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option
from commands.identity.asking_why import who_options
from commands.request.asking import (
    ask,
    letter_option,
    reason_option,
    refuse_letter,
    request_argument,
    show_request,
    write_letter,
)


@click.command()
@request_argument
@letter_option
@reason_option
@who_options
@json_option
@pass_invocation
def extend(
    invocation: Invocation, /, *, request: int, letter: Path | None, reason: str, as_json: bool, **given: Any
) -> None:
    """Put the decision on REQUEST off, once, by two months at most.

    They have to be told within the first term (AVG art. 12(3)): send the letter. The reason stands
    in it.

    \b
    Example:
      consentline request extend 7 --reason "het gaat om veel gesprekken" --letter uitstel.html
    """
    refuse_letter(letter)
    row = ask(invocation, given, f"/requests/{request}/extend", {"reason": reason})
    write_letter(row, letter)
    show_request(row, as_json=as_json)
