"""What is so about recordings at this moment, as the values that `policy/permission.py` decides with.

Read together, over the tables of many modules, in a fixed number of queries: as many for one
recording as for five hundred, and for one that is not there. So the answer to who may not know
takes the same work whether there is such a recording or not, and `find` does not ask a database
a hundred thousand times.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from policy.access import Action, Closure, IncidentKind, PurposeName, RoleName
from policy.clock import from_ms, maybe_from_ms, to_ms
from policy.situation import (
    Context,
    Hat,
    Hold,
    Incident,
    IncidentStage,
    Person,
    PersonId,
    Recording,
    Word,
    Yes,
)
from policy.vocabulary import PolicyName, RecordingId, RecordingState
from store.access import confirmations, draws, words
from store.access.words import WordKind, WordRow
from store.db import Db
from store.records import recordings
from store.records.recordings import RecordingRow

_Value = TypeVar("_Value")

MOST_AT_ONCE: Final = 500
"""How many recordings are read together: SQLite binds at most so many values safely everywhere."""

UNKNOWN_AGENT: Final = PersonId("?")
"""Stands for somebody who held the call and is not known: nobody can say yes for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks what, apart from which recording.

    Attributes:
        person: With all their hats under this policy.
        company: Who is there and proved it with their own passphrase.
        staff: Everybody with a hat under this policy, by id.
    """

    policy: PolicyName
    person: Person
    company: tuple[Person, ...]
    action: Action
    purpose: PurposeName
    staff: Mapping[PersonId, Person]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One recording in values.

    Attributes:
        row: As it is stored.
        words: The words that stand on it.
    """

    row: RecordingRow
    recording: Recording
    context: Context
    words: tuple[WordRow, ...]


def staff_of(db: Db, policy: PolicyName) -> dict[PersonId, Person]:
    """Return everybody who has, had or will have a hat under a policy, with those hats."""
    found = db.rows(
        "SELECT person_id, role, since, until FROM hats WHERE policy = ? ORDER BY person_id, since, hat_id",
        (policy,),
    )
    hats: dict[PersonId, list[Hat]] = {}
    for row in found:
        hats.setdefault(PersonId(row["person_id"]), []).append(
            Hat(
                role=RoleName(row["role"]),
                since=from_ms(row["since"]),
                until=maybe_from_ms(row["until"]),
            )
        )
    return {person: Person(id=person, hats=tuple(theirs)) for person, theirs in hats.items()}


