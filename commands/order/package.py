"""`consentline order package`: make what an order demands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.handover.packaging import make_package, package_options
from commands.identity.asking_why import who_of, who_options


@click.command()
@click.argument("order", metavar="ORDER", type=click.IntRange(min=1))
@package_options
@who_options
@pass_invocation
def package(
    invocation: Invocation, /, *, order: int, target: Path, zip_passphrase_fd: int | None, **given: Any
) -> None:
    """Make what ORDER demands, once its deviation is confirmed: one encrypted ZIP, or nothing.

    \b
    Example:
      consentline order package 1 --to ./order-1.zip
    """
    who = who_of(given)
    written = make_package(invocation, who, f"/orders/{order}/package", target, zip_passphrase_fd)
    click.echo(str(written))
