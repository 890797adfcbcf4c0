"""`consentline ledger show`: the log, entry by entry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import MOMENT, beginning, through
from commands.frame.records import Row
from commands.frame.table import json_option, show

if TYPE_CHECKING:
    from datetime import datetime

COLUMNS = ("seq", "at", "kind", "actor", "subject", "payload")


@click.command("show")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind; several times.")
@click.option("--about", metavar="ID", help="Only about this call or recording.")
@click.option("--person", metavar="ID", help="Only done by, or about, this person or login.")
@click.option("--from", "since", callback=beginning, metavar=MOMENT, help="From this day or moment on.")
@click.option(
    "--to", "until", callback=through, metavar=MOMENT, help="Through this day, or before this moment."
)
@click.option("--first", type=click.IntRange(min=0), default=0, help="First entry to look at.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.")
@json_option
@pass_invocation
def show_ledger(
    invocation: Invocation,
    *,
    kinds: tuple[str, ...],
    about: str | None,
    person: str | None,
    since: datetime | None,
    until: datetime | None,
    first: int,
    limit: int | None,
    as_json: bool,
) -> None:
    """Print the entries of the ledger; of those whose term has passed only the frame is left.

    Reads the database directly; needs no daemon and no key.

    \b
    Example:
      consentline ledger show --person anna --from 2026-11-01 --to 2026-11-30
    """
    from contextlib import closing

    from policy.clock import SystemClock
    from store.db import Db
    from store.logbook import ledger_search
    from store.logbook.ledger import Kind
    from store.logbook.ledger_search import Wanted

    known = {kind.value for kind in Kind}
    for kind in kinds:
        if kind not in known:
            raise click.BadParameter(f'no such kind "{kind}"; known: {", ".join(sorted(known))}')
    wanted = Wanted(
        kinds=kinds, subject=about, person=person, since=since, until=until, from_seq=first, limit=limit
    )
    with closing(Db.open_to_read(invocation.config().path("database"), clock=SystemClock())) as db:
        rows: list[Row] = [entry.to_json() for entry in ledger_search.search(db, wanted)]
    if not as_json:
        rows = [{**row, "payload": _short(row["payload"])} for row in rows]
    show(rows, COLUMNS, as_json=as_json, title="entries")


def _short(payload: object) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
