"""`consentline holds list`: what is kept beyond its term, why, by whom, until when."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.acting import as_person, person_query

COLUMNS = (
    "hold_id",
    "recording_id",
    "reason",
    "decided_by",
    "role",
    "why",
    "placed_at",
    "until_at",
    "over_at",
    "released_by",
    "deviates",
)


@click.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that are over too, while call data are kept.")
@as_person
@json_option
@pass_invocation
def list_holds(invocation: Invocation, everything: bool, person: str | None, as_json: bool) -> None:
    """List the holds that run, on whose reasons you may decide.

    \b
    Example:
      consentline holds list --all
    """
    path = "/holds" + person_query(person, all="1" if everything else None)
    show(invocation.daemon().ask_rows("GET", path), COLUMNS, as_json=as_json, title="holds")
