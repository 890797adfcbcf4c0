"""`consentline recordings list`: every recording there is or was, its state and its due time."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.records import RECORDING_COLUMNS
from commands.frame.table import json_option, most_option, show


@click.command("list")
@most_option
@json_option
@pass_invocation
def list_recordings(invocation: Invocation, most: int, as_json: bool) -> None:
    """List the recordings, oldest first; those erased stay listed until their call data are due.

    For operators: ids, states and times, nobody's number and nothing that was said.

    \b
    Example:
      consentline recordings list
    """
    with invocation.records() as records:
        show(records.recordings(most=most), RECORDING_COLUMNS, as_json=as_json, title="recordings")
