"""`consentline request list`: the requests that you settle, the most urgent first."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import DAY
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_options
from commands.request.asking import COLUMNS, proven


@click.command("list")
@click.option("--due", "due", is_flag=True, help="Only those to be decided within a week, or before.")
@click.option("--due-by", metavar=DAY, help="Only those that have to be decided by that day.")
@who_options
@json_option
@pass_invocation
def list_requests(
    invocation: Invocation, /, *, due: bool, due_by: str | None, as_json: bool, **given: Any
) -> None:
    """List the requests that you settle; nothing of what they may be about.

    \b
    Example:
      consentline request list --due
    """
    if due and due_by is None:
        from datetime import timedelta

        from policy.clock import SystemClock
        from policy.deadlines import day_of

        due_by = (day_of(SystemClock().now()) + timedelta(days=7)).isoformat()
    daemon, proof = proven(invocation, given)
    rows = daemon.ask_rows("POST", "/requests/list", {**proof, "due_by": due_by})
    show(rows, COLUMNS, as_json=as_json, title="requests")
