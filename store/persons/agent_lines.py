"""Lines: at which telephone which agent answers, from when until when.

A line is an endpoint, a queue's member, or the number dialled towards the agent where all share
one trunk (N13). Never two people on one line at one time; a hot desk is a line whose people
follow one another. Rosters are typed in late: a line may begin or end in the past, and then the
calls of that time are looked at anew.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policy.clock import from_ms, maybe_from_ms, to_iso, to_ms
from policy.errors import ConsentlineError, NotFound, StateConflict
from policy.numbers import normalise
from policy.situation import PersonId
from store.db import Db, Tx
from store.keys import mask_number
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.persons import call_agents, people
from store.persons.ways import LineKind, Way, way

_SHAPES: Final = {
    LineKind.ENDPOINT: (
        re.compile(r"[A-Za-z0-9]+/[A-Za-z0-9_.@-]{1,70}"),
        'a telephone such as "PJSIP/6001"',
    ),
    LineKind.QUEUE_MEMBER: (
        re.compile(r"[A-Za-z0-9]+/[A-Za-z0-9_.@/-]{1,70}"),
        'an interface as the queue names it, such as "Local/6001@agents"',
    ),
    LineKind.DIALLED: (re.compile(r"\+?[0-9]{2,18}"), 'a number without spaces such as "+31341259911"'),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    """One person on one line for a while.

    Attributes:
        address: As it was given.
        since: From this moment on.
        until: Up to but not including this moment, or None while it lasts.
    """

    line_id: int
    person: PersonId
    kind: LineKind
    address: str
    since: datetime
    until: datetime | None

    def lasts_at(self, now: datetime) -> bool:
        """Return whether they are on the line at this moment."""
        return self.since <= now and (self.until is None or now < self.until)

    def to_json(self) -> dict[str, Json]:
        """Return the line as a program gets it."""
        return {
            "person": self.person,
            "kind": self.kind.value,
            "address": self.address,
            "since_at": to_iso(self.since),
            "until_at": None if self.until is None else to_iso(self.until),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A line that was added or ended.

    Attributes:
        calls: How many times somebody held a call that belong to another person now.
    """

    line: LineRow
    calls: int


def add(
    tx: Tx,
    person_id: PersonId,
    kind: LineKind,
    address: str,
    *,
    since: datetime | None,
    until: datetime | None,
    at: datetime,
    actor: str,
    tag_key: bytes,
) -> Changed:
    """Put somebody on a line.

    Args:
        tx: The transaction.
        person_id: Whom.
        kind: What the line is known by.
        address: The endpoint, member or number.
        since: From when, in the past too; None: from now.
        until: Up to but not including when; None: until it is ended.
        at: Now.
        actor: Who does it.
        tag_key: From `settings.tag_key`.

    Raises:
        ConsentlineError: If the address cannot be one, or the times run backwards.
        NotFound: If there is no such person.
        StateConflict: If they retired, or somebody is on that line at that time.
    """
    people.must_be_here(tx, person_id)
    known_by = parse(kind, address, tag_key=tag_key)
    begins = at if since is None else since
    if until is not None and to_ms(until) <= to_ms(begins):
        raise ConsentlineError(f"line {address}: until: must be after {to_iso(begins)}, got {to_iso(until)}")
    _must_be_free(tx, known_by, address, begins, until)
    line_id = tx.execute(
        "INSERT INTO agent_lines (person_id, kind, address, matched, since, until) VALUES (?, ?, ?, ?, ?, ?)",
        (
            person_id,
            kind.value,
            address,
            known_by.matched,
            to_ms(begins),
            None if until is None else to_ms(until),
        ),
    ).lastrowid
    line = LineRow(
        line_id=line_id or 0, person=person_id, kind=kind, address=address, since=begins, until=until
    )
    added = Changed(line=line, calls=call_agents.judge_again(tx, known_by, since=begins, until=until))
    _tell(tx, Kind.LINE_ADDED, added, at=at, actor=actor)
    return added


