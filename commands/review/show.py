"""`consentline review show`: the scores of one form, to its agent and to whom the policy names."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options
from commands.review.asking import proven_rows

COLUMNS = ("criterion", "judges", "score", "lowest", "highest", "scored_by", "filled_at", "remark")


@click.command("show")
@click.argument("form", metavar="FORM", type=click.IntRange(min=1, max=2**63 - 1))
@who_options
@json_option
@pass_invocation
def show_review(invocation: Invocation, /, *, form: int, as_json: bool, **given: Any) -> None:
    """Show FORM, a number from `review list`, with its scores. That you saw it is on the ledger.

    \b
    Example:
      consentline review show 7
    """
    rows = proven_rows(invocation, "/reviews/show", who_of(given), form=form)
    show(rows, COLUMNS, as_json=as_json, title="scores")
