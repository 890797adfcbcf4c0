"""`consentline review notes`: what coaches wrote about how agents develop."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options
from commands.review.asking import proven_rows
from commands.review.note import COLUMNS


@click.command()
@click.option("--agent", metavar="PERSON", help="About whom; left out: about everybody that you may see.")
@who_options
@json_option
@pass_invocation
def notes(invocation: Invocation, /, *, agent: str | None, as_json: bool, **given: Any) -> None:
    """Show the notes on how agents develop: a line manager's and a coach's all, an agent's their own.

    \b
    Example:
      consentline review notes --agent agent-kim
    """
    rows = proven_rows(invocation, "/reviews/notes", who_of(given), agent=agent)
    show(rows, COLUMNS, as_json=as_json, title="notes")
