"""`consentline monitor authorise`: a code with which to listen in on a call."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options, why_of, why_options

COLUMNS = ("code", "call_id", "until", "at_most_s")


@click.command()
@click.argument("call", metavar="CALL", required=False)
@click.option("--agent", metavar="PERSON", help="The call that this agent has now, in place of CALL.")
@why_options
@who_options
@json_option
@pass_invocation
def authorise(
    invocation: Invocation, /, *, call: str | None, agent: str | None, as_json: bool, **given: Any
) -> None:
    """Get a code with which to listen in on CALL, or on the call of an agent, while it goes on.

    Dial the extension of your PBX for listening in, and then the code. It counts once, for five
    minutes. Listening ends by itself: with the call, when the agent leaves it or somebody else
    comes, when the recording is withdrawn or ends, and after the policy's time.

    \b
    Example:
      consentline monitor authorise --agent kim --purpose quality --reason "kim asked me to"
    """
    from commands.identity.proving import asked

    if (call is None) == (agent is None):
        raise click.UsageError("name a CALL or an --agent, one of them")
    who, why = who_of(given), why_of(given)
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    question = {**proved.to_json(), **why.to_json(), "call": call, "agent": agent}
    show([daemon.ask_object("POST", "/monitor/authorise", question)], COLUMNS, as_json=as_json)
