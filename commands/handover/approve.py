"""`consentline handover approve`: the second person's word."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.handover.new import COLUMNS
from commands.identity.asking_why import who_of, who_options


@click.command()
@click.argument("handover", metavar="HANDOVER", type=click.IntRange(min=1))
@who_options
@json_option
@pass_invocation
def approve(invocation: Invocation, /, *, handover: int, as_json: bool, **given: Any) -> None:
    """Approve HANDOVER as the person whose word it waits for. The word counts for seven days.

    \b
    Example:
      consentline handover approve 2
    """
    from commands.identity.proving import asked

    who = who_of(given)
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    row = daemon.ask_object("POST", f"/handovers/{handover}/approve", proved.to_json())
    show([row], COLUMNS, as_json=as_json)
