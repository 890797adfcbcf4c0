"""`consentline calls`: every call that reached a gate, and what was decided."""

from __future__ import annotations

import click

from commands.invocation import Invocation, pass_invocation
from commands.records import CALL_COLUMNS
from commands.table import json_option, show


@click.command()
@json_option
@pass_invocation
def calls(invocation: Invocation, as_json: bool) -> None:
    """List the calls that reached a gate, oldest first; callers are masked.

    \b
    Example:
      consentline calls --json
    """
    with invocation.records() as records:
        show(records.calls(), CALL_COLUMNS, as_json=as_json, title="calls")
