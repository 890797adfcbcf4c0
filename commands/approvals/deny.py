"""`consentline approvals deny`: do not give the word that somebody asked for."""

from __future__ import annotations

from typing import Any

import click

from commands.approvals.words import show_word
from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option
from commands.identity.asking_why import person_options, who_of


@click.command()
@click.argument("word", type=click.IntRange(min=1), metavar="WORD")
@person_options
@json_option
@pass_invocation
def deny(invocation: Invocation, /, *, word: int, as_json: bool, **given: Any) -> None:
    """Deny WORD, a number from `approvals pending`.

    \b
    Example:
      consentline approvals deny 12
    """
    from commands.identity.proving import asked

    daemon = invocation.daemon()
    proved = asked(daemon, who_of(given)).prove(daemon)
    show_word(daemon.ask_object("POST", f"/words/{word}/deny", proved.to_json()), as_json=as_json)
