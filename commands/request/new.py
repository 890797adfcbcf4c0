"""`consentline request new`: take a data subject's request in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import DAY, MOMENT, as_iso, beginning, through
from commands.frame.table import json_option
from commands.identity.asking_why import who_options
from commands.request.asking import ask, show_request

if TYPE_CHECKING:
    from datetime import datetime

RIGHTS = ("access", "rectification", "erasure", "restriction", "objection", "portability", "withdrawal")


@click.command()
@click.option("--right", type=click.Choice(RIGHTS), required=True, help="What is asked for.")
@click.option("--number", metavar="NUMBER", help="The number they called from; kept masked only.")
@click.option("--from", "since", metavar=MOMENT, callback=beginning, help="The call began then or later.")
@click.option("--to", "before", metavar=MOMENT, callback=through, help="And before then; a day counts whole.")
@click.option("--agent", metavar="PERSON", help="Who took the call, where it is known.")
@click.option(
    "--party",
    type=click.Choice(["caller", "agent"]),
    default="caller",
    show_default=True,
    help="Whether a caller asks, or an agent about their own calls.",
)
@click.option(
    "--on-behalf-of",
    "on_behalf",
    metavar="TEXT",
    help="Somebody asks for another: which proof of that was seen. Not the document, and no names.",
)
@click.option("--case", metavar="NUMBER", help="The number of your own file, which knows who asks.")
@click.option("--received", metavar=DAY, help="The day on which it came in.  [default: today]")
@click.option(
    "--lang",
    "language",
    type=click.Choice(["nl", "en"]),
    default="nl",
    show_default=True,
    help="Of the letters.",
)
@click.option("--reason", default="taken in", show_default=True, metavar="TEXT", help="Kept on the ledger.")
@who_options
@json_option
@pass_invocation
def new(
    invocation: Invocation,
    /,
    *,
    right: str,
    number: str | None,
    since: datetime | None,
    before: datetime | None,
    agent: str | None,
    party: str,
    on_behalf: str | None,
    case: str | None,
    received: str | None,
    language: str,
    reason: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Take a request in, by number, or by date, time and agent.

    What it may be about is kept unseen until identity is checked, where the right needs it kept:
    nobody is told what that is, not even whether there is anything. Neither name nor address of
    whoever asks is stored here.

    \b
    Example:
      consentline request new --right access --number 0612345678 --case 2026-118
      consentline request new --right erasure --from "2026-11-21 14:00" --to "2026-11-21 15:00"
    """
    question = {
        "right": right,
        "party": party,
        "language": language,
        "number": number,
        "since": as_iso(since),
        "before": as_iso(before),
        "agent": agent,
        "case": case,
        "on_behalf": on_behalf,
        "received_on": received,
        "reason": reason,
    }
    show_request(ask(invocation, given, "/requests", question), as_json=as_json)
