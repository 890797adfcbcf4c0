"""`consentline policy show`: one policy as a person reads it."""

from __future__ import annotations

import json

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option


@click.command("show")
@click.argument("name", metavar="NAME")
@json_option
@pass_invocation
def show_policy(invocation: Invocation, name: str, as_json: bool) -> None:
    """Print every promise of policy NAME with its article, and the assumed ones apart.

    After them come the places where the published text contradicts itself, and what a
    person had better look at. NAME may also be a file, or NAME@DATE: the version that was
    in force on that day.

    \b
    Example:
      consentline policy show nunspeet
    """
    from commands.policy.choice import chosen
    from publish import promises

    policy = chosen(invocation, name)
    if as_json:
        click.echo(json.dumps(promises.rows(policy), indent=2, ensure_ascii=False))
    else:
        click.echo(promises.promises(policy))
