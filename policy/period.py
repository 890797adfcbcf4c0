"""Terms of keeping, as written in policy files: `48h`, `7d`, `10wd`, `6m`, `1y`.

A term is a promise of the form "at the latest N days after". Where the calendar and
the clock disagree (the two nights a year on which Amsterdam moves its clocks), the
earlier of both readings counts, so that the due moment is never later than promised.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from policy.clock import LOCAL_ZONE
from policy.errors import shown
from policy.working_days import NATIONAL, WorkingDays

Day = TypeVar("Day", bound=date)

_PATTERN = re.compile(r"([1-9][0-9]{0,4})(h|d|wd|m|y)")
_CLOCK_CHANGE_DAYS = 1 / 24
_LONGEST = {"h": 24 * 366, "d": 366 * 20, "wd": 250, "m": 12 * 20, "y": 20}


@dataclass(frozen=True, slots=True)
class Period:
    """A term: `count` hours, days, working days, calendar months or calendar years.

    Attributes:
        count: At least 1; at most twenty years in its unit (a year for hours and working days).
        unit: One of `h`, `d`, `wd`, `m`, `y`.
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
            raise ValueError(f'must be a period such as "48h", "7d", "6m" or "1y", got "{shown(text)}"')
        count, unit = int(match[1]), match[2]
        if count > _LONGEST[unit]:
            raise ValueError(f'must be at most {_LONGEST[unit]}{unit}, got "{text}"')
        return cls(count, unit)

    @property
    def in_hours(self) -> bool:
        """Whether the term is given in hours, so that its epoch keys are hourly too."""
        return self.unit == "h"

    def after(self, start: datetime, working_days: WorkingDays = NATIONAL) -> datetime:
        """Return the due moment: at most the promised term after `start`, on a whole minute.

        Args:
            start: Aware; the start of the call, or the end of the term that this one follows.
            working_days: Which days count, for a term in working days.
        """
        here = start.astimezone(LOCAL_ZONE)
        match self.unit:
            case "h":
                due = start + timedelta(hours=self.count)
            case "d":
                due = _days_after(here, self.count)
            case "wd":
                last = working_days.nth_after(here.date(), self.count)
                due = _days_after(here, (last - here.date()).days)
            case _:
                due = _earlier_reading(_months_after(here, self._months))
        due = due.astimezone(UTC)
        return due - timedelta(seconds=due.second, microseconds=due.microsecond)

    def day_after(self, day: date, working_days: WorkingDays = NATIONAL) -> date:
        """Return the last day of the term, counted in whole days from a day that is itself not counted.

        Hours are rounded down to days, so that the answer is never later than promised.
        """
        match self.unit:
            case "h":
                return day + timedelta(days=self.count // 24)
            case "d":
                return day + timedelta(days=self.count)
            case "wd":
                return working_days.nth_after(day, self.count)
            case _:
                return _months_after(day, self._months)

    def and_then(self, other: Period) -> Period | None:
        """Return both terms as one, where both are counted in months or years; else None."""
        if {self.unit, other.unit} <= {"m", "y"}:
            return Period(self._months + other._months, "m")
        return None

    @property
    def _months(self) -> int:
        return self.count * (12 if self.unit == "y" else 1)

    def at_most(self, other: Period) -> bool:
        """Return whether this term never ends after the other, whenever both begin.

        Only what holds for every start is True: `30d` is not at most `1m`, for there is February.
        """
        if {self.unit, other.unit} <= {"m", "y"}:
            return self._months <= other._months
        if self.unit == other.unit:
            return self.count <= other.count
        return self.longest_days <= other.shortest_days

    @property
    def longest_days(self) -> float:
        """No start makes the term longer than so many days of 24 hours."""
        match self.unit:
            case "h":
                return self.count / 24
            case "d":
                return self.count
            case "wd":
                # five in seven, one weekend cut in two, and each year's nine holidays at once
                return self.count * 7 / 5 + 3 + 9 * (1 + self.count // 200)
            case _:
                return self._months * 366 / 12 + (2 if self._months % 12 else 0) + _CLOCK_CHANGE_DAYS

    @property
    def shortest_days(self) -> float:
        """No start makes the term shorter than so many days of 24 hours."""
        match self.unit:
            case "h":
                return self.count / 24
            case "d" | "wd":
                return self.count - _CLOCK_CHANGE_DAYS
            case _:
                return self._months * 365 // 12 - (2 if self._months % 12 else 0) - _CLOCK_CHANGE_DAYS

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: str(value) if isinstance(value, Period) else value,
            core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema(strict=True)),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )


def _days_after(start: datetime, days: int) -> datetime:
    """Return so many times 24 hours later, or the same time on that day's clock when that is earlier.

    Args:
        start: In local time.
        days: At least 1.
    """
    by_the_clock = start + timedelta(days=days)  # within one zone Python adds to the wall clock
    return min(start.astimezone(UTC) + timedelta(days=days), _earlier_reading(by_the_clock))


def _earlier_reading(wall: datetime) -> datetime:
    """Return the earlier UTC moment of a local time that comes twice, or not at all."""
    return min(wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))


def _months_after(start: Day, months: int) -> Day:
    """Return the same day `months` later, or that month's last day when it is shorter."""
    index = start.year * 12 + start.month - 1 + months
    year, month = index // 12, index % 12 + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    return start.replace(year=year, month=month, day=day)
