"""Counting casework: what became of incidents and holds, and what should have been done by now."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from policy.clock import to_ms
from policy.vocabulary import PolicyName
from publish.reports.figures import By
from store.db import Db
from store.figures.period import Period, group_by
from store.figures.tally import Tally

STAGES: Final = ("flagged", "kept", "dropped", "lapsed")


def incidents(db: Db, policy: PolicyName, period: Period, by: By) -> Tally:
    """Return what became of the incidents that were flagged in a period."""
    tally = Tally(db=db, policy=policy, period=period, by=by)
    select = (
        f"SELECT {group_by(by, 'flagged_at')}, stage, count(*) FROM incidents"  # noqa: S608 - our own words
        " WHERE policy = :policy AND flagged_at >= :since AND flagged_at < :before GROUP BY 1, 2"
    )
    tally.count(select)
    return tally


def not_assessed(db: Db, policy: PolicyName, now: datetime) -> int:
    """Return how many incidents nobody assessed although their recording's first term is over."""
    found = db.rows(
        "SELECT count(*) AS number FROM incidents"
        " WHERE policy = ? AND stage = 'flagged' AND assess_by_at < ?",
        (policy, to_ms(now)),
    )
    return int(found[0]["number"])


def holds(db: Db, policy: PolicyName, period: Period) -> dict[str, int]:
    """Return how many holds were placed in a period, by reason; as long as call data are kept."""
    found = db.rows(
        "SELECT h.reason, count(*) AS number FROM holds h JOIN recordings r USING (recording_id)"
        " WHERE r.policy = ? AND h.placed_at >= ? AND h.placed_at < ? GROUP BY 1 ORDER BY 1",
        (policy, to_ms(period.since), to_ms(period.before)),
    )
    return {row["reason"]: row["number"] for row in found}
