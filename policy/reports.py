"""The `[reports]` table of a policy: who reads numbers about calls, for what, and how small they may be.

Numbers about who gives account, under AVG art. 5(2) and 24, exist under every policy, whatever its text says.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from policy.section import Listed, Name, Section

ACCOUNTABILITY: Final = "accountability"
"""The purpose of whoever gives account. Source: AVG art. 5(2), 24, 33."""


class ReportName(Enum):
    """What can be reported on."""

    CALLS = "calls"
    CONSENT = "consent"
    ACCESS = "access"
    RETENTION = "retention"
    CASEWORK = "casework"
    COMPLIANCE = "compliance"
    BREACH = "breach"

    @property
    def manages(self) -> bool:
        """Whether it is management information; the others are for whoever gives account."""
        return self in (ReportName.CALLS, ReportName.CONSENT, ReportName.CASEWORK)


class Reports(Section):
    """Who reads what is counted.

    Attributes:
        purpose: Under which purpose management information is made; absent: none is made.
        read_by: Roles that read it: calls, consent and casework.
        accounted_by: Roles that give account, by law: they read every report, exact where they say so.
        by_agent: Calls may be counted for each agent; needs `works_council`.
        smallest_count: A smaller number of calls is not shown, nor what it could be reckoned from.
    """

    purpose: Name | None = None
    read_by: Listed[Name] = ()
    accounted_by: Listed[Name] = ("privacy_officer",)
    by_agent: bool = False
    smallest_count: Annotated[int, Field(ge=1, le=100)] = 5

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.read_by and self.purpose is None:
            raise ValueError("purpose: must be named where somebody reads reports, got none")
        return self
