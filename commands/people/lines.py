"""`consentline people add-line` and `end-line`: who answers at which telephone, and when."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.moments import MOMENT, as_iso, beginning, until_option
from commands.frame.records import Row
from commands.frame.table import json_option, show

if TYPE_CHECKING:
    from datetime import datetime

COLUMNS = ("person", "kind", "address", "since_at", "until_at", "calls")

Command = TypeVar("Command", bound=Callable[..., Any])


def line_options(command: Command) -> Command:
    """Add the three ways to name a line."""
    for option in (
        click.option("--dialled", metavar="NUMBER", help="Number dialled towards the agent (shared trunk)."),
        click.option(
            "--queue-member", metavar="INTERFACE", help='As the queue names it: "Local/6001@agents".'
        ),
        click.option("--endpoint", metavar="TELEPHONE", help='Such as "PJSIP/6001".'),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("person", metavar="PERSON")
@line_options
@click.option(
    "--since", metavar=MOMENT, callback=beginning, help="From when, in the past too; now by default."
)
@until_option
@json_option
@pass_invocation
def add_line(
    invocation: Invocation,
    *,
    person: str,
    endpoint: str | None,
    queue_member: str | None,
    dialled: str | None,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> None:
    """Put PERSON on a line: calls answered there are theirs.

    One person at a time is on a line; a shift or a hot desk has an end. A line that began in the
    past makes calls of that time theirs that were nobody's; how many is said.

    \b
    Example:
      consentline people add-line anna --endpoint PJSIP/6001
      consentline people add-line jan --endpoint PJSIP/6002 \\
          --since "2026-11-23 08:00" --until "2026-11-23 16:30"
    """
    question = _line(person, endpoint, queue_member, dialled)
    question |= {"since": as_iso(since), "until": as_iso(until)}
    show([invocation.daemon().ask_object("POST", "/people/lines/add", question)], COLUMNS, as_json=as_json)


@click.command()
@click.argument("person", metavar="PERSON")
@line_options
@click.option(
    "--at", "ends", metavar=MOMENT, callback=beginning, help="When, in the past too; now by default."
)
@json_option
@pass_invocation
def end_line(
    invocation: Invocation,
    *,
    person: str,
    endpoint: str | None,
    queue_member: str | None,
    dialled: str | None,
    ends: datetime | None,
    as_json: bool,
) -> None:
    """Take PERSON off a line; a call that goes on stays theirs.

    \b
    Example:
      consentline people end-line anna --endpoint PJSIP/6001
    """
    question = _line(person, endpoint, queue_member, dialled) | {"at": as_iso(ends)}
    show([invocation.daemon().ask_object("POST", "/people/lines/end", question)], COLUMNS, as_json=as_json)


def _line(
    person: str, endpoint: str | None, queue_member: str | None, dialled: str | None
) -> dict[str, Row | str | None]:
    named = {"endpoint": endpoint, "queue_member": queue_member, "dialled": dialled}
    given = [(kind, address) for kind, address in named.items() if address is not None]
    if len(given) != 1:
        raise click.UsageError("must be given exactly one of --endpoint, --queue-member and --dialled")
    ((kind, address),) = given
    return {"person": person, "kind": kind, "address": address}
