"""`consentline handover close`: it was handed over, or it was not."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.handover.new import COLUMNS
from commands.identity.asking_why import who_of, who_options


@click.command()
@click.argument("handover", metavar="HANDOVER", type=click.IntRange(min=1))
@click.option("--handed-over/--abandoned", "handed_over", default=None, help="Whether they got it.")
@click.option("--how", required=True, metavar="TEXT", help="To whom, when and how; or why not.")
@who_options
@json_option
@pass_invocation
def close(
    invocation: Invocation,
    /,
    *,
    handover: int,
    handed_over: bool | None,
    how: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Close HANDOVER. Its hold ends, and the recording falls back to the term that it has.

    \b
    Example:
      consentline handover close 2 --handed-over --how "in person to the officer, 24 November, 10:00"
    """
    from commands.identity.proving import asked

    who = who_of(given)
    if handed_over is None:
        raise click.UsageError("say --handed-over or --abandoned")
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    question = {**proved.to_json(), "outcome": "handed_over" if handed_over else "abandoned", "how": how}
    row = daemon.ask_object("POST", f"/handovers/{handover}/close", question)
    show([row], COLUMNS, as_json=as_json)
