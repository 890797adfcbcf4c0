"""`consentline policy list`: every policy this installation serves."""

from __future__ import annotations

import click

from commands.invocation import Invocation, pass_invocation
from commands.table import json_option, show

COLUMNS = ("name", "organisation", "numbers", "mode", "recording", "call_data", "assumed", "conflicts")


@click.command("list")
@json_option
@pass_invocation
def list_policies(invocation: Invocation, as_json: bool) -> None:
    """List the policies beside the config file, with their numbers and terms.

    `assumed` counts the keys on which the published text is silent, `conflicts` the places
    where it contradicts itself; `policy show` prints them.

    \b
    Example:
      consentline policy list --json
    """
    from policy.cited import sources

    rows = [
        {
            "name": policy.name,
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
        for policy in invocation.policies().by_name.values()
    ]
    show(rows, COLUMNS, as_json=as_json, title="policies")
