"""`consentline sweep`: rows, keys and bytes are put in step again."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show

COLUMNS = ("recording_id", "found", "action")


@click.command()
@click.option("--dry-run", is_flag=True, help="Print what would be done; change nothing.")
@json_option
@pass_invocation
def sweep(invocation: Invocation, dry_run: bool, as_json: bool) -> None:
    """Compare database, vault, epoch keys and spool, and mend what a crash left.

    Half-done destructions are finished, withdrawn captures destroyed, files without a row
    removed, and rows without bytes marked `lost`. The daemon does this at every start.

    \b
    Example:
      consentline sweep --dry-run
    """
    with invocation.records() as records:
        show(records.sweep(dry_run=dry_run), COLUMNS, as_json=as_json, title="findings")
