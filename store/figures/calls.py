"""Counting calls: who was answered, how long they waited and talked, and what they said to being recorded."""

from __future__ import annotations

from typing import Final

from policy.clock import LOCAL_ZONE
from policy.vocabulary import PolicyName
from publish.reports.figures import By
from store.db import Db
from store.figures.period import Period, group_by
from store.figures.tally import Tally

ANSWERS: Final = ("answered", "in_vain", "gone_at_notice", "not_known")
WORDS: Final = ("recorded", "withdrawn", "refused", "left_at_notice", "not_asked")

_WHERE: Final = "c.policy = :policy AND c.started_at >= :since AND c.started_at < :before"
_ANSWER: Final = (
    "CASE WHEN c.outcome = 'caller_gone' THEN 'gone_at_notice' WHEN c.answered = 1 THEN 'answered'"
    " WHEN c.answered = 0 THEN 'in_vain' ELSE 'not_known' END"
)
_WORD: Final = (
    "CASE WHEN c.outcome = 'refused' THEN 'refused'"
    " WHEN c.outcome IN ('not_refused', 'accepted', 'announced') THEN CASE WHEN EXISTS (SELECT 1 FROM"
    "  recordings r WHERE r.call_id = c.call_id AND r.erased_because = 'withdrawn') THEN 'withdrawn'"
    "  ELSE 'recorded' END"
    " WHEN c.outcome IN ('caller_gone', 'notice_incomplete') THEN 'left_at_notice' ELSE 'not_asked' END"
)


def answers(db: Db, policy: PolicyName, period: Period, by: By) -> Tally:
    """Return how calls that began in a period were answered, with histograms `talked` and `waited` in s."""
    tally, group = Tally(db=db, policy=policy, period=period, by=by), _group(by)
    # The group and the parts are this module's own words; every value is bound.
    select = f"SELECT {group}, {_ANSWER}, count(*) FROM calls c WHERE {_WHERE} GROUP BY 1, 2"  # noqa: S608
    tally.count(select)
    for name, column, only in (
        ("talked", "talked_ms", "c.answered = 1"),
        ("waited", "waited_ms", "c.waited_ms IS NOT NULL AND c.outcome <> 'caller_gone'"),
    ):
        select = (
            f"SELECT {group}, c.{column} / 1000, count(*) FROM calls c"  # noqa: S608
            f" WHERE {_WHERE} AND {only} GROUP BY 1, 2"
        )
        tally.measure(name, select)
    return tally


def words(db: Db, policy: PolicyName, period: Period, by: By) -> Tally:
    """Return what was said to being recorded in calls that began in a period."""
    tally = Tally(db=db, policy=policy, period=period, by=by)
    select = f"SELECT {_group(by)}, {_WORD}, count(*) FROM calls c WHERE {_WHERE} GROUP BY 1, 2"  # noqa: S608
    tally.count(select)
    return tally


def passed_unasked(db: Db, policy: PolicyName, period: Period) -> int:
    """Return how many calls went past the gate unasked on the days of a period (N1)."""
    days = [moment.astimezone(LOCAL_ZONE).date().isoformat() for moment in (period.since, period.before)]
    found = db.rows(
        "SELECT coalesce(sum(number), 0) AS number FROM counts WHERE policy = ? AND day >= ? AND day < ?",
        (policy, *days),
    )
    return int(found[0]["number"])


def _group(by: By) -> str:
    match by:
        case By.QUEUE:
            return "c.queue"
        case By.AGENT:
            return (
                "(SELECT s.person_id FROM call_agents s WHERE s.call_id = c.call_id ORDER BY s.since LIMIT 1)"
            )
        case _:
            return group_by(by, "c.started_at")
