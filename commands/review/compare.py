"""`consentline review compare`: how far the scorers of one call lie apart, once all are in."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show
from commands.identity.asking_why import who_of, who_options
from commands.review.asking import proven_rows

COLUMNS = ("criterion", "judges", "scores", "lowest", "highest", "spread")


@click.command()
@click.argument("case", metavar="CASE", type=click.IntRange(min=1, max=2**63 - 1))
@who_options
@json_option
@pass_invocation
def compare(invocation: Invocation, /, *, case: int, as_json: bool, **given: Any) -> None:
    """Compare the scores of CASE, a number from `review calibrations`: the spread of each criterion.

    \b
    Example:
      consentline review compare 2
    """
    rows = proven_rows(invocation, "/reviews/compare", who_of(given), case=case)
    if not as_json:
        rows = [{**row, "scores": _in_words(row["scores"])} for row in rows]
    show(rows, COLUMNS, as_json=as_json, title="criteria")


def _in_words(scores: dict[str, int]) -> str:
    return ", ".join(f"{person} {score}" for person, score in scores.items())
