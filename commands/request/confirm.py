"""`consentline request confirm`: which call is theirs, and which is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import MOMENT, as_iso, beginning
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_options
from commands.request.asking import ask, reason_option, request_argument

if TYPE_CHECKING:
    from datetime import datetime

COLUMNS = ("recording_id", "started_at", "duration_ms", "agents", "state", "confirmed_at", "rejected_at")


@click.command()
@request_argument
@click.argument("recording", metavar="RECORDING")
@click.option("--at", "named_at", metavar=MOMENT, callback=beginning, help="When the call was, as they say.")
@click.option("--subject", "matter", metavar="TEXT", help="What it was about, as they say; kept in the file.")
@click.option("--keep", is_flag=True, help="Keep it until settled, also where asking alone does not.")
@click.option("--not-theirs", "not_theirs", is_flag=True, help="It is not their call; nothing keeps it now.")
@reason_option
@who_options
@json_option
@pass_invocation
def confirm(
    invocation: Invocation,
    /,
    *,
    request: int,
    recording: str,
    named_at: datetime | None,
    matter: str | None,
    keep: bool,
    not_theirs: bool,
    reason: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Confirm that RECORDING is a call of whoever asks, by date, time and subject; or that it is not.

    A number is a line, not a person: who shares it gets nobody else's calls. The date and time they
    name must lie within an hour of the call. Confirming opens the recording to who fulfils requests,
    until the request has to be decided.

    \b
    Example:
      consentline request confirm 7 5f0c1d2e3b4a59687786a5b4c3d2e1f0 --at "2026-11-21 14:30" \\
        --subject "afvalcontainer" --reason "datum, tijd en onderwerp kloppen"
    """
    if not not_theirs and (named_at is None or matter is None):
        raise click.UsageError("--at and --subject: must say when the call was and what it was about")
    question = {
        "recording": recording,
        "theirs": not not_theirs,
        "named_at": as_iso(named_at),
        "matter": matter,
        "keep": keep,
        "reason": reason,
    }
    show([ask(invocation, given, f"/requests/{request}/confirm", question)], COLUMNS, as_json=as_json)
