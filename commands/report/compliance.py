"""`consentline report compliance`: each promise of a policy with the evidence of a period."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import person_options
from commands.report.asking import asked_of, form_options, parsed, period_of, period_options, write_page

COLUMNS = ("promise", "source", "kept", "evidence")


@click.command()
@click.argument("name", metavar="NAME")
@period_options
@click.option("--quick", is_flag=True, help="Do not verify the whole ledger; the report says so.")
@form_options
@person_options
@json_option
@pass_invocation
def compliance(invocation: Invocation, /, *, name: str, quick: bool, as_json: bool, **given: Any) -> None:
    """Report each promise of policy NAME: its article, what a period shows of it, whether it was kept.

    For who gives account. What nothing in the records shows is named as such, and no promise is
    called kept on somebody's word. Deviations stand apart. The ledger is verified meanwhile.

    \b
    Example:
      consentline report compliance heerde --from 2026-01-01 --to 2026-12-31 --page naleving.html
    """
    from publish.reports import words
    from publish.reports.compliance import Compliance
    from publish.reports.compliance_page import VERDICTS, compliance_page
    from publish.words import Language

    language, to = Language(given.pop("language_code")), given.pop("page")
    asked = {**period_of(given), "policy": name, "verify": not quick}
    answer = asked_of(invocation, "/reports/compliance", asked, given)
    report = parsed(Compliance, answer)
    if to is not None:
        write_page(compliance_page(report, language), to)
        return
    rows = [
        {
            "promise": line.promise,
            "source": line.source,
            "kept": VERDICTS[line.kept].in_(language),
            "evidence": "; ".join(
                f"{words.said(one.key, language)}: {words.fact(one, language)}" for one in line.evidence
            ),
        }
        for line in (*report.general, *report.lines)
    ]
    show([answer] if as_json else rows, COLUMNS, as_json=as_json, title="promises")
