"""`consentline order show`: one order with its chain of custody."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.handover.chain import CUSTODY, chain_of
from commands.identity.acting import as_person, person_query


@click.command("show")
@click.argument("order", metavar="ORDER", type=click.IntRange(min=1))
@as_person
@json_option
@pass_invocation
def show_order(invocation: Invocation, order: int, person: str | None, as_json: bool) -> None:
    """Show the chain of custody of ORDER. With --json all that is on record, the deviation included.

    \b
    Example:
      consentline order show 1
    """
    row = invocation.daemon().ask_object("GET", f"/orders/{order}" + person_query(person))
    if as_json:
        show([row], (), as_json=True)
    else:
        show(chain_of(row), CUSTODY, as_json=False, title="steps")
