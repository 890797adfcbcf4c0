"""`consentline keys grant`: a holder passes a role's key on to somebody who wears the role."""

from __future__ import annotations

import sys

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.identity.passphrase import passphrase_option, read_passphrase


@click.command()
@click.argument("person", metavar="PERSON")
@click.option("--policy", required=True, metavar="NAME", help="Whose recordings.")
@click.option("--role", required=True, metavar="ROLE", help="Whose key.")
@click.option("--by", required=True, metavar="PERSON", help="Who grants it: somebody who holds the key.")
@click.option(
    "--fingerprint",
    metavar="TEXT",
    help="PERSON's own key's fingerprint, as PERSON read it out; its first 16 digits do.",
)
@passphrase_option
@pass_invocation
def grant(  # noqa: PLR0917 - one each option
    invocation: Invocation,
    person: str,
    policy: str,
    role: str,
    by: str,
    fingerprint: str | None,
    passphrase_fd: int | None,
) -> None:
    """Give PERSON the key of a role that they wear; what is sealed to it opens for them from now on.

    Run by a holder, with the holder's own passphrase. PERSON needs a key of their own first, by
    `people enrol`. Its fingerprint is compared, so that nobody else is put in PERSON's place:
    PERSON reads it out, and on a terminal you say that it is the same. Once somebody who wears
    the role holds the key, its custodian does not any more.

    \b
    Example:
      consentline keys grant piet --policy eindhoven --role coach --by anna
    """
    from commands.keys.granting import grant_key, holder_of

    daemon = invocation.daemon()
    wanted = holder_of(daemon, person)
    if fingerprint is not None:
        wanted.must_have(fingerprint)
    elif not sys.stdin.isatty():
        raise click.UsageError("--fingerprint: must be given, there is no terminal to compare it on")
    else:
        click.echo(f"{person}'s own key: {wanted.public.fingerprint}", err=True)
        click.confirm(f"Has {person} read out the same to you?", abort=True, err=True)
    passphrase = read_passphrase(passphrase_fd, whose=by)
    over = grant_key(daemon, wanted, policy=policy, role=role, by=by, passphrase=passphrase)
    click.echo(f"{person} holds the key of {role} of {policy}", err=True)
    for custodian in over:
        click.echo(f"{custodian} was its custodian and holds it no more", err=True)
