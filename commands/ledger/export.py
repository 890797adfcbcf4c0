"""`consentline ledger export`: the log for others, as JSON lines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import MOMENT, beginning, through

if TYPE_CHECKING:
    from datetime import datetime

REGISTER = "consentline:register"


@click.command("export")
@click.option("--ldv", "as_ldv", is_flag=True, help="With the fields of the Logboek Dataverwerkingen.")
@click.option(
    "--register",
    metavar="URI",
    default=REGISTER,
    show_default=True,
    help="With --ldv: your register of processing activities; policy and purpose follow after a #.",
)
@click.option("--from", "since", callback=beginning, metavar=MOMENT, help="With --ldv: from then on.")
@click.option(
    "--to",
    "until",
    callback=through,
    metavar=MOMENT,
    help="With --ldv: through this day, or before this moment.",
)
@pass_invocation
def export_ledger(
    invocation: Invocation, as_ldv: bool, register: str, since: datetime | None, until: datetime | None
) -> None:
    """Print the ledger as JSON lines.

    Without --ldv: every entry under the newest checkpoint with all that its hash is made of,
    and that checkpoint as the last line, so that anybody can verify it with a program of their
    own (docs/ledger.md says how). With --ldv: the entries about calls and recordings, under
    the field names of the Dutch Logboek Dataverwerkingen.

    \b
    Example:
      consentline ledger export --ldv --from 2026-11-01 --to 2026-11-30 > november.jsonl
    """
    from contextlib import closing
    from importlib.metadata import version

    from policy.clock import SystemClock
    from store.db import Db
    from store.logbook import ledger_export
    from store.logbook.ledger_search import Wanted

    if not as_ldv and (since is not None or until is not None or register != REGISTER):
        raise click.UsageError("--from, --to and --register: only with --ldv; the verifiable form is whole")
    with closing(Db.open_to_read(invocation.config().path("database"), clock=SystemClock())) as db:
        wanted = Wanted(since=since, until=until)
        told = (
            ledger_export.ldv(db, wanted, register=register, version=version("consentline"))
            if as_ldv
            else ledger_export.verifiable(db)
        )
        for line in told:
            click.echo(json.dumps(line, ensure_ascii=False, separators=(",", ":")))
