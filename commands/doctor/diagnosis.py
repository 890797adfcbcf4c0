"""What `doctor` finds: one value for each thing looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from commands.frame.table import show

COLUMNS = ("verdict", "check", "found")


class Verdict(Enum):
    """What a check came to."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What, in a few words; the same words at every run.
        verdict: What it came to.
        found: What was found.
        advice: What to do about it, or None.
    """

    name: str
    verdict: Verdict
    found: str
    advice: str | None = None

    def to_json(self) -> dict[str, str | None]:
        """Return the check as a program gets it."""
        return {
            "check": self.name,
            "verdict": self.verdict.value,
            "found": self.found,
            "advice": self.advice,
        }

    def to_row(self) -> dict[str, str]:
        """Return the check as a person reads it: the advice behind what was found."""
        found = self.found if self.advice is None else f"{self.found}; {self.advice}"
        return {"verdict": self.verdict.value, "check": self.name, "found": found}


def show_checks(checks: Sequence[Check], *, as_json: bool) -> int:
    """Print checks and return how many found a problem."""
    rows = [check.to_json() if as_json else check.to_row() for check in checks]
    show(rows, COLUMNS, as_json=as_json, title="checks")
    return sum(check.verdict is Verdict.PROBLEM for check in checks)


def ok(name: str, found: str) -> Check:
    """Return a check that found things as they should be."""
    return Check(name=name, verdict=Verdict.OK, found=found)


def note(name: str, found: str, advice: str | None = None) -> Check:
    """Return a check that found something a person should know."""
    return Check(name=name, verdict=Verdict.NOTE, found=found, advice=advice)


def problem(name: str, found: str, advice: str | None = None) -> Check:
    """Return a check that found something that has to change."""
    return Check(name=name, verdict=Verdict.PROBLEM, found=found, advice=advice)
