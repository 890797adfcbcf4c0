"""`consentline people change`: another name, another login."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.people.add import COLUMNS


@click.command()
@click.argument("person", metavar="PERSON")
@click.option("--name", help="As colleagues know them.")
@click.option("--login", help="Their OS login.")
@json_option
@pass_invocation
def change(invocation: Invocation, person: str, name: str | None, login: str | None, as_json: bool) -> None:
    """Give PERSON another name or login; the id stays.

    \b
    Example:
      consentline people change anna --login adewit
    """
    if name is None and login is None:
        raise click.UsageError("must be given --name, --login or both")
    row = invocation.daemon().ask_object(
        "POST", "/people/change", {"person": person, "name": name, "login": login}
    )
    show([row], COLUMNS, as_json=as_json)
