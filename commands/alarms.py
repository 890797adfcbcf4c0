"""`consentline alarms`: what a person has to look at, and putting it aside."""

from __future__ import annotations

from collections.abc import Sequence

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.records import Row
from commands.frame.table import json_option, show

STANDING = ("alarm_id", "kind", "text", "call_id", "raised_at", "last_at", "times")
SETTLED = (*STANDING, "cleared_at", "settled_by")


@click.command()
@click.argument("numbers", metavar="[ID]...", nargs=-1, type=click.IntRange(min=1, max=2**63 - 1))
@click.option("--settle", is_flag=True, help="Put these alarms aside; who did it is on the ledger.")
@click.option("--all", "everything", is_flag=True, help="With --settle: all that stand.")
@json_option
@pass_invocation
def alarms(
    invocation: Invocation, numbers: tuple[int, ...], settle: bool, everything: bool, as_json: bool
) -> None:
    """List the alarms that stand, the latest last; or put some aside.

    An alarm that repeats is counted, not listed again; it shows the latest call. Many are
    over by themselves when their cause is: docs/alarms.md says of each kind what it means,
    what to do, and how it ends. One that was settled and is raised again stands anew.

    \b
    Example:
      consentline alarms
      consentline alarms --settle 12 14
    """
    _check_usage(numbers, settle=settle, everything=everything)
    with invocation.records() as records:
        which = None if everything else numbers
        rows = records.settle_alarms(which) if settle else records.alarms()
    show(rows, SETTLED if settle else STANDING, as_json=as_json, title="alarms")
    if not settle and not as_json:
        _advise(rows)


def _check_usage(numbers: Sequence[int], *, settle: bool, everything: bool) -> None:
    if not settle and (numbers or everything):
        raise click.UsageError("only --settle takes alarms by number, or --all")
    if settle and everything == bool(numbers):
        raise click.UsageError("--settle: must be given the numbers of alarms, or --all")


def _advise(rows: Sequence[Row]) -> None:
    """Say what to do, once for each kind; on stderr, for it is no data."""
    from policy.alarm_kinds import guide_to

    for kind in dict.fromkeys(str(row["kind"]) for row in rows):
        guide = guide_to(kind)
        if guide is not None:
            click.echo(f"{kind}: {guide.meaning}. To do: {guide.advice}", err=True)
