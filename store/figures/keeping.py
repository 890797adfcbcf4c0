"""Counting what was erased and what is there: by which rule, how late, how old."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policy.clock import from_ms, to_ms
from policy.vocabulary import PolicyName
from publish.reports.figures import By
from store.cases import request_calls
from store.db import Db, Value
from store.figures.period import Period, group_by
from store.figures.tally import Tally

ERASURES: Final = ("due", "withdrawn", "requested", "incident_dropped", "not_to_be_made", "nothing_in_it")

LATE_AFTER_MS: Final = 60_000
"""To the minute: what is gone within one was not late."""

_WHERE: Final = "r.policy = :policy AND r.erased_at >= :since AND r.erased_at < :before"
_WHY: Final = (
    "CASE WHEN r.erased_because IN ('request', 'objection') THEN 'requested'"
    " WHEN r.erased_because IN ('out_of_scope', 'controller_lost', 'ghost') THEN 'not_to_be_made'"
    " WHEN r.erased_because = 'empty' THEN 'nothing_in_it' ELSE r.erased_because END"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What there is now.

    Attributes:
        recordings: Not erased, `lost` ones left out.
        oldest_at: When the oldest of them was begun.
        overdue: Past their end by more than a minute.
        held: By holds that run.
        lost: Of which there are no bytes, without anybody's doing.
    """

    recordings: int
    oldest_at: datetime | None
    overdue: int
    held: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """How late what was due in a period went.

    Attributes:
        erased: How many went because their term was over.
        latest_ms: How late the latest was.
        late: How many went more than a minute late.
        early: How many went before their end without anybody's word.
        last_at: When the last one went.
    """

    erased: int
    latest_ms: int | None
    late: int
    early: int
    last_at: datetime | None


def erasures(db: Db, policy: PolicyName, period: Period, by: By) -> Tally:
    """Return why recordings were erased in a period, with a histogram `late` in s of those that were due."""
    tally, group = Tally(db=db, policy=policy, period=period, by=by), group_by(by, "r.erased_at")
    # The group and the parts are this module's own words; every value is bound.
    select = f"SELECT {group}, {_WHY}, count(*) FROM recordings r WHERE {_WHERE} GROUP BY 1, 2"  # noqa: S608
    tally.count(select)
    late = (
        f"SELECT {group}, coalesce(r.lateness_ms, 0) / 1000, count(*) FROM recordings r"  # noqa: S608
        f" WHERE {_WHERE} AND r.erased_because = 'due' GROUP BY 1, 2"
    )
    tally.measure("late", late)
    return tally


def lateness(db: Db, policy: PolicyName, period: Period) -> Lateness:
    """Return how exact the erasing was of what was due in a period."""
    (row,) = db.rows(
        "SELECT count(*) AS erased, max(coalesce(lateness_ms, 0)) AS latest, max(erased_at) AS last,"
        " sum(coalesce(lateness_ms, 0) > :late) AS late, sum(erased_at < due_at) AS early"
        " FROM recordings WHERE policy = :policy AND erased_at >= :since AND erased_at < :before"
        " AND erased_because = 'due'",
        {
            "policy": policy,
            "since": to_ms(period.since),
            "before": to_ms(period.before),
            "late": LATE_AFTER_MS,
        },
    )
    return Lateness(
        erased=row["erased"],
        latest_ms=row["latest"],
        late=row["late"] or 0,
        early=row["early"] or 0,
        last_at=None if row["last"] is None else from_ms(row["last"]),
    )


def present(db: Db, policy: PolicyName, now: datetime) -> Present:
    """Return what there is now; what a request alone keeps unseen is not told of."""
    unseen = json.dumps(sorted(request_calls.keeping_alone(db, now)))
    values: dict[str, Value] = {"policy": policy, "now": to_ms(now), "late": LATE_AFTER_MS, "unseen": unseen}
    (row,) = db.rows(
        "SELECT count(*) FILTER (WHERE state <> 'lost') AS recordings,"
        " min(started_at) FILTER (WHERE state <> 'lost') AS oldest,"
        " count(*) FILTER (WHERE due_at + :late < :now) AS overdue,"
        " count(*) FILTER (WHERE state = 'lost') AS lost"
        " FROM recordings WHERE policy = :policy AND erased_at IS NULL"
        " AND recording_id NOT IN (SELECT value FROM json_each(:unseen))",
        values,
    )
    (held,) = db.rows(
        "SELECT count(DISTINCT h.recording_id) AS held FROM holds h JOIN recordings r USING (recording_id)"
        " WHERE r.policy = :policy AND h.over_at IS NULL AND h.until_at > :now AND r.erased_at IS NULL",
        values,
    )
    return Present(
        recordings=row["recordings"],
        oldest_at=None if row["oldest"] is None else from_ms(row["oldest"]),
        overdue=row["overdue"],
        held=held["held"],
        lost=row["lost"],
    )
