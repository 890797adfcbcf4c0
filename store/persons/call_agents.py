"""Who held a call: a span for each telephone that was in the caller's bridge.

A span's person is who was on that telephone's line when the span began, and nobody where the
lines say nothing or name two people: in doubt a call is nobody's own. Spans go with the data
of their call (`store/retention/call_data.py`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policy.clock import from_ms, maybe_from_ms, to_iso, to_ms
from policy.situation import PersonId
from policy.vocabulary import CallId
from store.db import Db, Tx, Value
from store.logbook.ledger import Json
from store.persons.ways import Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Somebody held a call for a while.

    Attributes:
        channel_id: Asterisk's uniqueid of their telephone's channel.
        person: Who it was; None: not known.
        until: When they left; None while they have it.
    """

    call_id: CallId
    channel_id: CallId
    person: PersonId | None
    since: datetime
    until: datetime | None

    def to_json(self) -> dict[str, Json]:
        """Return the span as a program gets it."""
        return {
            "call_id": self.call_id,
            "channel_id": self.channel_id,
            "person": self.person,
            "since_at": to_iso(self.since),
            "until_at": None if self.until is None else to_iso(self.until),
        }


def note(db: Db, call_id: CallId, present: Mapping[CallId, Collection[Way]], at: datetime) -> bool:
    """Store who has a call now; what is the same as before is left as it is.

    Args:
        db: The database.
        call_id: A channel; one that is no call which goes on is passed over.
        present: From the channel of each who speaks with the caller to the ways they are known by.
        at: Since when.

    Returns:
        Whether anything changed.
    """
    going_on = db.rows(
        "SELECT 1 FROM calls WHERE call_id = ? AND ended_at IS NULL AND data_erased_at IS NULL", (call_id,)
    )
    if not going_on:
        return False
    found = db.rows("SELECT channel_id FROM call_agents WHERE call_id = ? AND until IS NULL", (call_id,))
    before = {row["channel_id"] for row in found}
    gone, new = before - present.keys(), present.keys() - before
    if not gone and not new:
        return False
    with db.write() as tx:
        for channel_id in sorted(gone):
            tx.execute(
                "UPDATE call_agents SET until = max(since, ?)"
                " WHERE call_id = ? AND channel_id = ? AND until IS NULL",
                (to_ms(at), call_id, channel_id),
            )
        for channel_id in sorted(new):
            _open(tx, call_id, channel_id, present[channel_id], at)
    return True


def close(tx: Tx, call_id: CallId, at: datetime) -> None:
    """Store that nobody has a call any more; of one that was not recorded nothing stays.

    Whose call it was is asked about recordings, and about calls while they go on.
    """
    values: dict[str, Value] = {"call": call_id, "at": to_ms(at)}
    tx.execute(
        "UPDATE call_agents SET until = max(since, :at) WHERE call_id = :call AND until IS NULL", values
    )
    tx.execute(
        "DELETE FROM call_agents WHERE call_id = :call"
        " AND NOT EXISTS (SELECT 1 FROM recordings WHERE call_id = :call)",
        values,
    )


def forget(tx: Tx, call_id: CallId) -> None:
    """Erase who held a call."""
    tx.execute("DELETE FROM call_agents WHERE call_id = ?", (call_id,))


def judge_again(tx: Tx, way: Way, *, since: datetime, until: datetime | None) -> int:
    """Look up anew who held the spans that this way was known in, for lines that changed in retrospect.

    Returns:
        How many spans have another person now.
    """
    found = tx.execute(
        "SELECT span_id FROM call_agents JOIN call_agent_ways USING (span_id)"
        " WHERE kind = ? AND matched = ? AND since >= ? AND since < ?",
        (way.kind.value, way.matched, to_ms(since), _END_OF_TIME_MS if until is None else to_ms(until)),
    )
    return sum(_settle(tx, row["span_id"]) for row in found.fetchall())


def of_call(db: Db, call_id: CallId) -> tuple[Span, ...]:
    """Return who held a call, the first first."""
    found = db.rows("SELECT * FROM call_agents WHERE call_id = ? ORDER BY since, span_id", (call_id,))
    return tuple(_span(row) for row in found)


def who_has_it(db: Db, call_id: CallId, channel_id: CallId) -> PersonId | None:
    """Return who is at this channel of a call now; None: nobody that the lines name.

    Of a telephone behind half a Local channel the half is heard, and the telephone is on record: where
    only one has the call, it is them.
    """
    found = db.rows("SELECT * FROM call_agents WHERE call_id = ? AND until IS NULL", (call_id,))
    spans = [_span(row) for row in found]
    here = [span for span in spans if span.channel_id == channel_id] or spans
    return here[0].person if len(here) == 1 else None


def of_person(db: Db, person_id: PersonId, *, since: datetime | None = None) -> tuple[Span, ...]:
    """Return the spans of somebody, the oldest first.

    Args:
        since: Only those that began then or later.
    """
    found = db.rows(
        "SELECT * FROM call_agents WHERE person_id = ? AND since >= ? ORDER BY since, span_id",
        (person_id, 0 if since is None else to_ms(since)),
    )
    return tuple(_span(row) for row in found)


def held_calls(db: Db) -> tuple[CallId, ...]:
    """Return every call that somebody has, as it is on record."""
    found = db.rows("SELECT DISTINCT call_id FROM call_agents WHERE until IS NULL ORDER BY call_id")
    return tuple(CallId(row["call_id"]) for row in found)


def all_spans(db: Db) -> tuple[Span, ...]:
    """Return every span that is kept, the oldest first."""
    return tuple(_span(row) for row in db.rows("SELECT * FROM call_agents ORDER BY since, span_id"))


_END_OF_TIME_MS: Final = 2**62


def _open(tx: Tx, call_id: CallId, channel_id: CallId, ways: Collection[Way], at: datetime) -> None:
    span_id = tx.execute(
        "INSERT INTO call_agents (call_id, channel_id, since) VALUES (?, ?, ?)",
        (call_id, channel_id, to_ms(at)),
    ).lastrowid
    tx.executemany(
        "INSERT INTO call_agent_ways (span_id, kind, matched) VALUES (?, ?, ?)",
        [(span_id, way.kind.value, way.matched) for way in ways],
    )
    _settle(tx, span_id)


def _settle(tx: Tx, span_id: int | None) -> bool:
    """Store whose span it is, and return whether that is somebody else than before."""
    changed = tx.execute(
        "UPDATE call_agents SET person_id = whose.person_id FROM"
        " (SELECT CASE WHEN count(DISTINCT l.person_id) = 1 THEN min(l.person_id) END AS person_id"
        "  FROM call_agents s JOIN call_agent_ways w USING (span_id)"
        "  JOIN agent_lines l ON l.kind = w.kind AND l.matched = w.matched"
        "   AND l.since <= s.since AND (l.until IS NULL OR s.since < l.until)"
        "  WHERE s.span_id = :span) AS whose"
        " WHERE span_id = :span AND call_agents.person_id IS NOT whose.person_id",
        {"span": span_id},
    ).rowcount
    return bool(changed)


def _span(row: sqlite3.Row) -> Span:
    return Span(
        call_id=row["call_id"],
        channel_id=row["channel_id"],
        person=row["person_id"],
        since=from_ms(row["since"]),
        until=maybe_from_ms(row["until"]),
    )
