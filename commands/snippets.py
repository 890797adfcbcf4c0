"""`consentline asterisk-conf`: the snippets that Asterisk includes, from config and policies as they are."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show

COLUMNS = ("snippet", "result")


@click.command("asterisk-conf")
@json_option
@pass_invocation
def asterisk_conf(invocation: Invocation, as_json: bool) -> None:
    """Render the snippets that Asterisk includes anew, in the folder where init put them.

    To be run after a change of the config file (trunks, passwords, marks on the agents'
    displays) or of a policy's withdrawal codes; owner and mode stay as they are. Until
    Asterisk reloads them it goes by the old ones: doctor tells.

    \b
    Example:
      consentline asterisk-conf && asterisk -rx "dialplan reload"
    """
    from commands import installation

    changed = installation.render_anew(invocation.config(), invocation.policies())
    rows = [
        {"snippet": name, "result": "changed" if is_new else "as it was"} for name, is_new in changed.items()
    ]
    show(rows, COLUMNS, as_json=as_json, title="snippets")
    if any(changed.values()):
        reloads = "dialplan reload, features reload, manager reload, ari reload"
        click.echo(f"Reload Asterisk ({reloads}), and restart the daemon.", err=True)
