"""`consentline approvals ask`: ask somebody for what a policy wants from a second person."""

from __future__ import annotations

from typing import Any

import click

from commands.approvals.words import KINDS, show_word
from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import MOMENT, as_iso, through
from commands.frame.table import json_option
from commands.identity.asking_why import who_of, who_options, why_of, why_options


@click.command()
@click.argument("recording", metavar="RECORDING")
@click.option("--of", "other", required=True, metavar="PERSON", help="Whom.")
@click.option(
    "--for",
    "kind",
    required=True,
    type=click.Choice(KINDS),
    help=(
        "request: that they do it for you; opening: that they open it for you; approval: that they"
        " agree; company: that they unlock with you from another place; yes: that they, the agent,"
        " agree to this use."
    ),
)
@click.option(
    "--action",
    type=click.Choice(["listen", "export", "hand_over", "register", "retrieve", "erase", "find"]),
    default="listen",
    show_default=True,
    help="What is to be done.",
)
@click.option(
    "--until", metavar=MOMENT, callback=through, help="Of a request: from when on it counts no more."
)
@why_options
@who_options
@json_option
@pass_invocation
def ask(invocation: Invocation, /, *, as_json: bool, **given: Any) -> None:
    """Ask PERSON for their word on one recording, one action and one purpose.

    A request counts at once, for at most seven days. All else waits in their
    `approvals pending` until they grant or deny it, for at most seven days.

    \b
    Example:
      consentline approvals ask 5f0c1d2e3b4a59687786a5b4c3d2e1f0 --of coach-anna --for opening \\
        --purpose quality --reason "I want to hear how I ended it"
    """
    from commands.identity.proving import asked

    who, why = who_of(given), why_of(given)
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    given["until"] = as_iso(given["until"])
    word = {key: value for key, value in given.items() if value is not None}
    question = {**proved.to_json(), **why.to_json(), **word}
    show_word(daemon.ask_object("POST", "/words", question), as_json=as_json)
