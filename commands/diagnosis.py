"""What `doctor` finds: one value for each thing looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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

    def to_row(self) -> dict[str, str | None]:
        """Return the row as it is printed."""
        return {
            "check": self.name,
            "verdict": self.verdict.value,
            "found": self.found,
            "advice": self.advice,
        }


def ok(name: str, found: str) -> Check:
    """Return a check that found things as they should be."""
    return Check(name=name, verdict=Verdict.OK, found=found)


def note(name: str, found: str, advice: str | None = None) -> Check:
    """Return a check that found something a person should know."""
    return Check(name=name, verdict=Verdict.NOTE, found=found, advice=advice)


def problem(name: str, found: str, advice: str | None = None) -> Check:
    """Return a check that found something that has to change."""
    return Check(name=name, verdict=Verdict.PROBLEM, found=found, advice=advice)
