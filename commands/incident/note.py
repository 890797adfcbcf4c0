"""`consentline incident note`: what came later on a registered incident."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options
from commands.incident.register import COLUMNS


@click.command()
@click.argument("incident", metavar="INCIDENT", type=click.IntRange(min=1))
@click.option(
    "--number", "register_number", metavar="NUMBER", help="Its number in the register, such as the GIR."
)
@click.option("--report-filed/--no-report-filed", default=None, help="Whether a report was filed (aangifte).")
@click.option("--measures", metavar="TEXT", help="What was done about it; replaces what stood there.")
@who_options
@json_option
@pass_invocation
def note(invocation: Invocation, /, *, incident: int, as_json: bool, **given: Any) -> None:
    """Note on the registration of INCIDENT what came later. Its recording may be gone by then.

    \b
    Example:
      consentline incident note 3 --number GIR-2026-0118 --report-filed
    """
    from commands.identity.proving import asked

    who = who_of(given)
    later = {key: value for key, value in given.items() if value is not None}
    if not later:
        raise click.UsageError("say what to note: --number, --report-filed or --measures")
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    row = daemon.ask_object(
        "POST", "/registrations/note", {**proved.to_json(), **later, "incident": incident}
    )
    show([row], COLUMNS, as_json=as_json)
