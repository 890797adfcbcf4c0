"""`consentline monitor ask`: an agent asks a coach to listen in."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options, why_of, why_options

COLUMNS = ("by", "of", "until")


@click.command()
@click.option("--of", "of", required=True, metavar="PERSON", help="Whom you ask.")
@click.option("--hours", type=click.IntRange(1, 12), default=8, show_default=True, help="For how long.")
@why_options
@who_options
@json_option
@pass_invocation
def ask(invocation: Invocation, /, *, of: str, hours: int, as_json: bool, **given: Any) -> None:
    """Ask somebody to listen in on your own calls while you talk, for some hours from now.

    It ends by itself, and with a restart of the daemon.

    \b
    Example:
      consentline monitor ask --of coach-anna --purpose quality --reason "my first day on the line"
    """
    from commands.identity.proving import asked

    who, why = who_of(given), why_of(given)
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    question = {**proved.to_json(), **why.to_json(), "of": of, "hours": hours}
    show([daemon.ask_object("POST", "/monitor/ask", question)], COLUMNS, as_json=as_json)
