"""`consentline people list`: who is there, with the hats and lines they have now."""

from __future__ import annotations

from urllib.parse import urlencode

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.records import Row
from commands.frame.table import json_option, show

COLUMNS = ("person", "name", "login", "hats", "lines", "added_at")


@click.command()
@click.option("--retired", is_flag=True, help="Also those who retired.")
@click.option("--not-informed", metavar="POLICY", help="Only its agents who were never told of it.")
@json_option
@pass_invocation
def list_people(invocation: Invocation, retired: bool, not_informed: str | None, as_json: bool) -> None:
    """List the people, with their hats and lines of now.

    An agent is somebody who wears a role that takes calls. A policy that says under [staff]
    when agents are told asks for a dated record of each: consentline people informed.

    \b
    Example:
      consentline people list --not-informed nunspeet
    """
    query = "" if not_informed is None else "?" + urlencode({"not_informed": not_informed})
    rows = invocation.daemon().ask_rows("GET", "/people" + query)
    here = [row for row in rows if retired or row["retired_at"] is None]
    columns = (*COLUMNS, "retired_at") if retired else COLUMNS
    show(here if as_json else [_spoken(row) for row in here], columns, as_json=as_json, title="people")


def _spoken(row: Row) -> Row:
    return {**row, "hats": ", ".join(row["hats"]) or None, "lines": ", ".join(row["lines"]) or None}
