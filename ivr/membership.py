"""Whether somebody who speaks with a caller counts as KCC, and what follows (N1, N13): pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from policy.model import Policy
from policy.rules import counts_as_kcc
from policy.scope import Answered, TransferOutside
from policy.vocabulary import CallId

_NUMBER = re.compile(r"(?:sip:)?(\+?[0-9]{2,18})")


class Verdict(Enum):
    """What becomes of a recording when somebody enters the caller's bridge."""

    RECORDS = "records"
    CONCLUDE = "conclude"
    DROP = "drop"
    GOES_ON = "goes_on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Somebody who speaks with a caller.

    Attributes:
        answers: Every way in which they may count; one is enough.
        is_certain: Whether that is all there is to know; of half a Local channel the telephone behind it may
            still be on its way.
    """

    channel_id: CallId
    answers: tuple[Answered, ...]
    is_certain: bool = True


def judge(policy: Policy, party: Party, *, spoke_with_kcc: bool, at: datetime) -> Verdict:
    """Return what follows from a party's entry.

    Args:
        policy: Under which the call is recorded.
        party: Who entered.
        spoke_with_kcc: Whether somebody of the KCC had the call before, or has it now.
        at: When they entered; whether a membership is valid is measured then.
    """
    if any(counts_as_kcc(policy, answered, at) for answered in party.answers):
        return Verdict.RECORDS
    if not spoke_with_kcc:
        return Verdict.DROP
    return _AFTERWARDS[policy.scope.transfer_outside]


_AFTERWARDS = {
    TransferOutside.STOP_AND_KEEP: Verdict.CONCLUDE,
    TransferOutside.GO_ON: Verdict.GOES_ON,
    TransferOutside.DROP: Verdict.DROP,
}


def dialled_number(dial_string: str) -> str | None:
    """Return the number in what Dial() or Queue() rang, or None.

    `+31341259911@teams`, `PJSIP/+31341259911@teams` and `PJSIP/teams/sip:+31341259911@10.0.0.1` all hold one.
    """
    for part in dial_string.split("/"):
        found = _NUMBER.fullmatch(part.partition("@")[0])
        if found is not None:
            return found[1]
    return None
