"""`consentline keys rotate`: a new key for a role, and what lives sealed to it again."""

from __future__ import annotations

import sys

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.identity.passphrase import passphrase_option, read_passphrase


@click.command()
@click.option("--policy", required=True, metavar="NAME", help="Whose recordings.")
@click.option("--role", required=True, metavar="ROLE", help="Whose key.")
@click.option("--by", required=True, metavar="PERSON", help="Who does it: somebody who holds the key.")
@click.option(
    "--lost",
    is_flag=True,
    help="Nobody can open the old key any more: what is sealed to it stays so, and --by is custodian.",
)
@passphrase_option
@pass_invocation
def rotate(  # noqa: PLR0917 - one each option
    invocation: Invocation, policy: str, role: str, by: str, lost: bool, passphrase_fd: int | None
) -> None:
    """Give a role a new key, seal what lives to it, and destroy the old one.

    Run as root or as the daemon's own user, with the passphrase of a holder: every recording of
    the role passes through this process, still without its sound. Calls go on meanwhile, sealed
    to the new key. Stopped half-way nothing is lost: run it again and it goes on. Whoever holds
    the old key holds the new one. Prints the new fingerprint.

    \b
    Example:
      consentline keys rotate --policy eindhoven --role coach --by anna
    """
    from commands.identity.keyring import prove
    from commands.keys import rotating
    from policy.clock import SystemRandomness

    daemon, asked = invocation.daemon(), rotating.Role(policy=policy, role=role)
    proven = prove(daemon, by, read_passphrase(passphrase_fd, whose=by))
    if lost:
        done = rotating.renew_lost(daemon, proven, asked, randomness=SystemRandomness())
    else:
        done = rotating.rotate(daemon, proven, asked, randomness=SystemRandomness(), progress=_tell)
    click.echo(done.fingerprint)
    if sys.stderr.isatty():
        click.echo("", err=True)
    click.echo(f"{done.resealed} envelopes sealed again, {done.holders} people hold the new key", err=True)
    if done.open_for_nobody:
        click.echo(f"{done.open_for_nobody} envelopes stay as they are and open for nobody by it", err=True)


def _tell(done: int, of: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done} of {of}", nl=False, err=True)
