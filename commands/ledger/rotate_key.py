"""`consentline ledger rotate-key`: another key signs the ledger from now on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show

if TYPE_CHECKING:
    from commands.frame.records import Row

COLUMNS = ("vkey", "from_size", "old_vkey")


@click.command("rotate-key")
@json_option
@pass_invocation
def rotate_key(invocation: Invocation, as_json: bool) -> None:
    """Have a new key sign the ledger; the one in use vouches for it, and signs nothing more.

    Both sign one checkpoint, which goes to every target. Prints the new vkey: give it to
    whoever verifies, with the number of entries from which on it holds. What was signed before
    still verifies with the old vkey. The old private half is gone from this host; destroy the
    copies that you keep, and keep one of the new file. Stopped at any point, run it again.

    \b
    Example:
      consentline ledger rotate-key
    """
    from commands.frame.control import DaemonAway

    daemon = invocation.daemon()
    try:
        row = daemon.ask_object("POST", "/ledger/rotate-key", {})
    except DaemonAway:
        row = _without_daemon(invocation)
    show([row], COLUMNS, as_json=as_json)


def _without_daemon(invocation: Invocation) -> Row:
    from commands.frame.offline import Offline
    from daemon.checkpoints import bring, rotate_key, rotated_to_json

    config = invocation.config()
    with Offline.opened(config) as offline:
        done = rotate_key(offline.archive, config.path("signing_key"), actor=offline.actor)
        for problem in bring(offline.archive, config.ledger.targets):
            click.echo(f"checkpoint: {problem}", err=True)
    return rotated_to_json(done)
