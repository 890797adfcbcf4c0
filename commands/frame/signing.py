"""What has to be signed: by the daemon, or where none runs by this process under its lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation
from commands.frame.records import Row

if TYPE_CHECKING:
    from store.files.archive import Archive
    from store.logbook.notes import Signer


language_option = click.option(
    "--lang",
    "language",
    type=click.Choice(["nl", "en"]),
    default="nl",
    show_default=True,
    help="Of the text.",
)


def signed(
    invocation: Invocation, path: str, question: Row, without: Callable[[Archive, Signer], str]
) -> str:
    """Return a signed note, and have the checkpoint that may be made for it brought out.

    Args:
        invocation: This run of the command line.
        path: What the daemon is asked.
        question: With what.
        without: Makes the same where no daemon runs.

    Raises:
        ConsentlineError: If it cannot be had.
    """
    from commands.frame.control import DaemonAway

    daemon = invocation.daemon()
    try:
        return str(daemon.ask_object("POST", path, question)["note"])
    except DaemonAway:
        return _without_daemon(invocation, without)


def _without_daemon(invocation: Invocation, make: Callable[[Archive, Signer], str]) -> str:
    from commands.frame.offline import Offline
    from daemon.checkpoints import bring, prepared_signer

    config = invocation.config()
    with Offline.opened(config) as offline:
        note = make(offline.archive, prepared_signer(offline.archive, config.path("signing_key")))
        for problem in bring(offline.archive, config.ledger.targets):
            click.echo(f"checkpoint: {problem}", err=True)
    return note
