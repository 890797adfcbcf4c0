"""`consentline people show`: all that is on record about somebody."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.records import Row
from commands.frame.table import json_option, show

COLUMNS = ("about", "what", "since_at", "until_at")


@click.command()
@click.argument("person", metavar="[PERSON]", required=False)
@json_option
@pass_invocation
def show_person(invocation: Invocation, person: str | None, as_json: bool) -> None:
    """Show what is on record about PERSON, or you.

    Hats, lines, and when they were informed, past and planned ones too. Without PERSON: about
    yourself, by your login. Anybody who is on record may ask that.

    \b
    Example:
      consentline people show anna
    """
    path = "/people/me" if person is None else f"/people/of/{quote(person, safe='')}"
    row = invocation.daemon().ask_object("GET", path)
    show([row] if as_json else list(_lines(row)), COLUMNS, as_json=as_json, title=str(row["person"]))


def _lines(row: Row) -> Iterator[Row]:
    """Yield one line for each thing that is known."""
    yield {
        "about": "person",
        "what": f"{row['person']} ({row['name']})",
        "since_at": row["added_at"],
        "until_at": row["retired_at"],
    }
    yield {"about": "login", "what": row["login"]}
    for hat in row["hats"]:
        yield {**hat, "about": "hat", "what": f"{hat['role']} of {hat['policy']}"}
    for line in row["lines"]:
        yield {**line, "about": "line", "what": f"{line['kind']} {line['address']}"}
    for told in row["informed"]:
        yield {"about": "informed", "what": f"{told['policy']}: {told['how']} on {told['on']}"}
    yield {"about": "calls held", "what": row["calls_held"]}
