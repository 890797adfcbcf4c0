"""`consentline handover new`: ask for a hand-over to the police or a third party."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options

COLUMNS = (
    "handover",
    "stage",
    "policy",
    "incident",
    "recipient",
    "content",
    "authority",
    "asked_by",
    "second",
)


@click.command()
@click.option(
    "--to", "recipient", type=click.Choice(["police", "third-party"]), required=True, help="Who gets it."
)
@click.option(
    "--incident", type=click.IntRange(min=1), metavar="NUMBER", help="The incident that it is about."
)
@click.option("--recording", metavar="RECORDING", help="The recording, where it is about no incident.")
@click.option(
    "--content",
    type=click.Choice(["data", "audio"]),
    help="Data from the call, or the call itself.  [default: what the policy gives]",
)
@click.option("--authority", required=True, metavar="TEXT", help="Who gets it, such as a police unit.")
@click.option("--officer", metavar="TEXT", help="Who receives it there.")
@click.option("--legal-basis", metavar="TEXT", help="The law that requires it, or lets it.")
@click.option("--report-number", metavar="NUMBER", help="The number of the report that was filed (aangifte).")
@click.option("--agreement", metavar="TEXT", help="How and when the resident explicitly agreed.")
@click.option("--second", required=True, metavar="PERSON", help="Who has to approve it, another person.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, in a few words; kept on the ledger.")
@who_options
@json_option
@pass_invocation
def new(invocation: Invocation, /, *, recipient: str, as_json: bool, **given: Any) -> None:
    """Ask that a recording, or data from it, is handed over; the policy says what that takes.

    What is missing, and who may not, is said with the article. Where the policy knows a hold for
    it, the recording is held until the hand-over is closed. Where the published text contradicts
    itself on sharing, that is shown.

    \b
    Example:
      consentline handover new --to police --incident 3 --authority "Politie Noord-Nederland" \\
        --legal-basis "Sv art. 160" --report-number PL0100-2026-118 --second kees --reason "aangifte"
    """
    from commands.identity.proving import asked

    who = who_of(given)
    demand = {key: value for key, value in given.items() if value is not None}
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    question = {**proved.to_json(), **demand, "recipient": recipient.replace("-", "_")}
    row = daemon.ask_object("POST", "/handovers", question)
    for conflict in row["contradictions"]:
        click.echo(
            f"The published text contradicts itself ({conflict['source']}): {conflict['says']} /"
            f" {conflict['but']} Obeyed: {conflict['obeyed']}",
            err=True,
        )
    show([row], COLUMNS, as_json=as_json)