def end(
    tx: Tx,
    person_id: PersonId,
    kind: LineKind,
    address: str,
    *,
    ends: datetime,
    at: datetime,
    actor: str,
    tag_key: bytes,
) -> Changed:
    """Take somebody off a line; one that would end as it begins goes altogether.

    Args:
        ends: When, in the past too.
        at: Now.

    Raises:
        ConsentlineError: If the address cannot be one.
        NotFound: If they are not on that line then.
    """
    known_by = parse(kind, address, tag_key=tag_key)
    row = tx.execute(
        "SELECT * FROM agent_lines WHERE person_id = :person AND kind = :kind AND matched = :matched"
        " AND since <= :ends AND (until IS NULL OR until > :ends)",
        {"person": person_id, "kind": kind.value, "matched": known_by.matched, "ends": to_ms(ends)},
    ).fetchone()
    if row is None:
        raise NotFound(
            f"line {address}: {person_id} is not on it at {to_iso(ends)}",
            hint=f"see: consentline people show {person_id}",
        )
    before = _line(row)
    if to_ms(before.since) == to_ms(ends):
        tx.execute("DELETE FROM agent_lines WHERE line_id = ?", (before.line_id,))
    else:
        tx.execute("UPDATE agent_lines SET until = ? WHERE line_id = ?", (to_ms(ends), before.line_id))
    after = LineRow(
        line_id=before.line_id,
        person=person_id,
        kind=kind,
        address=before.address,
        since=before.since,
        until=ends,
    )
    ended = Changed(line=after, calls=call_agents.judge_again(tx, known_by, since=ends, until=before.until))
    _tell(tx, Kind.LINE_ENDED, ended, at=at, actor=actor)
    return ended


def all_lines(db: Db) -> tuple[LineRow, ...]:
    """Return every line of everybody, those that ended included."""
    return tuple(
        _line(row) for row in db.rows("SELECT * FROM agent_lines ORDER BY person_id, since, line_id")
    )


def of_person(db: Db, person_id: PersonId) -> tuple[LineRow, ...]:
    """Return every line of somebody, those that ended included."""
    found = db.rows("SELECT * FROM agent_lines WHERE person_id = ? ORDER BY since, line_id", (person_id,))
    return tuple(_line(row) for row in found)


def parse(kind: LineKind, address: str, *, tag_key: bytes) -> Way:
    """Return the way of an address as a person typed it.

    Raises:
        ConsentlineError: If it cannot be one.
    """
    shape, expected = _SHAPES[kind]
    if shape.fullmatch(address) is None:
        raise ConsentlineError(f'line: {kind.value}: must be {expected}, got "{address[:60]}"')
    return way(kind, address, tag_key=tag_key)


def _must_be_free(tx: Tx, known_by: Way, address: str, since: datetime, until: datetime | None) -> None:
    other = tx.execute(
        "SELECT * FROM agent_lines WHERE kind = :kind AND matched = :matched"
        " AND (until IS NULL OR until > :since) AND (:until IS NULL OR since < :until) ORDER BY since",
        {
            "kind": known_by.kind.value,
            "matched": known_by.matched,
            "since": to_ms(since),
            "until": None if until is None else to_ms(until),
        },
    ).fetchone()
    if other is None:
        return
    there = _line(other)
    kind = there.kind.value.replace("_", "-")
    lasts = "" if there.until is None else f" until {to_iso(there.until)}"
    raise StateConflict(
        f"line {address}: {there.person} is on it from {to_iso(there.since)}{lasts},"
        " and two people never are at once",
        hint=f"end it first: consentline people end-line {there.person} --{kind} {address}",
    )


def _tell(tx: Tx, kind: Kind, changed: Changed, *, at: datetime, actor: str) -> None:
    line, judged = changed.line, changed.calls
    told = line.to_json()
    del told["person"]
    if line.kind is LineKind.DIALLED:
        told["address"] = mask_number(normalise(line.address))
    if judged:
        told["calls"] = judged
    ledger.append(tx, kind, at, actor=actor, subject=people.subject_of(line.person), payload=told)


def _line(row: sqlite3.Row) -> LineRow:
    return LineRow(
        line_id=row["line_id"],
        person=row["person_id"],
        kind=LineKind(row["kind"]),
        address=row["address"],
        since=from_ms(row["since"]),
        until=maybe_from_ms(row["until"]),
    )
