"""`consentline order register`: a compulsory order came in."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options

COLUMNS = ("order", "stage", "policy", "authority", "reference", "legal_basis", "content", "answer_by_at")


@click.command()
@click.argument("subject", metavar="RECORDING|CALL")
@click.option("--authority", required=True, metavar="TEXT", help="Who demands it.")
@click.option("--reference", required=True, metavar="NUMBER", help="The order's own number.")
@click.option("--legal-basis", required=True, metavar="TEXT", help='By which law, such as "Sv art. 126nd".')
@click.option(
    "--content",
    type=click.Choice(["data", "audio"]),
    required=True,
    help="Whether data from the call are demanded, or the call itself.",
)
@click.option("--answer-by", required=True, metavar="MOMENT", help="Until when it has to be answered.")
@who_options
@json_option
@pass_invocation
def register(invocation: Invocation, /, *, as_json: bool, **given: Any) -> None:
    """Put a compulsory order for RECORDING or CALL on record. Nothing is handed over by that.

    The recording is held until the order is closed. The FG and counsel are told. It can be obeyed
    only by a deviation that the college decided on and that two persons put on record, whatever
    the policy gives otherwise.

    \b
    Example:
      consentline order register 1795282161.17 --authority "Officier van Justitie" \\
        --reference OM-2026-118 --legal-basis "Sv art. 126nd" --content audio --answer-by 2026-12-01
    """
    from commands.identity.proving import asked

    who = who_of(given)
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    row = daemon.ask_object("POST", "/orders", {**proved.to_json(), **given})
    show([row], COLUMNS, as_json=as_json)
