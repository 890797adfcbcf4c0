"""`consentline policy diff`: what changes, and what that means for recordings already made."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show

COLUMNS = ("key", "before", "after", "for_made", "says", "source")


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@json_option
@pass_invocation
def diff(invocation: Invocation, before: str, after: str, as_json: bool) -> None:
    """Say what changes from policy A to policy B, before it is activated.

    Each is a name, a file, or NAME@DATE: the version that was in force on that day, as kept
    with its calls. For each change it says what becomes of recordings already made: they
    keep the term they were promised; `policy apply` gives them a shorter one, nothing a longer.

    \b
    Example:
      consentline policy diff eindhoven@2026-11-01 ./eindhoven.toml
    """
    from commands.policy.choice import chosen
    from policy.diff import policy_diff

    changes = policy_diff(chosen(invocation, before), chosen(invocation, after))
    rows = [
        {
            "key": change.key,
            "before": change.before,
            "after": change.after,
            "for_made": change.for_made.value,
            "says": change.says,
            "source": change.source,
        }
        for change in changes
    ]
    show(rows, COLUMNS, as_json=as_json, title="changes")
