"""`consentline notices`: who was told what, and what waits."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show

COLUMNS = ("notice", "kind", "policy", "role", "about", "deadline", "sent_at", "dropped_at", "problem")


@click.command()
@json_option
@pass_invocation
def notices(invocation: Invocation, as_json: bool) -> None:
    """List the notices: what somebody was told, or has to be, oldest first.

    One with neither `sent_at` nor `dropped_at` waits: `problem` says why. Dropped is one of which
    nothing had to be told any more when its turn came.

    \b
    Example:
      consentline notices
    """
    show(invocation.daemon().ask_rows("GET", "/notices"), COLUMNS, as_json=as_json, title="notices")
