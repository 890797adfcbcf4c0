from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from policy.clock import SteppedClock
from policy.scope import Direction
from policy.vocabulary import PolicyName
from store.db import Db
from store.records import counts

LATE = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)  # half past midnight in Amsterdam


def test_calls_are_counted_by_policy_day_and_kind_and_days_begin_in_amsterdam(tmp_path: Path) -> None:
    db = Db.open(tmp_path / "consentline.db", clock=SteppedClock(LATE))
    nunspeet = PolicyName("nunspeet")
    with db.write() as tx:
        for _ in range(3):
            counts.add(tx, nunspeet, Direction.INTERNAL, LATE)
        counts.add(tx, None, Direction.OUTBOUND, LATE)
    told = [(one.policy, one.kind, one.number) for one in counts.since(db, date(2026, 7, 2))]
    assert told == [(None, Direction.OUTBOUND, 1), (nunspeet, Direction.INTERNAL, 3)]
    assert counts.since(db, date(2026, 7, 3)) == ()
    db.close()
