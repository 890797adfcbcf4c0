"""How a call was answered: in which queue it waited, how long, and how long somebody had it (E7).

The queue is whatever last held the caller before anybody answered. Waiting begins when the caller comes to a
queue, or leaves the gate where there was none: the notice is no waiting. How long it took is kept only where
the policy names `waiting_time` among the data of a call (`data.call_data`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from policy.clock import to_ms
from policy.identity import DataCategory
from policy.model import Policy
from policy.vocabulary import CallId
from store.db import Tx

_LONGEST_NAME_CHARACTERS: Final = 80


def is_kept(policy: Policy | None) -> bool:
    """Return whether a policy names waiting time among what is kept about a call."""
    return policy is not None and DataCategory.WAITING_TIME in policy.data.call_data


def note_queue(tx: Tx, call_id: CallId, queue: str, at: datetime) -> bool:
    """Store in which queue a caller waits; who was answered waits no more, and a stranger is passed over.

    Returns:
        Whether it counts.
    """
    noted = tx.execute(
        "UPDATE calls SET queue = :queue, queued_at = coalesce(queued_at, :at)"
        " WHERE call_id = :call AND ended_at IS NULL AND data_erased_at IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM call_agents WHERE call_id = :call)",
        {"queue": queue[:_LONGEST_NAME_CHARACTERS], "at": to_ms(at), "call": call_id},
    ).rowcount
    return bool(noted)


def settle(tx: Tx, call_id: CallId, ended_at: datetime) -> None:
    """Store how a call that ended was answered; before its agents are forgotten."""
    found = tx.execute(
        "SELECT since, coalesce(until, :at) AS until FROM call_agents WHERE call_id = :call ORDER BY since",
        {"call": call_id, "at": to_ms(ended_at)},
    )
    spans = [(row["since"], row["until"]) for row in found.fetchall()]
    tx.execute(
        "UPDATE calls SET answered = :answered, talked_ms = :talked, queued_at = NULL,"
        " waited_ms = CASE WHEN keeps_waiting THEN max(0, :until - coalesce(queued_at,"
        "  (SELECT min(decided_at) FROM decisions WHERE call_id = :call))) END WHERE call_id = :call",
        {
            "answered": int(bool(spans)),
            "talked": _covered_ms(spans),
            "until": spans[0][0] if spans else to_ms(ended_at),
            "call": call_id,
        },
    )


def _covered_ms(spans: Iterable[tuple[int, int]]) -> int:
    """Return how long somebody had it; two at once count once."""
    covered_ms, seen_until = 0, 0
    for since, until in spans:
        covered_ms += max(0, until - max(since, seen_until))
        seen_until = max(seen_until, until)
    return covered_ms
