"""When a second notice comes, and what the table of the config file takes."""

from __future__ import annotations

from datetime import datetime

import pytest
from pydantic import ValidationError

from policy.notify import Notify
from policy.vocabulary import PolicyName


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("deadline", "told"),
    [
        # Flagged on Friday at 16:55, 48 hours end on Sunday at 16:55: eight hours before is Sunday morning.
        ("2026-11-22T15:55:00Z", "2026-11-20T15:00:00Z"),
        # Thursday 16:30: eight hours before is Thursday 08:30, when somebody is there.
        ("2026-11-19T15:30:00Z", "2026-11-19T07:30:00Z"),
        # A minute earlier nobody is: the last hour of Wednesday.
        ("2026-11-19T15:29:00Z", "2026-11-18T15:00:00Z"),
        # In the evening of a working day: the last hour of that day.
        ("2026-11-20T02:00:00Z", "2026-11-19T15:00:00Z"),
        # Easter Monday is free: the Friday before, which counts as a working day.
        ("2026-04-06T12:00:00Z", "2026-04-03T14:00:00Z"),
        # Over the change of the clocks: local hours count.
        ("2026-10-25T15:55:00Z", "2026-10-23T14:00:00Z"),
    ],
)
def test_the_second_notice_comes_while_somebody_works_and_never_later_than_promised(
    deadline: str, told: str
) -> None:
    assert Notify().remind_at(at(deadline)) == at(told)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"sendmail": "/usr/sbin/sendmail"}, "sender: must say from whom"),
        (
            {"sendmail": "/s", "sender": "a@b.nl", "command": ["/c"]},
            "command: must not stand beside sendmail",
        ),
        ({"command": ["mail", "x"]}, "command: must begin with an absolute path"),
        ({"works_from": "17:00", "works_until": "08:30"}, "works_until: must be after works_from"),
        ({"recipients": [{"policy": "groningen", "role": "head", "address": "a@b\r\nBcc: c@d"}]}, "address"),
        ({"remind_before_h": 0}, "remind_before_h"),
        ({"wish": 1}, "wish"),
    ],
)
def test_what_cannot_be_meant_is_refused(table: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Notify.model_validate(table)


def test_a_role_is_told_at_its_own_addresses_under_its_own_policy() -> None:
    notify = Notify.model_validate(
        {
            "sendmail": "/usr/sbin/sendmail",
            "sender": "consentline@groningen.example",
            "recipients": [
                {"policy": "groningen", "role": "head", "address": "hoofd-kcc@groningen.example"},
                {"policy": "heerde", "role": "head", "address": "kcc@heerde.example"},
            ],
        }
    )
    assert notify.addresses(PolicyName("groningen"), "head") == ("hoofd-kcc@groningen.example",)
    assert notify.addresses(PolicyName("groningen"), "agent") == ()
