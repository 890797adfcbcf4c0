"""Counting accesses: what was opened, for what, how it ended, and what was refused."""

from __future__ import annotations

import json
from collections import Counter
from typing import Final

from policy.clock import to_ms
from policy.vocabulary import PolicyName
from publish.reports.figures import By
from store.db import Db
from store.figures.period import Period, group_by
from store.figures.tally import Tally

ACTIONS: Final = ("listen", "export", "hand_over", "register", "retrieve", "erase", "monitor")


def accesses(db: Db, policy: PolicyName, period: Period, by: By) -> Tally:
    """Return what was opened in a period, as long as its rows are kept (`retention.approvals`)."""
    tally = Tally(db=db, policy=policy, period=period, by=by)
    group = "purpose" if by is By.PURPOSE else group_by(by, "released_at")
    # The group is one of this module's own words; every value is bound.
    select = (
        f"SELECT {group}, action, count(*) FROM accesses"  # noqa: S608
        " WHERE policy = :policy AND released_at >= :since AND released_at < :before GROUP BY 1, 2"
    )
    tally.count(select)
    return tally


def refusals(db: Db, policy: PolicyName, period: Period) -> Counter[str]:
    """Return how often each action was refused under a policy, as long as the ledger tells.

    What was asked about a call that is not there, or under no policy, counts for none.
    """
    found = db.tuples(
        "SELECT p.body FROM ledger l JOIN ledger_payloads p USING (seq)"
        " WHERE l.kind = 'access_refused' AND l.at >= ? AND l.at < ? AND p.body IS NOT NULL",
        (to_ms(period.since), to_ms(period.before)),
    )
    told = (json.loads(body)["payload"] for (body,) in found)
    return Counter(str(one.get("action")) for one in told if one.get("policy") == policy)
