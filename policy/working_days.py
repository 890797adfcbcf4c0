"""Which days count as working days, for terms such as Groningen's ten (G4).

Not Saturday, not Sunday, not a national public holiday. What is doubtful counts as a working
day, so that a term never ends later than somebody could read the promise: Good Friday, days
that a decree puts on a par with a holiday, 5 May outside lustrum years, and local closing days.

Source: Algemene termijnenwet art. 3; 5 May is a general day off in lustrum years only by most
collective agreements.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Final

from holidays import country_holidays

from policy.section import Listed, Section

_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5
_GOOD_FRIDAY: Final = "Good Friday"


class WorkingDays(Section):
    """Which doubtful days are free, where the published text says so.

    Attributes:
        good_friday_free: Good Friday is no working day.
        liberation_day_free: 5 May is no working day in any year, not in lustrum years only.
        also_free: More days that the text calls free, such as decree days; each a date.
    """

    good_friday_free: bool = False
    liberation_day_free: bool = False
    also_free: Listed[date] = ()

    def is_working_day(self, day: date) -> bool:
        """Return whether a day counts."""
        if day.weekday() >= _SATURDAY or day in self.also_free:
            return False
        if self.liberation_day_free and (day.month, day.day) == (5, 5):
            return False
        name = _holidays(day.year).get(day)
        return name is None or (name == _GOOD_FRIDAY and not self.good_friday_free)

    def nth_after(self, day: date, count: int) -> date:
        """Return the `count`th working day after a day, that day itself not counted.

        Args:
            day: Any day.
            count: At least 1.
        """
        while count:
            day += _DAY
            count -= self.is_working_day(day)
        return day


@cache
def _holidays(year: int) -> dict[date, str]:
    return dict(country_holidays("NL", years=year, language="en_US").items())


NATIONAL: Final = WorkingDays()
"""The calendar of a text that says nothing more than `working days`."""
