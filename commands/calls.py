"""`consentline calls`: every call that reached a gate, and what was decided."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.records import CALL_COLUMNS
from commands.frame.table import json_option, most_option, show

AGENT_COLUMNS = ("call_id", "person", "since_at", "until_at")


@click.command()
@click.option("--agents", is_flag=True, help="Who held them instead; on the ledger, as root or the daemon.")
@click.option("--queue", metavar="NAME", help="Only those whose caller waited there.")
@most_option
@json_option
@pass_invocation
def calls(invocation: Invocation, agents: bool, queue: str | None, most: int, as_json: bool) -> None:
    """List the calls that reached a gate, oldest first; callers are masked.

    Who held a call is not in this list: that is asked apart, with --agents, by who can read the
    files anyway, and each time it is on the ledger. Others find the calls that they may. `waited_s`
    is kept only where the policy names waiting time among the data of a call.

    \b
    Example:
      consentline calls --queue kcc --json
    """
    if agents:
        spans = invocation.daemon().ask_rows("GET", "/calls/agents")
        show(spans, AGENT_COLUMNS, as_json=as_json, title="agents")
        return
    with invocation.records() as records:
        show(records.calls(queue=queue, most=most), CALL_COLUMNS, as_json=as_json, title="calls")
