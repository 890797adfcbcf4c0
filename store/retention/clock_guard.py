"""The clock guard: nothing is purged while the wall clock is in doubt.

A clock set a year ahead by mistake would make everything due, and nothing brings it back. So
the wall clock must agree with a clock that cannot be set (within a minute since the last
check in the same boot), and must not lie before what the ledger has seen already.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from policy.clock import Clock, from_ms, to_iso, to_ms
from policy.errors import ClockSuspect
from store import settings
from store.db import Db
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.records import alarms

ALARM: Final = "clock_suspect"
LARGEST_LEAP: Final = timedelta(seconds=60)
LARGEST_LAG: Final = timedelta(seconds=5)
_BASE: Final = "clock_base"
_FLOOR: Final = "clock_floor"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def this_boot() -> str:
    """Return what names this run of the machine's monotonic clock, "" where the kernel does not say."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Base:
    """When the clocks were last found to agree."""

    wall_ms: int
    monotonic_ms: int
    boot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockGuard:
    """Compares the clocks; what it knows outlives the process.

    Attributes:
        db: Where the last agreement is kept.
        clock: The clocks.
        boot: From `this_boot`: monotonic times of two boots are not compared.
    """

    db: Db
    clock: Clock
    boot: str

    def check(self) -> datetime:
        """Return the wall clock's time, now known to be plausible.

        Raises:
            ClockSuspect: If the clock leapt; an alarm stands then until it agrees again, or
                somebody confirms it.
        """
        now, problem = self.look()
        if problem is not None:
            with self.db.write() as tx:
                alarms.raise_alarm(tx, ALARM, problem, at=now)
            raise ClockSuspect(
                problem, hint="set the clock right, or say so: consentline purge --clock-is-right"
            )
        with self.db.write() as tx:
            settings.put(tx, _BASE, self._base(now))
            alarms.clear(tx, ALARM, at=now)
        return now

    def look(self) -> tuple[datetime, str | None]:
        """Return the wall clock's time and what speaks against it; changes nothing."""
        now = self.clock.now()
        return now, self._leap(now) or self._lag(now)

    def confirm(self, *, actor: str) -> datetime:
        """Take the wall clock as right on somebody's word, which goes on the ledger.

        Returns:
            The time confirmed.
        """
        now, problem = self.look()
        told: dict[str, Json] = {"clock": to_iso(now), "in_doubt_because": problem}
        with self.db.write() as tx:
            seq = ledger.append(tx, Kind.CLOCK_CONFIRMED, now, actor=actor, subject="", payload=told)
            settings.put(tx, _FLOOR, str(seq).encode())
            settings.put(tx, _BASE, self._base(now))
            alarms.clear(tx, ALARM, at=now, actor=actor)
        return now

    def _leap(self, now: datetime) -> str | None:
        stored = settings.get(self.db, _BASE)
        if stored is None:
            return None
        base = _Base(**json.loads(stored))
        passed_ms = self._monotonic_ms() - base.monotonic_ms
        if base.boot != self.boot or passed_ms < 0:
            return None
        leap = timedelta(milliseconds=to_ms(now) - base.wall_ms - passed_ms)
        if abs(leap) <= LARGEST_LEAP:
            return None
        return f"wall clock: leapt by {round(leap.total_seconds())} s since {to_iso(from_ms(base.wall_ms))}"

    def _lag(self, now: datetime) -> str | None:
        floor = int(settings.get(self.db, _FLOOR) or b"0")
        latest = self.db.rows("SELECT at FROM ledger WHERE seq >= ? ORDER BY at DESC LIMIT 1", (floor,))
        if not latest or now >= from_ms(latest[0]["at"]) - LARGEST_LAG:
            return None
        return f"wall clock: says {to_iso(now)}, but the ledger has an entry of {_iso(latest[0]['at'])}"

    def _base(self, now: datetime) -> bytes:
        base = {"wall_ms": to_ms(now), "monotonic_ms": self._monotonic_ms(), "boot": self.boot}
        return json.dumps(base).encode()

    def _monotonic_ms(self) -> int:
        return int(self.clock.monotonic_s() * 1000)


def _iso(unix_ms: int) -> str:
    return to_iso(from_ms(unix_ms))
