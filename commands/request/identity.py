"""`consentline request identity`: what came of checking who asks."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option
from commands.identity.asking_why import who_options
from commands.request.asking import ask, reason_option, request_argument, show_request


@click.command()
@request_argument
@click.option("--confirmed", "result", flag_value="confirmed", help="They showed who they are.")
@click.option("--failed", "result", flag_value="failed", help="They did not: what was kept goes at once.")
@click.option("--awaiting", "result", flag_value="awaiting", help="More was asked: the term stands still.")
@click.option(
    "--by",
    "check",
    type=click.Choice(["digid", "desk", "masked_copy", "call_facts"]),
    help="How it was checked, as the policy has it.",
)
@reason_option
@who_options
@json_option
@pass_invocation
def identity(
    invocation: Invocation,
    /,
    *,
    request: int,
    result: str | None,
    check: str | None,
    reason: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Put on record what came of checking who asks.

    From then on, and not before, you see which calls the request may be about.

    \b
    Example:
      consentline request identity 7 --confirmed --by digid --reason "DigiD, substantieel"
    """
    if result is None:
        raise click.UsageError("say --confirmed, --failed or --awaiting")
    if check is None and result != "awaiting":
        raise click.UsageError("--by: must say how identity was checked")
    question = {"result": result, "check": check, "reason": reason}
    show_request(ask(invocation, given, f"/requests/{request}/identity", question), as_json=as_json)
