"""`consentline incident list`: what was flagged, and what became of it."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.acting import as_person, person_query

COLUMNS = (
    "incident_id",
    "call_id",
    "policy",
    "kind",
    "stage",
    "flagged_by",
    "assess_by_at",
    "assessed_by",
    "closed_at",
    "data_due_at",
)


@click.command("list")
@as_person
@json_option
@pass_invocation
def list_incidents(invocation: Invocation, person: str | None, as_json: bool) -> None:
    """List the incidents that you flagged, may assess or register, oldest first.

    `lapsed` is one that nobody assessed in time: its recording went on time.

    \b
    Example:
      consentline incident list
    """
    rows = invocation.daemon().ask_rows("GET", "/incidents" + person_query(person))
    show(rows, COLUMNS, as_json=as_json, title="incidents")
