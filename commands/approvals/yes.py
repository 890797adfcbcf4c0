"""`consentline approvals yes`: an agent agrees to one use of a call that they held."""

from __future__ import annotations

from typing import Any

import click

from commands.approvals.words import show_word
from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import MOMENT, as_iso, through
from commands.frame.table import json_option
from commands.identity.asking_why import who_of, who_options, why_of, why_options


@click.command()
@click.argument("recording", metavar="RECORDING")
@click.option("--to", "other", required=True, metavar="PERSON", help="Who asked you.")
@click.option(
    "--until",
    metavar=MOMENT,
    callback=through,
    help="From when on it counts no more.  [default: while it is kept]",
)
@why_options
@who_options
@json_option
@pass_invocation
def yes(invocation: Invocation, /, *, as_json: bool, **given: Any) -> None:
    """Agree to the use of RECORDING, a call that you held, for this purpose.

    You can take it back at any time with `approvals take-back`.

    \b
    Example:
      consentline approvals yes 5f0c1d2e3b4a59687786a5b4c3d2e1f0 --to coach-anna \\
        --purpose coach_training --reason "for the calibration of 3 December"
    """
    from commands.identity.proving import asked

    who, why = who_of(given), why_of(given)
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    given["until"] = as_iso(given["until"])
    word = {key: value for key, value in given.items() if value is not None}
    question = {
        **proved.to_json(),
        **why.to_json(),
        **word,
        "kind": "yes",
        "action": "listen",
        "gives": True,
    }
    show_word(daemon.ask_object("POST", "/words", question), as_json=as_json)
