"""Time and randomness as arguments, and every conversion between ways to write time.

Aware UTC datetimes inside, integer Unix milliseconds in SQLite, ISO-8601 with `Z` in
JSON. Nothing else in the tree asks the machine for the time or for random bytes.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

LOCAL_ZONE = ZoneInfo("Europe/Amsterdam")
"""The zone in which the published terms are counted and shown to people."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """The wall clock and a clock that never leaps."""

    def now(self) -> datetime:
        """Return the wall clock: aware, UTC."""

    def monotonic_s(self) -> float:
        """Return seconds on a clock that only goes forward."""


class Randomness(Protocol):
    """Random bytes fit for keys and identifiers."""

    def token(self, length_bytes: int) -> bytes:
        """Return `length_bytes` fresh random bytes."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Return the wall clock: aware, UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place that may

    def monotonic_s(self) -> float:
        """Return seconds since boot, suspended time included where the kernel counts it."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SteppedClock:
    """A clock that stands still until it is moved; for tests and the sandbox only."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._monotonic_s = 0.0

    def now(self) -> datetime:
        """Return the moment it was last moved to."""
        return self._now

    def monotonic_s(self) -> float:
        """Return the seconds it was advanced by; a leap does not count."""
        return self._monotonic_s

    def advance(self, by: timedelta) -> None:
        """Let time pass: both clocks move."""
        self._now += by
        self._monotonic_s += by.total_seconds()

    def leap(self, by: timedelta) -> None:
        """Set the wall clock alone, as an operator or a bad NTP server does."""
        self._now += by


class SystemRandomness:
    """The kernel's random number generator."""

    def token(self, length_bytes: int) -> bytes:
        """Return `length_bytes` fresh random bytes."""
        return os.urandom(length_bytes)  # noqa: TID251 - the one place that may


def to_ms(moment: datetime) -> int:
    """Return Unix milliseconds, rounded down; the form in which SQLite keeps time.

    Raises:
        ValueError: If `moment` has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_ms(unix_ms: int) -> datetime:
    """Return the aware UTC moment of Unix milliseconds."""
    return _EPOCH + timedelta(milliseconds=unix_ms)


def maybe_from_ms(unix_ms: int | None) -> datetime | None:
    """Return the aware UTC moment of Unix milliseconds, or None where there is none."""
    return None if unix_ms is None else from_ms(unix_ms)


def to_iso(moment: datetime) -> str:
    """Return ISO-8601 in UTC with milliseconds, such as `2026-11-21T17:29:21.250Z`."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """Return the moment written as ISO-8601; a date or time without a zone is Dutch local time.

    Raises:
        ValueError: If `text` is not ISO-8601, or no moment that UTC has.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=LOCAL_ZONE)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text}: lies outside the years 1 to 9999 in UTC") from error


def to_local(moment: datetime) -> str:
    """Return what a person reads: Dutch local time to the second, such as `2026-11-21 18:29:21`."""
    return moment.astimezone(LOCAL_ZONE).strftime("%Y-%m-%d %H:%M:%S")
