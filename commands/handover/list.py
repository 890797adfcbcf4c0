"""`consentline handover list`: what is to be handed over, and what was."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.handover.new import COLUMNS
from commands.identity.acting import as_person, person_query


@click.command("list")
@click.option("--all", "closed_too", is_flag=True, help="Those that are closed, too.")
@as_person
@json_option
@pass_invocation
def list_handovers(invocation: Invocation, closed_too: bool, person: str | None, as_json: bool) -> None:
    """List the hand-overs that you asked for, approve, or decide on, oldest first.

    \b
    Example:
      consentline handover list --all
    """
    query = person_query(person, all="1" if closed_too else None)
    rows = invocation.daemon().ask_rows("GET", "/handovers" + query)
    show(rows, COLUMNS, as_json=as_json, title="hand-overs")
