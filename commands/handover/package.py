"""`consentline handover package`: make what is handed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.handover.packaging import make_package, package_options
from commands.identity.asking_why import who_of, who_options


@click.command()
@click.argument("handover", metavar="HANDOVER", type=click.IntRange(min=1))
@package_options
@who_options
@pass_invocation
def package(
    invocation: Invocation, /, *, handover: int, target: Path, zip_passphrase_fd: int | None, **given: Any
) -> None:
    """Make the package of HANDOVER, once it is approved: one encrypted ZIP with a manifest, or nothing.

    Whoever asked for it makes it. It is on the ledger before anything is decrypted, and the digest
    of the ZIP before it gets its name. The manifest has the chain of custody. Where the policy gives
    data only, the call itself is not opened at all.

    \b
    Example:
      consentline handover package 2 --to ./handover-2.zip
    """
    who = who_of(given)
    written = make_package(invocation, who, f"/handovers/{handover}/package", target, zip_passphrase_fd)
    click.echo(str(written))
