"""`consentline holds release`: let a recording go by the term it had."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import person_options, who_of

COLUMNS = ("hold_id", "recording_id", "reason", "released_by", "over_at")


@click.command()
@click.argument("hold", metavar="HOLD", type=click.IntRange(min=1, max=2**63 - 1))
@click.option("--why", required=True, metavar="TEXT", help="Why, in your own words.")
@person_options
@json_option
@pass_invocation
def release(invocation: Invocation, /, *, hold: int, why: str, as_json: bool, **given: Any) -> None:
    """Release HOLD, a number from `holds list`.

    The recording falls back at once to the term it had; where that is over, the next purge
    destroys it, within a minute.

    \b
    Example:
      consentline holds release 3 --why "geen aangifte gedaan"
    """
    from commands.identity.proving import asked

    daemon = invocation.daemon()
    proved = asked(daemon, who_of(given)).prove(daemon)
    question = {**proved.to_json(), "hold": hold, "why": why}
    row = daemon.ask_object("POST", "/holds/release", question)
    show([row], COLUMNS, as_json=as_json)
