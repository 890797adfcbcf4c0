"""`consentline approvals take-back`: a word that was given, or asked for, counts no more."""

from __future__ import annotations

from typing import Any

import click

from commands.approvals.words import show_word
from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option
from commands.identity.asking_why import person_options, who_of


@click.command("take-back")
@click.argument("word", type=click.IntRange(min=1), metavar="WORD")
@person_options
@json_option
@pass_invocation
def take_back(invocation: Invocation, /, *, word: int, as_json: bool, **given: Any) -> None:
    """Take back WORD, which you gave, got or asked for; it counts no more from this moment.

    What was heard by then stays heard.

    \b
    Example:
      consentline approvals take-back 12
    """
    from commands.identity.proving import asked

    daemon = invocation.daemon()
    proved = asked(daemon, who_of(given)).prove(daemon)
    show_word(daemon.ask_object("POST", f"/words/{word}/take-back", proved.to_json()), as_json=as_json)
