"""`consentline review calibrate`: several people score one call apart, and then compare."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options, why_of, why_options
from commands.review.asking import proven_rows

COLUMNS = ("case", "recording_id", "purpose", "agent", "scorers", "scored", "state", "due_at")


@click.command()
@click.argument("recording", metavar="RECORDING")
@click.option("--scorer", "scorers", multiple=True, metavar="PERSON", help="Who scores it; at least two.")
@why_options
@who_options
@json_option
@pass_invocation
def calibrate(
    invocation: Invocation, /, *, recording: str, scorers: tuple[str, ...], as_json: bool, **given: Any
) -> None:
    """Make a calibration case out of RECORDING, once its agent said yes (`approvals yes`).

    It has to be drawn for that purpose. Each scorer listens and fills in the form apart; `review compare`
    shows how far they lie apart once all are in. An agent who takes the yes back ends the case, and its
    forms are erased.

    \b
    Example:
      consentline review calibrate 5f0c1d2e3b4a59687786a5b4c3d2e1f0 --purpose coach_training \\
        --reason "kalibratie 3 december" --scorer coach-anna --scorer coach-bo
    """
    who, why = who_of(given), why_of(given)
    question = {"recording": recording, "scorers": list(scorers)}
    rows = proven_rows(invocation, "/reviews/calibrate", who, why, **question)
    show(rows, COLUMNS, as_json=as_json)
