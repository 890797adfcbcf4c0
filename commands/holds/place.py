"""`consentline holds place`: keep one recording beyond its term."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import MOMENT, as_iso, through
from commands.frame.table import json_option, show
from commands.identity.acting import as_person

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
@as_person
@json_option
@pass_invocation
def place(  # noqa: PLR0917 - click passes every one by name
    invocation: Invocation,
    call: str,
    reason: str,
    why: str,
    until: datetime | None,
    person: str | None,
    as_json: bool,
) -> None:
    """Hold the recording of CALL, a call id or a recording id.

    The policy says which reasons there are, who decides on each, and how long at most; a hold
    by law where the text promises a fixed end is shown as a deviation. What is being erased
    cannot be held any more.

    \b
    Example:
      consentline holds place 1795282161.17 --reason threat --why "aangifte 2026-114" --until 2027-01-15
    """
    asked = {"subject": call, "reason": reason, "why": why, "until": as_iso(until), "person": person}
    row = invocation.daemon().ask_object("POST", "/holds/place", asked)
    show([row], COLUMNS, as_json=as_json)
