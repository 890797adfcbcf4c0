"""`consentline incident flag`: point a call out."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.acting import as_person

COLUMNS = ("incident_id", "call_id", "policy", "kind", "stage", "flagged_by", "flagged_at", "assess_by_at")
KINDS = ("aggression", "misconduct", "threat", "exceptional")


@click.command()
@click.argument("call", metavar="CALL")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What happened.")
@as_person
@json_option
@pass_invocation
def flag(invocation: Invocation, call: str, kind: str, person: str | None, as_json: bool) -> None:
    """Point out CALL, so that it is assessed before its term is over.

    Only the agent who held the call can, and only for what the policy knows. Flagging keeps
    nothing by itself: a call that nobody assesses in time is destroyed on time.

    \b
    Example:
      consentline incident flag 1795282161.17 --kind aggression
    """
    asked = {"call": call, "kind": kind, "person": person}
    row = invocation.daemon().ask_object("POST", "/incidents/flag", asked)
    show([row], COLUMNS, as_json=as_json)
