"""`consentline recordings find`: the recordings that somebody may see under a purpose."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import MOMENT, as_iso, beginning, through
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options, why_of, why_options

COLUMNS = ("recording_id", "started_at", "duration_ms", "caller", "agents", "incident", "due_at", "state")


@click.command()
@click.option(
    "--from",
    "since",
    metavar=MOMENT,
    callback=beginning,
    help="Calls that began on this day, or then, or later.",
)
@click.option(
    "--to",
    "before",
    metavar=MOMENT,
    callback=through,
    help="Calls that began by the end of this day, or before then.",
)
@click.option("--number", metavar="NUMBER", help="The caller's number.")
@click.option("--agent", metavar="PERSON", help="Who held the call.")
@click.option("--queue", metavar="NAME", help="In which the caller waited.")
@click.option(
    "--incident",
    type=click.Choice(["aggression", "misconduct", "threat", "exceptional"]),
    help="What it was flagged for.",
)
@click.option(
    "--most", type=click.IntRange(1, 1000), default=200, show_default=True, help="How many, the newest."
)
@why_options
@who_options
@json_option
@pass_invocation
def find(invocation: Invocation, /, *, as_json: bool, most: int, **given: Any) -> None:
    """Find recordings: only those that you may see, under this purpose, are shown.

    The search is on the ledger, numbers masked, before anything is shown.

    \b
    Example:
      consentline recordings find --purpose quality --reason "monthly review" --from 2026-11-01
    """
    from commands.identity.proving import asked

    who, why = who_of(given), why_of(given)
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    given |= {"since": as_iso(given["since"]), "before": as_iso(given["before"])}
    search = {key: value for key, value in given.items() if value is not None}
    question = {**proved.to_json(), **why.to_json(), **search, "most": most}
    show(
        daemon.ask_rows("POST", "/find", question),
        COLUMNS,
        as_json=as_json,
        title="recordings that you may see",
    )
