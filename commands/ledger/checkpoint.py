"""`consentline ledger checkpoint`: the log as it is now, signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation, pass_invocation

if TYPE_CHECKING:
    from store.files.archive import Archive
    from store.logbook.notes import Signer


@click.command()
@pass_invocation
def checkpoint(invocation: Invocation) -> None:
    """Sign the ledger as it is now, print the checkpoint, and bring it to every target.

    The daemon does so by itself each hour and after every destruction. Give the printed text
    to whoever is to vouch for this moment, such as the privacy officer.

    \b
    Example:
      consentline ledger checkpoint > 2026-11-21.checkpoint
    """
    from commands.frame.signing import signed

    click.echo(signed(invocation, "/ledger/checkpoint", {}, _make), nl=False)


def _make(archive: Archive, signer: Signer) -> str:
    from store.logbook import checkpoints
    from store.logbook.checkpoints import Because

    return checkpoints.make(archive.db, signer, because=Because.ASKED, at=archive.clock.now()).note
