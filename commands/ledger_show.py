"""`consentline ledger show`: the log, entry by entry."""

from __future__ import annotations

import json

import click

from commands.invocation import Invocation, pass_invocation
from commands.records import Row
from commands.table import json_option, show

COLUMNS = ("seq", "at", "kind", "actor", "subject", "payload")


@click.command("show")
@click.option("--from", "first", type=click.IntRange(min=0), default=0, help="First entry to print.")
@click.option("--about", metavar="ID", help="Only the entries about this call or recording.")
@json_option
@pass_invocation
def show_ledger(invocation: Invocation, first: int, about: str | None, as_json: bool) -> None:
    """Print the entries of the ledger; of those whose term has passed only the frame is left.

    Reads the database directly; needs no daemon and no key.

    \b
    Example:
      consentline ledger show --about 1795282161.17
    """
    from contextlib import closing

    from policy.clock import SystemClock
    from store import ledger
    from store.db import Db

    with closing(Db.open_to_read(invocation.config().path("database"), clock=SystemClock())) as db:
        entries = ledger.show(db, from_seq=first, subject=about)
    rows: list[Row] = [entry.to_json() for entry in entries]
    if not as_json:
        rows = [{**row, "payload": _short(row["payload"])} for row in rows]
    show(rows, COLUMNS, as_json=as_json, title="entries")


def _short(payload: object) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
