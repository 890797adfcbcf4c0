"""`consentline recordings heard`: who heard the calls that somebody held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import MOMENT, as_iso, beginning
from commands.frame.table import json_option, show
from commands.identity.asking_why import person_options, who_of

if TYPE_CHECKING:
    from datetime import datetime

COLUMNS = ("started_at", "at", "name", "role", "action", "purpose", "reason", "ending", "recording_id")


@click.command()
@click.option(
    "--from",
    "since",
    metavar=MOMENT,
    callback=beginning,
    help="Only accesses of this day or moment, or later.",
)
@person_options
@json_option
@pass_invocation
def heard(invocation: Invocation, /, *, as_json: bool, since: datetime | None, **given: Any) -> None:
    """List who opened the recordings of calls that you held, when, as what and why; the latest first.

    \b
    Example:
      consentline recordings heard --from 2026-11-01
    """
    from commands.identity.proving import asked

    daemon = invocation.daemon()
    proved = asked(daemon, who_of(given)).prove(daemon)
    question = {**proved.to_json(), "since": as_iso(since)}
    show(
        daemon.ask_rows("POST", "/heard", question), COLUMNS, as_json=as_json, title="accesses to your calls"
    )
