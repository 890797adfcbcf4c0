"""`consentline people give-hat` and `take-hat`: who wears which role of which policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import MOMENT, as_iso, beginning, until_option
from commands.frame.table import json_option, show

if TYPE_CHECKING:
    from datetime import datetime

COLUMNS = ("person", "policy", "role", "since_at", "until_at")

policy_option = click.option("--policy", required=True, metavar="NAME", help="Under which policy.")


@click.command()
@click.argument("person", metavar="PERSON")
@click.argument("role", metavar="ROLE")
@policy_option
@click.option(
    "--since", metavar=MOMENT, callback=beginning, help="From when; now by default, never in the past."
)
@until_option
@json_option
@pass_invocation
def give_hat(
    invocation: Invocation,
    *,
    person: str,
    role: str,
    policy: str,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> None:
    """Give PERSON the hat ROLE.

    Roles are those of the policy's [access.roles]. Two that exclude each other are never worn by
    one person at one moment; the refusal names the article.

    \b
    Example:
      consentline people give-hat anna coach --policy nunspeet --until 2027-06-30
    """
    question = {
        "person": person,
        "policy": policy,
        "role": role,
        "since": as_iso(since),
        "until": as_iso(until),
    }
    row = invocation.daemon().ask_object("POST", "/people/hats/give", question)
    show([row], COLUMNS, as_json=as_json)


@click.command()
@click.argument("person", metavar="PERSON")
@click.argument("role", metavar="ROLE")
@policy_option
@click.option(
    "--at", "ends", metavar=MOMENT, callback=beginning, help="When; now by default, never in the past."
)
@json_option
@pass_invocation
def take_hat(
    invocation: Invocation, *, person: str, role: str, policy: str, ends: datetime | None, as_json: bool
) -> None:
    """Take the hat ROLE from PERSON.

    One that was planned for later goes too.

    \b
    Example:
      consentline people take-hat anna coach --policy nunspeet
    """
    question = {"person": person, "policy": policy, "role": role, "at": as_iso(ends)}
    row = invocation.daemon().ask_object("POST", "/people/hats/take", question)
    show([row], COLUMNS, as_json=as_json)
