"""Counting casework: what became of incidents and holds, and what should have been done by now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from policy.clock import LOCAL_ZONE, to_ms
from policy.vocabulary import PolicyName
from publish.reports.figures import By
from store.db import Db, Value
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
    return _number(
        db,
        "SELECT count(*) FROM incidents WHERE policy = ? AND stage = 'flagged' AND assess_by_at < ?",
        (policy, to_ms(now)),
    )


def holds(db: Db, policy: PolicyName, period: Period) -> dict[str, int]:
    """Return how many holds were placed in a period, by reason; as long as call data are kept."""
    return _numbers(
        db,
        "SELECT h.reason, count(*) FROM holds h JOIN recordings r USING (recording_id)"
        " WHERE r.policy = :policy AND h.placed_at >= :since AND h.placed_at < :before GROUP BY 1",
        policy,
        period,
    )


def requests(db: Db, policy: PolicyName, period: Period) -> dict[str, int]:
    """Return how many requests of data subjects came in a period, by right; as long as they are kept."""
    return _numbers(
        db,
        'SELECT "right", count(*) FROM requests WHERE policy = :policy'
        " AND taken_at >= :since AND taken_at < :before GROUP BY 1",
        policy,
        period,
    )


def requests_overdue(db: Db, policy: PolicyName, now: datetime) -> int:
    """Return how many requests should have been decided upon by today."""
    today = now.astimezone(LOCAL_ZONE).date().isoformat()
    return _number(
        db,
        "SELECT count(*) FROM requests WHERE policy = ? AND decided_at IS NULL AND paused_at IS NULL"
        " AND stage <> 'not_identified' AND decide_by < ?",
        (policy, today),
    )


def handovers(db: Db, policy: PolicyName, period: Period) -> dict[str, int]:
    """Return how many hand-overs were asked for in a period, by who was to receive them."""
    return _numbers(
        db,
        "SELECT recipient, count(*) FROM handovers WHERE policy = :policy"
        " AND asked_at >= :since AND asked_at < :before GROUP BY 1",
        policy,
        period,
    )


def orders(db: Db, policy: PolicyName, period: Period) -> dict[str, int]:
    """Return how many compulsory orders were registered in a period, by how they ended."""
    return _numbers(
        db,
        "SELECT coalesce(outcome, 'open'), count(*) FROM orders WHERE policy = :policy"
        " AND registered_at >= :since AND registered_at < :before GROUP BY 1",
        policy,
        period,
    )


def orders_overdue(db: Db, policy: PolicyName, now: datetime) -> int:
    """Return how many orders should have been answered by now."""
    return _number(
        db,
        "SELECT count(*) FROM orders WHERE policy = ? AND closed_at IS NULL AND answer_by_at < ?",
        (policy, to_ms(now)),
    )


def reviews(db: Db, policy: PolicyName, period: Period) -> dict[str, int]:
    """Return how many forms were filled in in a period, by purpose."""
    return _numbers(
        db,
        "SELECT purpose, count(*) FROM review_forms WHERE policy = :policy"
        " AND filled_at >= :since AND filled_at < :before GROUP BY 1",
        policy,
        period,
    )


def notices_waiting(db: Db, policy: PolicyName) -> int:
    """Return how many notices nobody was told of yet."""
    return _number(
        db,
        "SELECT count(*) FROM notices WHERE policy = ? AND sent_at IS NULL AND dropped_at IS NULL",
        (policy,),
    )


def _number(db: Db, sql: str, values: Sequence[Value]) -> int:
    ((number,),) = db.tuples(sql, values)
    return int(number)


def _numbers(db: Db, sql: str, policy: PolicyName, period: Period) -> dict[str, int]:
    found = db.tuples(sql, {"policy": policy, "since": to_ms(period.since), "before": to_ms(period.before)})
    return {str(name): number for name, number in found}
