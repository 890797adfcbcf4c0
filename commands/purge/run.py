"""`consentline purge`, or `purge run`: what is due is destroyed, now."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show

PLANNED = ("recording_id", "policy", "state", "started_at", "due_at", "rule", "holds")
PURGED = (*PLANNED, "erased_at", "lateness_ms")


@click.command("run")
@click.option(
    "--dry-run", is_flag=True, help="Print what is due, with the rule that says so; destroy nothing."
)
@click.option("--as-of", metavar="TIME", help="With --dry-run: what would be due at that time (ISO-8601).")
@click.option(
    "--clock-is-right",
    is_flag=True,
    help="You have checked the wall clock after it leapt; put on the ledger.",
)
@json_option
@pass_invocation
def purge(
    invocation: Invocation, dry_run: bool, as_of: str | None, clock_is_right: bool, as_json: bool
) -> None:
    """Destroy every recording that is due: key first, then bytes, then receipt.

    The daemon does this by itself every minute; running it again is always safe. After a
    leap of the wall clock nothing is destroyed (exit code 10) until somebody says
    --clock-is-right.

    \b
    Example:
      consentline purge --dry-run --as-of 2027-01-20T12:00
    """
    if as_of is not None:
        _check_as_of(as_of, dry_run=dry_run)
    if clock_is_right and dry_run:
        raise click.UsageError("--clock-is-right: has no meaning with --dry-run, which destroys nothing")
    with invocation.records() as records:
        rows = records.purge(dry_run=dry_run, as_of=as_of, clock_is_right=clock_is_right)
    show(rows, PLANNED if dry_run else PURGED, as_json=as_json, title="recordings due")


def _check_as_of(as_of: str, *, dry_run: bool) -> None:
    from policy.clock import from_iso

    if not dry_run:
        raise click.UsageError("--as-of: only with --dry-run; nothing is destroyed by another clock")
    try:
        from_iso(as_of)
    except ValueError:
        raise click.BadParameter(
            f'must be a time such as 2027-01-20T12:00, got "{as_of}"', param_hint="--as-of"
        ) from None
