"""`consentline request close`: close a request that nobody has to decide on."""

from __future__ import annotations

from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option
from commands.identity.asking_why import who_options
from commands.request.asking import ask, reason_option, request_argument, show_request


@click.command()
@request_argument
@reason_option
@who_options
@json_option
@pass_invocation
def close(invocation: Invocation, /, *, request: int, reason: str, as_json: bool, **given: Any) -> None:
    """Close REQUEST: taken back by whoever asked, or a second one about the same.

    \b
    Example:
      consentline request close 7 --reason "ingetrokken, brief van 24 november"
    """
    row = ask(invocation, given, f"/requests/{request}/close", {"reason": reason})
    show_request(row, as_json=as_json)
