"""`consentline request refuse`: refuse a request on a ground of the law."""

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

GROUNDS = (
    *("identity", "not_found", "not_applicable", "others_rights", "accurate", "overriding"),
    *("legal_claim", "unfounded", "exempt"),
)


@click.command()
@request_argument
@click.option("--ground", type=click.Choice(GROUNDS), required=True, help="On which ground.")
@letter_option
@reason_option
@who_options
@json_option
@pass_invocation
def refuse(
    invocation: Invocation,
    /,
    *,
    request: int,
    ground: str,
    letter: Path | None,
    reason: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Refuse REQUEST; what it kept goes back to its own term.

    The letter names the ground with its article, your reason as the explanation, how to object within
    six weeks, the FG and the AP.

    \b
    Example:
      consentline request refuse 7 --ground others_rights --reason "er praat nog iemand mee" \\
        --letter brief.html
    """
    refuse_letter(letter)
    question = {"ground": ground, "reason": reason}
    row = ask(invocation, given, f"/requests/{request}/refuse", question)
    write_letter(row, letter)
    show_request(row, as_json=as_json)
