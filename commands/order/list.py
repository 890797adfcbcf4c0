"""`consentline order list`: the compulsory orders."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.acting import as_person, person_query
from commands.order.register import COLUMNS


@click.command("list")
@click.option("--all", "closed_too", is_flag=True, help="Those that are closed, too.")
@as_person
@json_option
@pass_invocation
def list_orders(invocation: Invocation, closed_too: bool, person: str | None, as_json: bool) -> None:
    """List the compulsory orders that you handle or can confirm, oldest first.

    \b
    Example:
      consentline order list
    """
    query = person_query(person, all="1" if closed_too else None)
    show(invocation.daemon().ask_rows("GET", "/orders" + query), COLUMNS, as_json=as_json, title="orders")
