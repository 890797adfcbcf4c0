"""`consentline review calibrations`: the cases that are yours, and who is done."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options
from commands.review.asking import proven_rows
from commands.review.calibrate import COLUMNS


@click.command()
@who_options
@json_option
@pass_invocation
def calibrations(invocation: Invocation, /, *, as_json: bool, **given: Any) -> None:
    """List the calibration cases that you opened, score, or whose call you held.

    \b
    Example:
      consentline review calibrations
    """
    rows = proven_rows(invocation, "/reviews/calibrations", who_of(given))
    show(rows, COLUMNS, as_json=as_json, title="calibration cases")
