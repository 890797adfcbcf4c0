"""`consentline incident assess`: decide about a call that was flagged."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import person_options, who_of

COLUMNS = ("incident_id", "call_id", "policy", "kind", "stage", "assessed_by", "assessed_at", "reason")


@click.command()
@click.argument("call", metavar="CALL")
@click.option("--keep/--drop", "keep", default=None, help="Keep it by the policy's extension, or not.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stays with the incident.")
@person_options
@json_option
@pass_invocation
def assess(
    invocation: Invocation, /, *, call: str, keep: bool | None, reason: str, as_json: bool, **given: Any
) -> None:
    """Decide about CALL, which was flagged, before its first term is over.

    Whom the policy names decides, and never who flagged it. Kept: the policy's extension is
    given, once, and the recording goes after it all the same. Dropped: where the policy keeps
    calls longer for incidents only, the recording is destroyed now; else it keeps its term.

    \b
    Example:
      consentline incident assess 1795282161.17 --keep --reason "bedreiging, aangifte volgt"
    """
    from commands.identity.proving import asked

    who = who_of(given)
    if keep is None:
        raise click.UsageError("say --keep or --drop")
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    question = {**proved.to_json(), "call": call, "keep": keep, "reason": reason}
    row = daemon.ask_object("POST", "/incidents/assess", question)
    show([row], COLUMNS, as_json=as_json)
