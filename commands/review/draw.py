"""`consentline review draw`: a random sample of each agent's calls, on record with its seed."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options, why_of, why_options
from commands.review.asking import proven_rows

COLUMNS = ("draw", "agent", "recording_id", "purpose", "until_at", "ledger_entry")


@click.command()
@click.option("--agent", "agents", multiple=True, metavar="PERSON", help="Only their calls; several times.")
@click.option(
    "--calls", type=int, metavar="N", help="How many of each agent, where the policy leaves it to you."
)
@click.option("--again", metavar="TEXT", help="Why there is another draw so soon; kept on the ledger.")
@why_options
@who_options
@json_option
@pass_invocation
def draw(
    invocation: Invocation,
    /,
    *,
    agents: tuple[str, ...],
    calls: int | None,
    again: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Draw calls for review: at random, of every agent whose turn it is, or of each --agent.

    Refused, withdrawn, restricted, objected, held and incident calls are never in it, nor what was
    drawn for this purpose before. The seed is the machine's, and stands on the ledger with the digest of
    all that could have been drawn: see `review verify-draw`. What was drawn can be listened to for that
    purpose until the draw ends.

    \b
    Example:
      consentline review draw --purpose quality --reason "reviews of December" --calls 3
    """
    who, why = who_of(given), why_of(given)
    wanted = {"agents": list(agents), "calls": calls, "again": again}
    rows = proven_rows(invocation, "/reviews/draw", who, why, **wanted)
    show(rows, COLUMNS, as_json=as_json, title="drawn calls")
