"""`consentline policy list`: every policy this installation serves."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show

COLUMNS = (
    "name",
    "in_force",
    "organisation",
    "numbers",
    "mode",
    "recording",
    "call_data",
    "assumed",
    "conflicts",
)


@click.command("list")
@json_option
@pass_invocation
def list_policies(invocation: Invocation, as_json: bool) -> None:
    """List the policies beside the config file, with their numbers and terms.

    `assumed` counts the keys on which the published text is silent, `conflicts` the places
    where it contradicts itself; `policy show` prints them. `in_force` is no where the daemon
    runs another version than the file, and unknown where it cannot be asked.

    \b
    Example:
      consentline policy list --json
    """
    from commands.policy.in_force import in_force
    from policy.cited import sources
    from policy.errors import ConsentlineError

    policies = invocation.policies().by_name.values()
    try:
        runs = {version.content_hash for version in in_force(invocation).values()}
    except ConsentlineError:
        runs = None
    rows = [
        {
            "name": policy.name,
            "in_force": "unknown" if runs is None else "yes" if policy.content_hash in runs else "no",
            "organisation": policy.identity.organisation,
            "title": policy.identity.title,
            "numbers": ", ".join(policy.all_numbers),
            "mode": policy.consent.mode.value,
            "recording": str(policy.retention.recording),
            "call_data": str(policy.retention.call_data),
            "assumed": sum(citation.assumed for citation in sources(policy)),
            "conflicts": len(policy.conflicts),
            "content_hash": policy.content_hash,
        }
        for policy in policies
    ]
    show(rows, COLUMNS, as_json=as_json, title="policies")
