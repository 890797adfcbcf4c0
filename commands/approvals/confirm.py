"""`consentline approvals confirm`: identity and call of a data subject's request were confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import MOMENT, as_iso, through
from commands.identity.asking_why import who_of, who_options, why_of, why_options

if TYPE_CHECKING:
    from datetime import datetime


@click.command()
@click.argument("recording", metavar="RECORDING")
@click.option(
    "--action",
    type=click.Choice(["export", "erase"]),
    default="export",
    show_default=True,
    help="What the data subject asked for.",
)
@click.option(
    "--until", metavar=MOMENT, callback=through, help="From when on it opens nothing.  [default: in 31 days]"
)
@why_options
@who_options
@pass_invocation
def confirm(
    invocation: Invocation, /, *, recording: str, action: str, until: datetime | None, **given: Any
) -> None:
    """Put on record that you checked who asks, and that RECORDING is their call.

    It opens the recording to those who fulfil requests under the policy, while the request runs.
    --case is the number of the request's file; neither name nor number of the data subject.

    \b
    Example:
      consentline approvals confirm 5f0c1d2e3b4a59687786a5b4c3d2e1f0 --case 2026-118 \\
        --purpose data_subject_request --reason "DigiD checked; date, time and subject agree"
    """
    from commands.identity.proving import asked

    who, why = who_of(given), why_of(given)
    if why.case is None:
        raise click.UsageError("--case: must name the request's file")
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    question = {
        **proved.to_json(),
        **why.to_json(),
        "recording": recording,
        "action": action,
        "until": as_iso(until),
    }
    done = daemon.ask_object("POST", "/confirmations", question)
    click.echo(f"{done['reference']}\tcounts until\t{done['until']}")
