"""The `[notify]` table of the config file: how people are told that something waits for them, and when again.

Told is a role, at an address of that role: no address of a person is kept, and no notice holds personal data.
When the second notice comes is computed here, from the deadline alone: so long before it as the installation
says, and never when nobody works. What would come in the evening, at night or in a weekend comes in the last
working hour before.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints, model_validator

from policy.clock import LOCAL_ZONE
from policy.config_table import ConfigTable
from policy.vocabulary import PolicyName
from policy.working_days import NATIONAL, WorkingDays

LAST_HOUR: Final = timedelta(hours=1)
FG: Final = "fg"
COUNSEL: Final = "counsel"
"""Who is told of a compulsory order besides the policy's own roles: the data protection officer, and the
organisation's lawyer. Neither is a role of a policy, for neither hears anything."""

_DAY: Final = timedelta(days=1)
Address = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,8}$"),
]
RoleWord = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Argument = Annotated[str, StringConstraints(pattern=r"^[^\x00]{1,1000}$")]
HourOfDay = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Program = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f]{1,500}$")]


class Recipient(ConfigTable):
    """The address of a role under one policy.

    Attributes:
        policy: Its name.
        role: As the policy names it; `fg` and `counsel` under any.
        address: Of the role, best not of a person.
    """

    policy: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    role: RoleWord
    address: Address


class Notify(ConfigTable):
    """How notices go out.

    Attributes:
        sendmail: Absolute; a program that takes a message on its standard input, as `sendmail -i -t` does.
        sender: From whom such a message is.
        command: A program and its arguments, which gets each notice as JSON on its standard input. No shell
            is ever asked.
        recipients: Addresses of roles, for `sendmail`.
        remind_before_h: So many hours before its deadline the second notice comes, at the latest.
        works_from: When somebody is there, on working days, in local time.
        works_until: Until when.
    """

    sendmail: Program | None = None
    sender: Address | None = None
    command: tuple[Argument, ...] = Field(default=(), strict=False)
    recipients: tuple[Recipient, ...] = Field(default=(), strict=False)
    remind_before_h: Annotated[int, Field(ge=1, le=24 * 31)] = 8
    works_from: HourOfDay = "08:30"
    works_until: HourOfDay = "17:00"

    @property
    def is_set(self) -> bool:
        """Return whether anybody can be told at all."""
        return self.sendmail is not None or bool(self.command)

    def addresses(self, policy: PolicyName, role: str) -> tuple[str, ...]:
        """Return where a role is told."""
        return tuple(one.address for one in self.recipients if (one.policy, one.role) == (policy, role))

    def remind_at(self, deadline: datetime, working_days: WorkingDays = NATIONAL) -> datetime:
        """Return when the second notice comes: in working hours, `remind_before_h` before or more.

        Args:
            deadline: Aware.
            working_days: Which days count, by the policy.
        """
        latest = deadline - timedelta(hours=self.remind_before_h)
        here = latest.astimezone(LOCAL_ZONE)
        opens, closes = time.fromisoformat(self.works_from), time.fromisoformat(self.works_until)
        day = here.date()
        if working_days.is_working_day(day) and opens <= here.time() < closes:
            return latest
        if here.time() < opens:
            day -= _DAY
        while not working_days.is_working_day(day):
            day -= _DAY
        return datetime.combine(day, closes, LOCAL_ZONE).astimezone(deadline.tzinfo) - LAST_HOUR

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.sendmail is not None and self.command:
            raise ValueError("command: must not stand beside sendmail; choose one way")
        if self.sendmail is not None and self.sender is None:
            raise ValueError("sender: must say from whom a message is, where sendmail is set, got nothing")
        if self.command and re.match(r"^/", self.command[0]) is None:
            raise ValueError(f'command: must begin with an absolute path, got "{self.command[0][:80]}"')
        if self.works_until <= self.works_from:
            raise ValueError(f'works_until: must be after works_from, got "{self.works_until}"')
        return self
