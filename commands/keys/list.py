"""`consentline keys list`: the roles' keys and who holds them."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show

COLUMNS = ("policy", "role", "held_by", "custodians", "fingerprint", "retired_at")


@click.command("list")
@json_option
@pass_invocation
def list_keys(invocation: Invocation, as_json: bool) -> None:
    """List each role's reading key with its fingerprint, its holders and its custodians.

    A custodian holds a key only until somebody who wears the role does. A key with
    `retired_at` is being rotated. Compare fingerprints out of band.

    \b
    Example:
      consentline keys list
    """
    rows = invocation.daemon().ask_rows("GET", "/keys")
    if not as_json:
        rows = [
            {
                **row,
                "held_by": ", ".join(row["held_by"]) or None,
                "custodians": ", ".join(row["custodians"]) or None,
            }
            for row in rows
        ]
    show(rows, COLUMNS, as_json=as_json, title="keys")
