"""`consentline people passphrase`: the same key under another passphrase."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.identity.passphrase import passphrase_option, read_passphrase


@click.command()
@click.argument("person", metavar="PERSON")
@passphrase_option
@click.option(
    "--new-passphrase-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Read the new passphrase from file descriptor N.",
)
@pass_invocation
def passphrase(
    invocation: Invocation, person: str, passphrase_fd: int | None, new_passphrase_fd: int | None
) -> None:
    """Change PERSON's passphrase: the old one first, then the new one twice.

    One slot is made anew; role keys and recordings stay as they are. Whoever copied the old
    slot and knows the old passphrase still has the key: then have a new one made, by
    `people retire` and `people enrol` under another id, and rotate the roles' keys.

    \b
    Example:
      consentline people passphrase anna
    """
    from commands.people.enrolment import change_passphrase
    from policy.clock import SystemRandomness

    old = read_passphrase(passphrase_fd, whose=person)
    new = read_passphrase(new_passphrase_fd, whose=person, is_new=True)
    change_passphrase(invocation.daemon(), person, old, new, randomness=SystemRandomness())
    click.echo(f"{person}: the passphrase is changed", err=True)
