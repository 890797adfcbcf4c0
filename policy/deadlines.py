"""By when a data subject's request is decided, in days of the Dutch calendar.

The day of receipt is not counted; a term in months ends with the same date, or with the last day of
a shorter month; what would end on a Saturday, a Sunday or a public holiday ends with the next working
day. The term lasts until the last hour of its last day.

Which days are public holidays is what `policy/working_days.py` says: a doubtful one counts as a
working day, so that what is shown here is never later than the law's own end.

Source: AVG art. 12(3); Regulation (EEC, Euratom) 1182/71 art. 3(1), 3(2)(c), 3(3) and 3(4); EDPB
Guidelines 01/2022, version 2.1, section 5.3: a request of 31 August is answered by 30 September, and
the time stands still while additional information asked for without delay is awaited.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from policy.clock import LOCAL_ZONE
from policy.period import Period
from policy.rights import Rights
from policy.scope import beginning_of
from policy.working_days import NATIONAL, WorkingDays

_DAY = timedelta(days=1)


def decide_by(
    received_on: date,
    rights: Rights,
    working_days: WorkingDays = NATIONAL,
    *,
    extended: bool = False,
    paused_days: int = 0,
) -> date:
    """Return the last day on which a request is decided in time.

    Args:
        received_on: The day on which it came in.
        rights: What the policy says of deadline and extension.
        working_days: Which days are free.
        extended: It was put off, and the data subject was told within the first term.
        paused_days: Whole days on which identity was awaited, by a recorded decision.
    """
    ends_on = rights.deadline.day_after(received_on, working_days)
    if extended:
        whole = rights.deadline.and_then(rights.extension)
        ends_on = (
            rights.extension.day_after(ends_on, working_days)
            if whole is None
            else whole.day_after(received_on, working_days)
        )
    return _working_day(ends_on + paused_days * _DAY, working_days)


def last_day(from_day: date, term: Period, working_days: WorkingDays = NATIONAL) -> date:
    """Return the last day of any other term that is counted this way, such as that of a blind hold."""
    return _working_day(term.day_after(from_day, working_days), working_days)


def over_at(last: date) -> datetime:
    """Return the first moment at which a term is over whose last day this is; UTC."""
    return beginning_of(last + _DAY).astimezone(UTC)


def day_of(moment: datetime) -> date:
    """Return the Dutch day on which something came in."""
    return moment.astimezone(LOCAL_ZONE).date()


def days_between(since: datetime, until: datetime) -> int:
    """Return the whole days that a pause lasted; a day that was begun is not one."""
    return max(0, (until - since) // _DAY)


def _working_day(day: date, working_days: WorkingDays) -> date:
    return day if working_days.is_working_day(day) else working_days.nth_after(day, 1)
