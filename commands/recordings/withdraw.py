"""`consentline withdraw`: what a caller takes back is gone."""

from __future__ import annotations

import re

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show

COLUMNS = ("recording_id", "call_id", "state", "erased_at", "erased_because", "note")

_RECORDING_ID = re.compile(r"[0-9a-f]{32}")


@click.command()
@click.argument("call", metavar="CALL")
@json_option
@pass_invocation
def withdraw(invocation: Invocation, call: str, as_json: bool) -> None:
    """Withdraw the recording of CALL, a call id or a recording id.

    During the call the tape stops, and both parties hear that it did; afterwards the sealed
    recording goes by the same path. Withdrawing twice, or a call that was not recorded, does
    no harm. Without the daemon only a recording of a call that has ended can be withdrawn.
    Where the policy restricts while an incident or a hold is open, it is closed instead, and
    the note says so.

    \b
    Example:
      consentline withdraw 1795282161.17
    """
    with invocation.records() as records:
        if _RECORDING_ID.fullmatch(call):
            row = records.withdraw(by="operator", recording_id=call)
        else:
            row = records.withdraw(by="operator", call_id=call)
    show([row], COLUMNS, as_json=as_json)
