"""`consentline review form`: what the policy's form asks, as a file to be filled in."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options
from commands.review.asking import proven_rows

COLUMNS = ("criterion", "judges", "lowest", "highest")


@click.command()
@click.option("--to-fill-in", is_flag=True, help="Print a file for `review fill --from`.")
@who_options
@json_option
@pass_invocation
def form(invocation: Invocation, /, *, to_fill_in: bool, as_json: bool, **given: Any) -> None:
    """Show what is scored, from which score to which, and whether manner or content is judged.

    \b
    Example:
      consentline review form --to-fill-in > kim.toml
    """
    from commands.review.form_file import blank

    rows = proven_rows(invocation, "/reviews/form", who_of(given))
    if to_fill_in:
        click.echo(blank(rows), nl=False)
        return
    show(rows, COLUMNS, as_json=as_json, title="criteria")
