"""`consentline keys revoke`: a role's key is taken from somebody."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation


@click.command()
@click.argument("person", metavar="PERSON")
@click.option("--policy", required=True, metavar="NAME", help="Whose recordings.")
@click.option("--role", required=True, metavar="ROLE", help="Whose key.")
@pass_invocation
def revoke(invocation: Invocation, person: str, policy: str, role: str) -> None:
    """Take the key of a role from PERSON, as when they do not wear the role any more.

    The last one who holds a key keeps it: without it nobody opens what is sealed to it. What
    this does not undo is said on stderr.

    \b
    Example:
      consentline keys revoke piet --policy eindhoven --role coach
    """
    question = {"person": person, "policy": policy, "role": role}
    invocation.daemon().ask_object("POST", "/keys/revoke", question)
    click.echo(f"{person} does not hold the key of {role} of {policy} any more. Not undone:", err=True)
    for line in NOT_UNDONE:
        click.echo(f"  {line}", err=True)


NOT_UNDONE = (
    "what they opened before, they have heard",
    "a copy of their slot, the key and the envelopes, taken before, still opens those envelopes",
    "against that: consentline keys rotate, and the end of each epoch",
)
