"""The daemon on a clock that a test moves ahead: `python -m tests.real.clocked FILE`.

The file holds how many seconds the clock is ahead of the machine's. Both of its clocks are, so that it is
time that passed and no leap. The product itself knows no such thing: this hands `serve` another clock.

    with Ahead.of(folder) as ahead: Site(..., daemon_command=ahead.command)
    ahead.to(due_at)
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from daemon.service import serve
from policy.clock import SystemClock
from policy.config import ENVIRONMENT_VARIABLE, load_config


@dataclass(frozen=True, slots=True)
class ClockAhead:
    """The machine's clocks, and so many seconds more.

    Attributes:
        file: Says how many.
    """

    file: Path

    def now(self) -> datetime:
        """Return the moment that a test has moved to, and what passed since."""
        return SystemClock().now() + self._ahead()

    def monotonic_s(self) -> float:
        """Return seconds that went by, those that were skipped included."""
        return SystemClock().monotonic_s() + self._ahead().total_seconds()

    def _ahead(self) -> timedelta:
        return timedelta(seconds=float(self.file.read_text()))


@dataclass(frozen=True, slots=True)
class Ahead:
    """The test's hand on that clock. Time only goes on.

    Attributes:
        file: As above.
    """

    file: Path

    @classmethod
    def of(cls, folder: Path) -> Ahead:
        """Begin at the machine's own time."""
        ahead = cls(folder / "ahead")
        ahead._write(0.0)
        return ahead

    @property
    def command(self) -> tuple[str, ...]:
        """What runs the daemon on that clock."""
        return (sys.executable, "-m", "tests.real.clocked", str(self.file))

    def now(self) -> datetime:
        """Return what the daemon takes for now."""
        return ClockAhead(self.file).now()

    def to(self, moment: datetime) -> None:
        """Let time pass until that moment.

        Raises:
            ValueError: If it has passed already.
        """
        skipped_s = (moment - self.now()).total_seconds()
        if skipped_s < 0:
            raise ValueError(f"{moment} has passed already, it is {self.now()}")
        self._write(float(self.file.read_text()) + skipped_s)

    def _write(self, seconds: float) -> None:
        beside = self.file.with_suffix(".new")
        beside.write_text(repr(seconds))
        beside.replace(self.file)


def main(arguments: list[str]) -> None:
    """Run the daemon of the installation that the environment names."""
    (file,) = arguments
    config = load_config(Path(os.environ[ENVIRONMENT_VARIABLE]))
    serve(config, clock=ClockAhead(Path(file)))


if __name__ == "__main__":
    main(sys.argv[1:])