def look_up(
    db: Db, recording_ids: Sequence[RecordingId], asked: Asked, now: datetime
) -> dict[RecordingId, Facts]:
    """Return what is so about recordings of the policy that is asked under; the others are left out.

    Args:
        db: The database.
        recording_ids: At most `MOST_AT_ONCE`; any text at all.
        asked: Who asks what.
        now: This moment.

    Raises:
        ValueError: If there are too many, which is a bug in the caller.
    """
    if len(recording_ids) > MOST_AT_ONCE:
        raise ValueError(f"at most {MOST_AT_ONCE} recordings at once, got {len(recording_ids)}")
    tables = _Tables.read(db, recording_ids, asked, now)
    return {
        row.recording_id: tables.facts(row, asked, now) for row in tables.rows if row.policy == asked.policy
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tables:
    """What was read about some recordings, by recording."""

    rows: Sequence[RecordingRow]
    agents: Mapping[str, Collection[PersonId]]
    extended: Mapping[str, datetime]
    holds: Mapping[str, Hold]
    closures: Mapping[str, Collection[Closure]]
    incidents: Mapping[str, Incident]
    words: Mapping[str, Sequence[WordRow]]
    drawn: Mapping[RecordingId, datetime]
    requested: Mapping[RecordingId, datetime]

    @classmethod
    def read(cls, db: Db, ids: Sequence[RecordingId], asked: Asked, now: datetime) -> _Tables:
        def rows(sql: str, *more: int) -> list[sqlite3.Row]:
            # The marks are as many as there are ids; the ids themselves are bound.
            return db.rows(sql.format(ids=", ".join("?" * len(ids))), (*ids, *more))

        return cls(
            rows=recordings.among(db, ids),
            agents=_grouped(
                (row["recording_id"], PersonId(row["person_id"]))
                for row in rows(
                    "SELECT recording_id, coalesce(person_id, '?') AS person_id FROM recording_agents"
                    " WHERE recording_id IN ({ids})"
                )
            ),
            extended={
                row["recording_id"]: from_ms(row["until_at"])
                for row in rows("SELECT recording_id, until_at FROM extensions WHERE recording_id IN ({ids})")
            },
            # The one that ends last comes last, and stays.
            holds={
                row["recording_id"]: Hold(reason=row["reason"], until=from_ms(row["until_at"]))
                for row in rows(
                    "SELECT recording_id, reason, until_at FROM holds WHERE recording_id IN ({ids})"
                    " AND over_at IS NULL AND placed_at <= ? AND until_at > ?"
                    " ORDER BY until_at, hold_id DESC",
                    to_ms(now),
                    to_ms(now),
                )
            },
            closures=_grouped(
                (row["recording_id"], Closure(row["closure"]))
                for row in rows(
                    "SELECT recording_id, closure FROM closures WHERE recording_id IN ({ids})"
                    " AND lifted_at IS NULL"
                )
            ),
            incidents={
                row["recording_id"]: Incident(
                    kind=IncidentKind(row["kind"]), stage=IncidentStage(row["stage"])
                )
                for row in rows(
                    "SELECT recording_id, kind, stage FROM incidents WHERE recording_id IN ({ids})"
                    " AND stage IN ('flagged', 'kept')"
                )
            },
            words=_grouped((word.recording_id, word) for word in words.of_recordings(db, ids, now)),
            drawn=draws.drawn_until(db, ids, asked.purpose, now),
            requested=confirmations.requested_until(db, ids, now),
        )

    def facts(self, row: RecordingRow, asked: Asked, now: datetime) -> Facts:
        id_ = row.recording_id
        standing = tuple(self.words.get(id_, ()))
        closed = self.closures.get(id_, ())
        company = {person.id: person for person in asked.company}
        for word in standing:
            if word.kind is WordKind.COMPANY and _is_on(word, asked) and word.receiver == asked.person.id:
                company.setdefault(word.giver, _person(word.giver, asked))
        return Facts(
            row=row,
            recording=Recording(
                agents=frozenset(self.agents.get(id_, ())),
                due_at=row.promised_at,
                extended_until=self.extended.get(id_),
                incident=self.incidents.get(id_),
                live=row.state is RecordingState.RECORDING,
            ),
            context=Context(
                now=now,
                present=tuple(company.values()),
                requests=_words(standing, WordKind.REQUEST, asked),
                openings=_words(standing, WordKind.OPENING, asked),
                approvals=_words(standing, WordKind.APPROVAL, asked),
                yes=tuple(
                    Yes(by=word.giver, purpose=word.purpose, until=word.until)
                    for word in standing
                    if word.kind is WordKind.YES and word.until is not None
                ),
                drawn_until=self.drawn.get(id_),
                requested_until=self.requested.get(id_),
                hold=self.holds.get(id_),
                restricted=Closure.RESTRICTED in closed,
                objected=Closure.OBJECTED in closed,
            ),
            words=standing,
        )


def _grouped(pairs: Iterable[tuple[str, _Value]]) -> dict[str, list[_Value]]:
    grouped: dict[str, list[_Value]] = {}
    for key, value in pairs:
        grouped.setdefault(key, []).append(value)
    return grouped


def _words(standing: Iterable[WordRow], kind: WordKind, asked: Asked) -> tuple[Word, ...]:
    return tuple(
        Word(
            by=_person(word.giver, asked),
            to=word.receiver,
            action=word.action,
            purpose=word.purpose,
            until=word.until,
        )
        for word in standing
        if word.kind is kind and word.until is not None
    )


def _person(person: PersonId, asked: Asked) -> Person:
    return asked.staff.get(person) or Person(id=person, hats=())


def _is_on(word: WordRow, asked: Asked) -> bool:
    return word.action is asked.action and word.purpose == asked.purpose
