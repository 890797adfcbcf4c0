"""`consentline review note`: how an agent develops, in the coach's words."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options
from commands.review.asking import proven_rows

COLUMNS = ("note", "agent", "written_by", "written_at", "due_at", "words")


@click.command()
@click.argument("agent", metavar="AGENT")
@click.option("--words", required=True, metavar="TEXT", help="How they develop.")
@who_options
@json_option
@pass_invocation
def note(invocation: Invocation, /, *, agent: str, words: str, as_json: bool, **given: Any) -> None:
    """Write a note about how AGENT develops, for whom the policy names: the line manager, and the agent.

    Never scores, calls or recordings: a note that names one is refused.

    \b
    Example:
      consentline review note agent-kim --words "Vraagt beter door dan in het voorjaar."
    """
    rows = proven_rows(invocation, "/reviews/note", who_of(given), agent=agent, words=words)
    show(rows, COLUMNS, as_json=as_json)
