"""`consentline incident assess`: decide about a call that was flagged."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.acting import as_person

COLUMNS = ("incident_id", "call_id", "policy", "kind", "stage", "assessed_by", "assessed_at", "reason")


@click.command()
@click.argument("call", metavar="CALL")
@click.option("--keep/--drop", "keep", default=None, help="Keep it by the policy's extension, or not.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stays with the incident.")
@as_person
@json_option
@pass_invocation
def assess(  # noqa: PLR0917 - click passes every one by name
    invocation: Invocation, call: str, keep: bool | None, reason: str, person: str | None, as_json: bool
) -> None:
    """Decide about CALL, which was flagged, before its first term is over.

    Whom the policy names decides, and never who flagged it. Kept: the policy's extension is
    given, once, and the recording goes after it all the same. Dropped: where the policy keeps
    calls longer for incidents only, the recording is destroyed now; else it keeps its term.

    \b
    Example:
      consentline incident assess 1795282161.17 --keep --reason "bedreiging, aangifte volgt"
    """
    if keep is None:
        raise click.UsageError("say --keep or --drop")
    asked = {"call": call, "keep": keep, "reason": reason, "person": person}
    row = invocation.daemon().ask_object("POST", "/incidents/assess", asked)
    show([row], COLUMNS, as_json=as_json)
