"""`consentline report calls|consent|access|retention|casework`: what was counted, in which form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option
from commands.identity.asking_why import who_options
from commands.report.asking import (
    asked_of,
    form_options,
    parsed,
    period_of,
    period_options,
    show_table,
    write_page,
)

_EXACT = click.option(
    "--exact", is_flag=True, help="Small counts too: for who gives account, and on the ledger as such."
)
_CSV = click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")


def _command(name: str, ways: Sequence[str], says: str) -> click.Command:
    """Return one of these commands: they differ in what is counted and in how it is put together."""

    @click.command(name, help=says, short_help=says.strip().partition("\n")[0])
    @period_options
    @click.option(
        "--by", type=click.Choice(["all", *ways]), default="all", show_default=True, help="Put together how."
    )
    @_EXACT
    @_CSV
    @form_options
    @who_options
    @json_option
    @pass_invocation
    def command(invocation: Invocation, /, *, as_csv: bool, as_json: bool, **given: Any) -> None:
        _report(invocation, name, given, as_csv=as_csv, as_json=as_json)

    return command


def _report(invocation: Invocation, name: str, given: dict[str, Any], *, as_csv: bool, as_json: bool) -> None:
    import json

    from publish.reports import words
    from publish.reports.figures import Report
    from publish.reports.page import report_page
    from publish.reports.sheet import csv_text
    from publish.words import Language

    if as_csv and as_json:
        raise click.UsageError("--csv: has no meaning with --json")
    language, to = Language(given.pop("language_code")), given.pop("page")
    question = {**period_of(given), "report": name, "by": given.pop("by"), "exact": given.pop("exact")}
    answer = asked_of(invocation, "/reports", question, given)
    report = parsed(Report, answer)
    if to is not None:
        write_page(report_page(report, language), to)
        return
    if as_json:
        click.echo(json.dumps([dict(answer)], indent=2, ensure_ascii=False))
        return
    if as_csv:
        click.echo(csv_text(report, language), nl=False)
        return
    for table in report.tables:
        show_table(table, language)
    for fact in report.facts:
        click.echo(f"{words.said(fact.key, language)}: {words.fact(fact, language)}")
    if report.hidden:
        click.echo(f"{report.hidden} small counts, and what gives them away, are not shown (–).", err=True)


def _says(what: str, example: str, more: str = "") -> str:
    middle = f"{more}\n\n" if more else ""
    return f"{what}\n\n{middle}\b\nExample:\n  consentline report {example}"


calls = _command(
    "calls",
    ("day", "hour", "queue", "agent"),
    _says(
        "Report how many calls there were, how long they waited and talked, and who was answered.",
        "calls --from 2026-11-01 --to 2026-11-30 --by day --page november.html",
        "Waiting time is there where the policy keeps it. By agent only where the policy says so and its"
        " works council agreed.",
    ),
)
consent = _command(
    "consent",
    ("day", "hour", "queue"),
    _says(
        "Report how many callers were recorded, refused, or withdrew.",
        "consent --from 2026-11-01 --by hour",
    ),
)
access = _command(
    "access",
    ("day", "hour", "purpose"),
    _says(
        "Report how often recordings were opened, for what, and how often that was refused.",
        "access --from 2026-11-01 --by purpose --exact",
    ),
)
retention = _command(
    "retention",
    ("day", "hour"),
    _says(
        "Report what was erased, why and how late, and what there is now.",
        "retention --from 2026-11-01 --by day --csv",
    ),
)
casework = _command(
    "casework",
    ("day", "hour"),
    _says(
        "Report what became of incidents, holds and requests, and what is overdue.",
        "casework --from 2026-11-01",
    ),
)
