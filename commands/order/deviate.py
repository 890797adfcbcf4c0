"""`consentline order deviate`: what the college decided about an order."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options
from commands.order.register import COLUMNS


@click.command()
@click.argument("order", metavar="ORDER", type=click.IntRange(min=1))
@click.option("--finding", required=True, metavar="TEXT", help="Why the policy is deviated from.")
@click.option("--approved-by", required=True, metavar="TEXT", help="The body that decided.")
@click.option("--approved-on", required=True, metavar="DATE", help="When it did, such as 2026-11-24.")
@click.option("--until", required=True, metavar="MOMENT", help="From when on the deviation opens nothing.")
@who_options
@json_option
@pass_invocation
def deviate(invocation: Invocation, /, *, order: int, as_json: bool, **given: Any) -> None:
    """Put on record by which deviation ORDER may be obeyed. It counts once another person confirmed it.

    \b
    Example:
      consentline order deviate 1 --finding "rechterlijke machtiging, geen beroep op verschoning" \\
        --approved-by "college van B en W" --approved-on 2026-11-24 --until 2026-12-01
    """
    from commands.identity.proving import asked

    who = who_of(given)
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    row = daemon.ask_object("POST", f"/orders/{order}/deviate", {**proved.to_json(), **given})
    show([row], COLUMNS, as_json=as_json)
