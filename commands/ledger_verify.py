"""`consentline ledger verify`: is the log what it was?"""

from __future__ import annotations

import json

import click

from commands.invocation import Invocation, pass_invocation
from commands.table import json_option


@click.command()
@json_option
@pass_invocation
def verify(invocation: Invocation, as_json: bool) -> None:
    """Check every entry of the ledger against the tree over them.

    Needs no daemon and no key. Prints size and root, which you may compare with a
    checkpoint kept elsewhere, and each place where the ledger is not what it was (exit
    code 6). Entries whose term has passed keep their place: `payload expired`.

    \b
    Example:
      consentline ledger verify
    """
    from contextlib import closing

    from policy.clock import SystemClock
    from store import ledger_check
    from store.db import Db

    with closing(Db.open_to_read(invocation.config().path("database"), clock=SystemClock())) as db:
        report = ledger_check.verify(db)
    if as_json:
        click.echo(json.dumps([report.to_json()], indent=2))
    else:
        state = "holds" if report.holds else "does not hold"
        click.echo(f"ledger {state}: {report.size} entries, {report.expired} with payload expired")
        click.echo(f"root {report.root}")
        for found in report.breaks:
            click.echo(f"broken: {found.text}")
    report.must_hold()
