"""`consentline people informed`: a dated record that an agent knows (N12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import DAY, day
from commands.frame.table import json_option, show

if TYPE_CHECKING:
    from datetime import date

COLUMNS = ("person", "policy", "how", "on")


@click.command()
@click.argument("person", metavar="PERSON")
@click.option("--policy", required=True, metavar="NAME", help="Under which policy.")
@click.option("--how", required=True, metavar="OCCASION", help="One that the policy's [staff] names.")
@click.option("--on", required=True, metavar=DAY, callback=day, help="The day.")
@json_option
@pass_invocation
def informed(invocation: Invocation, *, person: str, policy: str, how: str, on: date, as_json: bool) -> None:
    """Put on record that PERSON was told that calls are recorded.

    \b
    Example:
      consentline people informed anna --policy nunspeet --how work_meeting --on 2026-11-20
    """
    question = {"person": person, "policy": policy, "how": how, "on": on.isoformat()}
    show([invocation.daemon().ask_object("POST", "/people/informed", question)], COLUMNS, as_json=as_json)
