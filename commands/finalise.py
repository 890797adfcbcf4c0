"""`consentline finalise`: captures that wait in the spool are sealed."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show

COLUMNS = ("recording_id", "result")


@click.command()
@json_option
@pass_invocation
def finalise(invocation: Invocation, as_json: bool) -> None:
    """Seal the captures of ended calls that still wait in the spool.

    The daemon does this when each call ends and once at its start; this is the second net.

    \b
    Example:
      consentline finalise
    """
    with invocation.records() as records:
        show(records.finalise(), COLUMNS, as_json=as_json, title="captures waiting")
