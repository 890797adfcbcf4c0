"""`consentline incident export`: registrations for the register, a spreadsheet, or paper."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.identity.asking_why import who_of, who_options

FIELDS = (
    "incident",
    "policy",
    "kind",
    "happened_at",
    "place",
    "aggression",
    "said",
    "measures",
    "report_filed",
    "register_number",
    "registered_by",
    "role",
    "registered_at",
    "changed_by",
    "changed_at",
)


@click.command("export")
@click.argument("incidents", metavar="[INCIDENT]...", nargs=-1, type=click.IntRange(min=1))
@click.option(
    "--format",
    "how",
    type=click.Choice(["json", "csv", "page"]),
    default="json",
    show_default=True,
    help="`page`: one HTML file that needs no other, of one incident, to be printed.",
)
@click.option(
    "--to",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A file to make, readable by you alone.  [default: standard output]",
)
@click.option(
    "--lang",
    "language_code",
    type=click.Choice(["nl", "en"]),
    default="nl",
    show_default=True,
    help="Language of the page.",
)
@who_options
@pass_invocation
def export_registrations(
    invocation: Invocation,
    /,
    *,
    incidents: Sequence[int],
    how: str,
    target: Path | None,
    language_code: str,
    **given: Any,
) -> None:
    """Write out the registrations of INCIDENTs, or all of them. Data, never sound; it is on the ledger.

    Who registers under this policy sees them, and nobody else.

    \b
    Example:
      consentline incident export 3 --format page --to incident-3.html
    """
    from commands.audio.copies import in_words, new_file, refuse_file
    from commands.identity.proving import asked

    who = who_of(given)
    if how == "page" and len(incidents) != 1:
        raise click.UsageError("--format page: is of one incident; name it")
    if target is not None:
        refuse_file(target)
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    question = {**proved.to_json(), "incidents": list(incidents), "how": how}
    rows = daemon.ask_rows("POST", "/registrations/view", question)
    text = written(rows, how, language_code)
    if target is None:
        click.echo(text, nl=False)
        return
    with in_words(), new_file(target) as file:
        file.stream.write(text.encode())
        file.finish("page")
        file.publish()
    click.echo(str(target))


def written(rows: Sequence[Mapping[str, Any]], how: str, language_code: str) -> str:
    """Return registrations as `json`, `csv`, or the `page` of one.

    Raises:
        NotFound: If a page is wanted of what was not registered.
    """
    if how == "json":
        return json.dumps([dict(row) for row in rows], indent=2, ensure_ascii=False) + "\n"
    if how == "csv":
        return _table(rows)
    from policy.clock import from_iso, to_local
    from policy.errors import NotFound
    from publish.registration import registration_page
    from publish.web_page import web_page
    from publish.words import Language

    if not rows:
        raise NotFound("this incident was not registered", hint="consentline incident register")
    row = rows[0]
    return web_page(registration_page(row, to_local(from_iso(row["happened_at"])), Language(language_code)))


def _table(rows: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, FIELDS, lineterminator="\r\n")
    table.writeheader()
    for row in rows:
        table.writerow({field: _harmless(row.get(field)) for field in FIELDS})
    return text.getvalue()


def _harmless(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
