"""`consentline purge report`: what was destroyed in a period, run by run."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import MOMENT, as_iso, beginning, through
from commands.frame.signing import language_option, signed
from commands.frame.table import json_option, show

if TYPE_CHECKING:
    from datetime import datetime

    from store.files.archive import Archive
    from store.logbook.notes import Signer

COLUMNS = ("run_at", "recording_id", "policy", "started_at", "due_at", "because", "lateness_ms", "entry")


@click.command()
@click.argument("policy", required=False, metavar="[NAME]")
@click.option("--from", "since", callback=beginning, metavar=MOMENT, required=True, help="From then on.")
@click.option("--to", "until", callback=through, metavar=MOMENT, required=True, help="Until then.")
@click.option(
    "--verklaring", "as_declaration", is_flag=True, help="Print the signed verklaring van vernietiging."
)
@language_option
@json_option
@pass_invocation
def report(
    invocation: Invocation,
    *,
    policy: str | None,
    since: datetime,
    until: datetime,
    as_declaration: bool,
    language: str,
    as_json: bool,
) -> None:
    """Print what was destroyed in a period, whatever the reason; NAME is a policy.

    With --verklaring: a signed text for the file, run by run, with the reason and the rule of
    each. Every recording in it is looked for once more while it is made; what is found to be
    there is named as not gone.

    \b
    Example:
      consentline purge report eindhoven --from 2026-11-01 --to 2026-11-30 --verklaring
    """
    if as_declaration and as_json:
        raise click.UsageError("--json: has no meaning with --verklaring, which is a text")
    if until <= since:
        raise click.UsageError("--to: must lie after --from")
    if policy is not None:
        invocation.policies().named(policy)
    if not as_declaration:
        show(_rows(invocation, policy, since, until), COLUMNS, as_json=as_json, title="recordings destroyed")
        return

    def without(archive: Archive, signer: Signer) -> str:
        from publish.words import Language
        from store.proof import declarations

        return declarations.declare(
            archive, signer, policy=policy, since=since, until=until, language=Language(language)
        )

    question = {"policy": policy, "since": as_iso(since), "until": as_iso(until), "language": language}
    click.echo(signed(invocation, "/declaration", question, without), nl=False)


def _rows(
    invocation: Invocation, policy: str | None, since: datetime, until: datetime
) -> list[dict[str, object]]:
    from policy.clock import SystemClock
    from store.db import Db
    from store.proof import declarations

    with closing(Db.open_to_read(invocation.config().path("database"), clock=SystemClock())) as db:
        gone = declarations.gone_in(db, policy=policy, since=since, until=until)
    return [dict(row) for row in declarations.to_rows(gone)]
