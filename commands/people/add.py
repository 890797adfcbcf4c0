"""`consentline people add`: somebody who may do nothing yet."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show

COLUMNS = ("person", "name", "login", "added_at", "retired_at")


@click.command()
@click.argument("person", metavar="PERSON")
@click.option("--name", required=True, help="As colleagues know them.")
@click.option("--login", help="Their OS login, by which the daemon knows them; agents need none.")
@json_option
@pass_invocation
def add(invocation: Invocation, person: str, name: str, login: str | None, as_json: bool) -> None:
    """Add PERSON, who may do nothing until a hat is given.

    PERSON is an id of a-z, 0-9 and . _ - that is theirs for ever: the ledger means them by it.

    \b
    Example:
      consentline people add anna --name "Anna de Wit" --login awit
    """
    row = invocation.daemon().ask_object(
        "POST", "/people/add", {"person": person, "name": name, "login": login}
    )
    show([row], COLUMNS, as_json=as_json)
