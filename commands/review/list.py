"""`consentline review list`: what was drawn and how far its review is; or who has not had theirs."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options
from commands.review.asking import proven_rows

COLUMNS = (
    "draw",
    "agent",
    "recording_id",
    "purpose",
    "drawn_at",
    "until_at",
    "state",
    "forms",
)
DUE_COLUMNS = ("agent", "last_review_at", "due_at")


@click.command("list")
@click.option("--due", is_flag=True, help="Which agents have not had their review in the policy's cadence.")
@click.option("--all", "every", is_flag=True, help="With --due: also whose review is still to come.")
@who_options
@json_option
@pass_invocation
def list_reviews(invocation: Invocation, /, *, due: bool, every: bool, as_json: bool, **given: Any) -> None:
    """List the calls that were drawn: everybody's for a coach, their own for an agent. No scores.

    `drawn`, `listened`, `filled`; `gone` where the recording's term ended before anybody listened.

    \b
    Example:
      consentline review list --due
    """
    if every and not due:
        raise click.UsageError("--all: goes with --due")
    if due:
        rows = proven_rows(invocation, "/reviews/due", who_of(given), every=every)
        show(rows, DUE_COLUMNS, as_json=as_json, title="agents whose review is due")
        return
    rows = proven_rows(invocation, "/reviews/list", who_of(given))
    show(rows, COLUMNS, as_json=as_json, title="drawn calls")
