"""`consentline people retire`: nothing here is theirs any more."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show

COLUMNS = ("person", "hats", "lines", "keys")

NOT_UNDONE = (
    "what they heard, they heard",
    "a copy of their slot, of a role's key and of envelopes, taken before, still opens those envelopes "
    "by their passphrase: against that, rotate the keys that they held (consentline keys rotate)",
    "copies that they took or handed out stay where they are; ledger show names each",
    "holds, registrations and decisions that they made stand",
    "that they held calls stays on record until the data of those calls go",
    "id and name stay in the list of who retired: the ledger means them by it",
    "their OS login is not closed, nor a session that they have open",
)
"""Said to whoever retires somebody."""


@click.command()
@click.argument("person", metavar="PERSON")
@click.option("--even-last", is_flag=True, help="Also when nobody else holds a key that PERSON holds.")
@json_option
@pass_invocation
def retire(invocation: Invocation, person: str, even_last: bool, as_json: bool) -> None:
    """Take every hat and line from PERSON, their own key, and the roles' keys that they hold.

    Now, and planned ones too. The id is never given out again: the ledger means this person
    by it. What this does not undo is said on stderr.

    \b
    Example:
      consentline people retire anna
    """
    question = {"person": person, "even_last": even_last}
    row = invocation.daemon().ask_object("POST", "/people/retire", question)
    show([row], COLUMNS, as_json=as_json)
    click.echo(f"{row['person']} may do nothing any more. This does not undo:", err=True)
    for said in NOT_UNDONE:
        click.echo(f"  - {said}", err=True)
