"""A period to count in, and how its moments become local days and hours in SQL.

SQLite knows no time zones. Between two changes of the clock the offset of Amsterdam is one number, so a
period is counted piece by piece, at most three in a year.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from policy.clock import LOCAL_ZONE, to_iso, to_ms
from policy.errors import ConsentlineError
from publish.reports.figures import By

LONGEST: Final = timedelta(days=2 * 366)
_DAY_MS: Final = 24 * 3600 * 1000
_HOUR_MS: Final = 3600 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a period with one offset of the local clock."""

    since_ms: int
    before_ms: int
    offset_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From one moment up to but not including another."""

    since: datetime
    before: datetime

    def __post_init__(self) -> None:
        if self.before <= self.since:
            raise ConsentlineError(
                f"report: --to must be after --from, got {to_iso(self.since)} to {to_iso(self.before)}"
            )
        if self.before - self.since > LONGEST:
            raise ConsentlineError(
                f"report: must be of at most {LONGEST.days} days, got {(self.before - self.since).days}"
            )

    def pieces(self) -> Iterator[Piece]:
        """Yield the period in parts, each with one offset."""
        since = self.since
        while since < self.before:
            offset = since.astimezone(LOCAL_ZONE).utcoffset()
            until = since
            while until < self.before and until.astimezone(LOCAL_ZONE).utcoffset() == offset:
                until += timedelta(hours=1)
            until = min(_full_hour(until), self.before) if until < self.before else self.before
            yield Piece(
                since_ms=to_ms(since),
                before_ms=to_ms(until),
                offset_ms=int((offset or timedelta()).total_seconds() * 1000),
            )
            since = until


def group_by(by: By, column: str) -> str:
    """Return the SQL of the group of a moment, a number that `label` makes words of; `:offset` is bound."""
    match by:
        case By.DAY:
            return f"({column} + :offset) / {_DAY_MS}"
        case By.HOUR:
            return f"(({column} + :offset) / {_HOUR_MS}) % 24"
        case _:
            return "''"


def label(by: By, group: int | str | None) -> str:
    """Return what a group is called: `2026-11-21`, `08:00`, a name, or nothing where it has none."""
    match by:
        case By.DAY:
            return (datetime(1970, 1, 1) + timedelta(days=int(group or 0))).date().isoformat()  # noqa: DTZ001 - a day
        case By.HOUR:
            return f"{int(group or 0):02d}:00"
        case _:
            return str(group or "")


def _full_hour(moment: datetime) -> datetime:
    """Return the beginning of its hour: clocks change on the hour."""
    return moment.replace(minute=0, second=0, microsecond=0)
