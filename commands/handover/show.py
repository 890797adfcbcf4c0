"""`consentline handover show`: one hand-over with its chain of custody."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.handover.chain import CUSTODY, chain_of
from commands.identity.acting import as_person, person_query


@click.command("show")
@click.argument("handover", metavar="HANDOVER", type=click.IntRange(min=1))
@as_person
@json_option
@pass_invocation
def show_handover(invocation: Invocation, handover: int, person: str | None, as_json: bool) -> None:
    """Show the chain of custody of HANDOVER: who did what with it, when, and the digest of each copy.

    With --json all that is on record about it.

    \b
    Example:
      consentline handover show 2
    """
    row = invocation.daemon().ask_object("GET", f"/handovers/{handover}" + person_query(person))
    if as_json:
        show([row], (), as_json=True)
    else:
        show(chain_of(row), CUSTODY, as_json=False, title="steps")
