"""How often an agent is reviewed: when the next draw may come, and since when one is overdue (N8). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from policy.model import Policy
from policy.reviews import Reviews
from policy.situation import PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """When an agent's review has to come.

    Attributes:
        last_at: Of the last one, or None.
        since: From when it is counted: the last one, or when they began as an agent here.
        latest_at: By when the next has to be there.
    """

    agent: PersonId
    last_at: datetime | None
    since: datetime
    latest_at: datetime

    def overdue_at(self, now: datetime) -> bool:
        """Return whether it should have been there."""
        return now >= self.latest_at


def draw_ends(policy: Policy, reviews: Reviews, drawn_at: datetime) -> datetime:
    """Return until when a draw opens what it drew, and before when another one needs a reason.

    As soon as the policy allows the next; where it names no cadence, a recording's own term later.
    """
    term = reviews.at_most_every or policy.retention.recording
    return term.after(drawn_at, policy.working_days)


def turn(
    policy: Policy, reviews: Reviews, agent: PersonId, *, began_at: datetime, last_at: datetime | None
) -> Turn | None:
    """Return when an agent's next review has to be there, or None where the policy names no cadence."""
    if reviews.at_least_every is None:
        return None
    since = began_at if last_at is None else max(began_at, last_at)
    latest_at = reviews.at_least_every.after(since, policy.working_days)
    return Turn(agent=agent, last_at=last_at, since=since, latest_at=latest_at)
