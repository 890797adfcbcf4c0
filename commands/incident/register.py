"""`consentline incident register`: take an incident down as data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options
from commands.incident.form import AGGRESSION

COLUMNS = (
    "incident",
    "kind",
    "aggression",
    "happened_at",
    "report_filed",
    "register_number",
    "registered_by",
)


@click.command()
@click.argument("incident", metavar="INCIDENT", type=click.IntRange(min=1))
@click.option(
    "--from",
    "form_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The form, in TOML or JSON; options come before it.",
)
@click.option(
    "--at", "happened_at", metavar="MOMENT", help="When it happened.  [default: when the call began]"
)
@click.option("--place", metavar="TEXT", help="Where, or by which channel.")
@click.option("--aggression", type=click.Choice(AGGRESSION), help="What happened.")
@click.option("--said", metavar="TEXT", help="What was said, in your own words.")
@click.option("--measures", metavar="TEXT", help="What was done about it.")
@click.option("--report-filed/--no-report-filed", default=None, help="Whether a report was filed (aangifte).")
@who_options
@json_option
@pass_invocation
def register(
    invocation: Invocation, /, *, incident: int, form_file: Path | None, as_json: bool, **given: Any
) -> None:
    """Register INCIDENT as data: what happened, what was said, what was done. Never its sound.

    Whom the policy names registers, while the recording is there; where the policy wants it assessed
    first, after that. What is not given is asked for. The registration outlives the recording. Its number
    in the register (GIR) is noted later: `incident note`.

    \b
    Example:
      consentline incident register 3 --aggression threat --said "dreigde langs te komen" \\
        --place telefoon --measures "gesprek beëindigd" --report-filed
    """
    from commands.identity.proving import asked
    from commands.incident.form import filled_in, read_form

    who = who_of(given)
    form = {} if form_file is None else read_form(form_file)
    form |= {key: value for key, value in given.items() if value is not None}
    form = filled_in(form, asks=sys.stdin.isatty())
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    row = daemon.ask_object("POST", "/registrations", {**proved.to_json(), **form, "incident": incident})
    show([row], COLUMNS, as_json=as_json)
