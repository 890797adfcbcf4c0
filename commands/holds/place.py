"""`consentline holds place`: keep one recording beyond its term."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import MOMENT, as_iso, through
from commands.frame.table import json_option, show
from commands.identity.asking_why import person_options, who_of

if TYPE_CHECKING:
    from datetime import datetime

COLUMNS = ("hold_id", "recording_id", "reason", "decided_by", "role", "placed_at", "until_at", "deviates")


@click.command()
@click.argument("call", metavar="CALL")
@click.option("--reason", required=True, metavar="NAME", help="One that the policy, or the law, knows.")
@click.option("--why", required=True, metavar="TEXT", help="Why, in your own words.")
@click.option(
    "--until",
    callback=through,
    metavar=MOMENT,
    help="Its end; left out: as late as the policy allows. A bare day counts to its end.",
)
@person_options
@json_option
@pass_invocation
def place(
    invocation: Invocation,
    /,
    *,
    call: str,
    reason: str,
    why: str,
    until: datetime | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Hold the recording of CALL, a call id or a recording id.

    The policy says which reasons there are, who decides on each, and how long at most; a hold
    by law where the text promises a fixed end is shown as a deviation. What is being erased
    cannot be held any more.

    \b
    Example:
      consentline holds place 1795282161.17 --reason threat --why "aangifte 2026-114" --until 2027-01-15
    """
    from commands.identity.proving import asked

    daemon = invocation.daemon()
    proved = asked(daemon, who_of(given)).prove(daemon)
    question = {
        **proved.to_json(),
        "subject": call,
        "reason": reason,
        "why": why,
        "until": as_iso(until),
    }
    row = daemon.ask_object("POST", "/holds/place", question)
    show([row], COLUMNS, as_json=as_json)
