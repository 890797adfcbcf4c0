"""`consentline report breach`: what was on the host at a moment, and whom it concerns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import MOMENT, as_iso, beginning
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_options
from commands.report.asking import asked_of, form_options, parsed, write_page

if TYPE_CHECKING:
    from datetime import datetime

COLUMNS = ("what", "value")


@click.command()
@click.option("--at", "at", metavar=MOMENT, required=True, callback=beginning, help="The moment.")
@click.option(
    "--known",
    metavar=MOMENT,
    callback=beginning,
    help="Since when you know; 72 hours run from then.  [default: now]",
)
@click.option("--callers", is_flag=True, help="List each number too, masked, with its keyed tag.")
@form_options
@who_options
@json_option
@pass_invocation
def breach(
    invocation: Invocation,
    /,
    *,
    at: datetime,
    known: datetime | None,
    callers: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Report what was on this host at a moment: whom it concerns, what was readable, with which keys.

    For the FG, who has 72 hours (AVG art. 33). Numbers are masked. Recordings that are `lost` are
    counted: nobody knows where their bytes are.

    \b
    Example:
      consentline report breach --at "2026-11-21 03:10" --known 2026-11-22 --page datalek.html
    """
    from policy.clock import SystemClock
    from publish.reports import words
    from publish.reports.breach import Breach
    from publish.reports.breach_page import breach_page
    from publish.reports.figures import Unit
    from publish.words import Language

    language, to = Language(given.pop("language_code")), given.pop("page")
    asked = {"at": as_iso(at), "known": as_iso(known or SystemClock().now()), "callers": callers}
    answer = asked_of(invocation, "/reports/breach", asked, given)
    report = parsed(Breach, answer)
    if to is not None:
        write_page(breach_page(report, language), to)
        return
    facts = [
        {"what": words.said(one.key, language), "value": words.fact(one, language)}
        for one in (*report.recordings, *report.calls)
    ]
    until = words.in_unit(report.report_by, Unit.MOMENT, language)
    rows = [*facts, {"what": f"AVG art. 33: {report.fg or '-'}", "value": until}]
    show([answer] if as_json else rows, COLUMNS, as_json=as_json, title="findings")
