"""Taking in what the dialplan noted at the gate while the daemon was away.

It may be repeated: the mark's file goes only after the commit. A withdrawal's mark is no matter of the store:
`daemon/mark_intake.py` has the recording withdrawn like any other.
"""

from __future__ import annotations

from datetime import datetime

from policy.evidence import Arrival, Decision, Heard, Way
from policy.load import Policies
from policy.vocabulary import CallId, Outcome, PolicyName
from store.db import Db, Tx
from store.records import calls, decisions


def take_gate_mark(
    tx: Tx, call_id: CallId, policy: PolicyName | None, *, number: str, at: datetime, policies: Policies
) -> bool:
    """Note that a call went through a gate at which nobody could ask: `gate_unavailable`.

    The call's row is made if there is none; a stricter outcome that it has stays.

    Args:
        tx: The transaction.
        call_id: The call.
        policy: Whose gate, where that is known.
        number: The number dialled, or "".
        at: When, to the second.
        policies: Every policy served.

    Returns:
        Whether the mark is new.
    """
    arrival = Arrival(
        call_id=call_id,
        channel="",
        policy=policy,
        number=number,
        caller="",
        language="",
        started_at=at,
        way=Way.MARK,
    )
    calls.open_call(tx, arrival, caller=None, policies=policies)
    decision = Decision(
        call_id=call_id,
        outcome=Outcome.GATE_UNAVAILABLE,
        heard=Heard(),
        prompt=None,
        recording_id=None,
        decided_at=at,
        way=Way.MARK,
    )
    return decisions.store(tx, decision, policies)


def marked(db: Db, call_id: CallId) -> bool:
    """Tell whether a mark was taken in for a call (I9: then its recording is not kept in doubt)."""
    return bool(db.rows("SELECT 1 FROM decisions WHERE call_id = ? AND way = 'mark' LIMIT 1", (call_id,)))
