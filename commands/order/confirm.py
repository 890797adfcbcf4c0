"""`consentline order confirm`: the second person on a deviation."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options
from commands.order.register import COLUMNS


@click.command()
@click.argument("order", metavar="ORDER", type=click.IntRange(min=1))
@who_options
@json_option
@pass_invocation
def confirm(invocation: Invocation, /, *, order: int, as_json: bool, **given: Any) -> None:
    """Confirm the deviation for ORDER, as somebody else than who put it on record.

    \b
    Example:
      consentline order confirm 1
    """
    from commands.identity.proving import asked

    who = who_of(given)
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    row = daemon.ask_object("POST", f"/orders/{order}/confirm", proved.to_json())
    show([row], COLUMNS, as_json=as_json)
