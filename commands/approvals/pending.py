"""`consentline approvals pending`: what somebody was asked for, asked for, gave or got."""

from __future__ import annotations

from typing import Any

import click

from commands.approvals.words import COLUMNS
from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import person_options, who_of


@click.command()
@person_options
@json_option
@pass_invocation
def pending(invocation: Invocation, /, *, as_json: bool, **given: Any) -> None:
    """List the words that wait for you, those that you wait for, and those that stand.

    \b
    Example:
      consentline approvals pending
    """
    from commands.identity.proving import asked

    daemon = invocation.daemon()
    proved = asked(daemon, who_of(given)).prove(daemon)
    rows = daemon.ask_rows("POST", "/words/mine", proved.to_json())
    show(rows, COLUMNS, as_json=as_json, title="words")
