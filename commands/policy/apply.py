"""`consentline policy apply`: have calls already made go by a shorter term too."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import person_options, who_of

if TYPE_CHECKING:
    from commands.frame.records import Row

PLAN = ("goes", "recordings")
DONE = ("policy", "recordings", "calls")


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--dry-run", is_flag=True, help="Print what would go sooner; change nothing.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@person_options
@json_option
@pass_invocation
def apply(
    invocation: Invocation, /, *, name: str, dry_run: bool, yes: bool, as_json: bool, **given: Any
) -> None:
    """Let calls already made go by the policy NAME that is in force now, where that is sooner.

    Prints how many recordings would go when, then asks, and for the passphrase of whoever of the
    operators decides it; --dry-run asks for none. Recordings keep the term that they
    were promised or get this shorter one, never a longer one; what would have had to be gone
    already goes at the next purge, within a minute. The data about calls follow the same way.
    Extensions and holds that somebody decided upon stand. Every recording is on the ledger.

    \b
    Example:
      consentline policy apply eindhoven
    """
    from commands.identity.proving import asked
    from commands.policy.in_force import running

    who = who_of(given)
    policy, differs = running(invocation, name)
    if differs is not None:
        click.echo(differs, err=True)
    daemon = invocation.daemon()
    if as_json and not (yes or dry_run):
        raise click.UsageError("--json: only with --yes or --dry-run; a program is not asked")
    sooner = daemon.ask_rows("GET", f"/policies/{policy.name}/sooner")
    if dry_run:
        show(sooner if as_json else _by_day(sooner), PLAN, as_json=as_json, title="recordings that go sooner")
        return
    if not yes:
        show(_by_day(sooner), PLAN, as_json=False, title="recordings that go sooner")
        calls = daemon.ask_object("GET", f"/policies/{policy.name}/sooner/calls")["calls"]
        going = f"{len(sooner)} recordings go sooner, and the data of {calls} calls."
        click.confirm(f"{going} Go on?", abort=True, err=True)
    proved = asked(daemon, who).prove(daemon)
    question = {**proved.to_json(), "policy": policy.name, "content_hash": policy.content_hash}
    done = daemon.ask_object("POST", "/policies/apply", question)
    show([done], DONE, as_json=as_json)


def _by_day(sooner: list[Row]) -> list[Row]:
    """Return how many go at once, and on each day."""
    from policy.clock import SystemClock, from_iso, to_local

    now = SystemClock().now()
    moments = (from_iso(str(row["sooner_at"])) for row in sooner)
    days = Counter("at once" if moment <= now else to_local(moment)[:10] for moment in moments)
    at_once = [{"goes": "at once", "recordings": days.pop("at once")}] if days["at once"] else []
    return [*at_once, *({"goes": day, "recordings": days[day]} for day in sorted(days) if days[day])]
