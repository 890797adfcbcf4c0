"""`consentline people enrol`: somebody makes a key of their own, under their own passphrase."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.identity.passphrase import passphrase_option, read_passphrase


@click.command()
@click.argument("person", metavar="PERSON")
@passphrase_option
@pass_invocation
def enrol(invocation: Invocation, person: str, passphrase_fd: int | None) -> None:
    """Make PERSON's own key under a passphrase that PERSON alone knows.

    Run by PERSON, from their own login. The key is made here; only its public half and the
    slot, which the passphrase guards, go to the daemon. Prints the key's fingerprint: read it
    to whoever grants you a role's key, who compares it. Nobody can recover a passphrase.

    \b
    Example:
      consentline people enrol anna
    """
    from commands.people.enrolment import enrol_person
    from policy.clock import SystemRandomness

    passphrase = read_passphrase(passphrase_fd, whose=person, is_new=True)
    fingerprint = enrol_person(invocation.daemon(), person, passphrase, randomness=SystemRandomness())
    click.echo(fingerprint)
    click.echo("Have a holder grant you the key of your role: consentline keys grant", err=True)
