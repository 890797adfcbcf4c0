"""`consentline approvals deny`: do not give the word that somebody asked for."""

from __future__ import annotations

from typing import Any

import click

from commands.approvals import show_word
from commands.asking_why import who_of, who_options
from commands.invocation import Invocation, pass_invocation
from commands.table import json_option


@click.command()
@click.argument("word", type=click.IntRange(min=1), metavar="WORD")
@who_options
@json_option
@pass_invocation
def deny(invocation: Invocation, /, *, word: int, as_json: bool, **given: Any) -> None:
    """Deny WORD, a number from `approvals pending`.

    \b
    Example:
      consentline approvals deny 12
    """
    from commands.proving import asked

    daemon = invocation.daemon()
    proved = asked(daemon, who_of(given)).prove(daemon)
    question = {"proof": dict(proved.person.proof)}
    show_word(daemon.ask_object("POST", f"/words/{word}/deny", question), as_json=as_json)
