"""Terms of keeping, as written in policy files: `48h`, `7d`, `6m`, `1y`.

A term is a promise of the form "at the latest N days after". Where the calendar and
the clock disagree (the two nights a year on which Amsterdam moves its clocks), the
earlier of both readings counts, so that the due moment is never later than promised.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from policy.clock import LOCAL_ZONE

_PATTERN = re.compile(r"([1-9][0-9]{0,4})([hdmy])")
_MINUTE = timedelta(minutes=1)
_LONGEST = {"h": 24 * 366, "d": 366 * 20, "m": 12 * 20, "y": 20}


@dataclass(frozen=True, slots=True)
class Period:
    """A term: `count` hours, days, calendar months or calendar years.

    Attributes:
        count: At least 1; at most twenty years in its unit (a year for hours).
        unit: One of `h`, `d`, `m`, `y`.
    """

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read a term such as `60d`.

        Raises:
            ValueError: If it is not a term, is zero, or is longer than twenty years.
        """
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise ValueError(f'must be a period such as "48h", "7d", "6m" or "1y", got "{text[:40]}"')
        count, unit = int(match[1]), match[2]
        if count > _LONGEST[unit]:
            raise ValueError(f'must be at most {_LONGEST[unit]}{unit}, got "{text}"')
        return cls(count, unit)

    @property
    def in_hours(self) -> bool:
        """Whether the term is given in hours, so that its epoch keys are hourly too."""
        return self.unit == "h"

    def after(self, start: datetime) -> datetime:
        """Return the due moment: at most the promised term after `start`, on a whole minute.

        Args:
            start: Aware; the start of the call.
        """
        if self.unit == "h":
            due = start + timedelta(hours=self.count)
        elif self.unit == "d":
            wall = start.astimezone(LOCAL_ZONE) + timedelta(days=self.count)
            due = min(start + timedelta(days=self.count), wall.astimezone(UTC))
        else:
            months = self.count * (12 if self.unit == "y" else 1)
            due = _months_after(start.astimezone(LOCAL_ZONE), months)
        due = due.astimezone(UTC)
        return due - timedelta(seconds=due.second, microseconds=due.microsecond)

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls.parse,
            core_schema.str_schema(strict=True),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )


def _months_after(start: datetime, months: int) -> datetime:
    """Return the same day `months` later, or that month's last day when it is shorter."""
    index = start.year * 12 + start.month - 1 + months
    year, month = index // 12, index % 12 + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    return start.replace(year=year, month=month, day=day)
