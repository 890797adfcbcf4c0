"""`consentline order close`: how an order ended."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options
from commands.order.register import COLUMNS


@click.command()
@click.argument("order", metavar="ORDER", type=click.IntRange(min=1))
@click.option(
    "--outcome",
    type=click.Choice(["handed-over", "opposed", "taken-back"]),
    required=True,
    help="It was obeyed; opposed in court; or the authority took it back.",
)
@click.option("--how", required=True, metavar="TEXT", help="To whom, when and how; or why not.")
@who_options
@json_option
@pass_invocation
def close(
    invocation: Invocation, /, *, order: int, outcome: str, how: str, as_json: bool, **given: Any
) -> None:
    """Close ORDER. Its hold ends, and the recording falls back to the term that it has.

    \b
    Example:
      consentline order close 1 --outcome handed-over --how "in person to the detective, 25 November"
    """
    from commands.identity.proving import asked

    who = who_of(given)
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    question = {**proved.to_json(), "outcome": outcome.replace("-", "_"), "how": how}
    row = daemon.ask_object("POST", f"/orders/{order}/close", question)
    show([row], COLUMNS, as_json=as_json)
