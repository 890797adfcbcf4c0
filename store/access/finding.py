"""Finding: which recordings somebody may see at all, under a purpose, and nothing of the others.

Candidates are narrowed by what is asked, in the database; each is then judged by `may()` for
`find`, so that what comes out is no more than could be asked one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policy.access import Action, IncidentKind
from policy.clock import to_iso, to_ms
from policy.errors import ConsentlineError
from policy.permission import Allowed, may
from policy.situation import PersonId
from policy.vocabulary import RecordingId
from store.access.door import Question
from store.access.situation import MOST_AT_ONCE, Asked, Facts, look_up
from store.db import Db, Value
from store.files.archive import Archive
from store.keys import mask_number, number_tag
from store.logbook import ledger
from store.logbook.ledger import Json, Kind

MOST_FOUND: Final = 1000
"""How many are shown at most, the newest first: a page for a person, not a copy of the archive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for; what is None does not narrow.

    Attributes:
        since: Calls that began then or later.
        before: Calls that began before then.
        number: The caller's, after `policy.numbers.normalise`.
        agent: Who held the call.
        incident: What it was flagged for, and not dropped.
        queue: In which the caller waited.
    """

    since: datetime | None = None
    before: datetime | None = None
    number: str | None = None
    agent: PersonId | None = None
    incident: IncidentKind | None = None
    queue: str | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.before is not None and self.before <= self.since:
            raise ConsentlineError(
                f"find: --to must be after --from, got {to_iso(self.since)} to {to_iso(self.before)}"
            )

    def to_json(self) -> dict[str, Json]:
        """Return what the ledger keeps of it: numbers masked."""
        return {
            "from": None if self.since is None else to_iso(self.since),
            "to": None if self.before is None else to_iso(self.before),
            "number": None if self.number is None else mask_number(self.number),
            "agent": self.agent,
            "incident": None if self.incident is None else self.incident.value,
            "queue": self.queue,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One recording that may be seen."""

    facts: Facts
    caller: str | None

    def to_json(self) -> dict[str, Json]:
        """Return the recording as a program gets it."""
        row, incident = self.facts.row, self.facts.recording.incident
        return {
            "recording_id": row.recording_id,
            "policy": row.policy,
            "state": row.state.value,
            "started_at": to_iso(row.started_at),
            "duration_ms": row.duration_ms,
            "caller": self.caller,
            "agents": sorted(self.facts.recording.agents),
            "incident": None if incident is None else f"{incident.kind.value} {incident.stage.value}",
            "due_at": to_iso(row.due_at),
        }


def candidates(db: Db, policy: str, search: Search, *, tag_key: bytes) -> list[RecordingId]:
    """Return what a search narrows to, the newest first; nobody has been judged yet."""
    conditions = ["r.policy = ?", "r.erased_at IS NULL", "r.intended_at IS NULL"]
    values: list[Value] = [policy]
    if search.since is not None:
        conditions.append("r.started_at >= ?")
        values.append(to_ms(search.since))
    if search.before is not None:
        conditions.append("r.started_at < ?")
        values.append(to_ms(search.before))
    if search.number is not None:
        conditions.append("c.caller_tag = ?")
        values.append(number_tag(tag_key, search.number))
    if search.queue is not None:
        conditions.append("c.queue = ?")
        values.append(search.queue)
    if search.agent is not None:
        conditions.append(
            "EXISTS (SELECT 1 FROM recording_agents a WHERE a.recording_id = r.recording_id"
            " AND a.person_id = ?)"
        )
        values.append(search.agent)
    if search.incident is not None:
        conditions.append(
            "EXISTS (SELECT 1 FROM incidents i WHERE i.recording_id = r.recording_id AND i.kind = ?"
            " AND i.stage IN ('flagged', 'kept'))"
        )
        values.append(search.incident.value)
    found = db.rows(
        # The conditions are this function's own words; every value is bound.
        "SELECT r.recording_id FROM recordings r JOIN calls c USING (call_id)"  # noqa: S608
        f" WHERE {' AND '.join(conditions)} ORDER BY r.started_at DESC, r.rowid DESC",
        values,
    )
    return [RecordingId(row["recording_id"]) for row in found]


def batches(ids: Sequence[RecordingId]) -> Iterator[Sequence[RecordingId]]:
    """Yield ids in pieces that can be read together, so that others get their turn between them."""
    for start in range(0, len(ids), MOST_AT_ONCE):
        yield ids[start : start + MOST_AT_ONCE]


def allowed(
    db: Db, ids: Sequence[RecordingId], asked: Asked, question: Question, at: datetime
) -> list[Found]:
    """Return those of a batch that this person may see, in its order."""
    access = question.access
    if access is None:
        return []
    facts = look_up(db, ids, asked, at)
    seen = [
        one
        for one in (facts[id_] for id_ in ids if id_ in facts)
        if isinstance(
            may(asked.person, Action.FIND, one.recording, asked.purpose, one.context, access), Allowed
        )
    ]
    callers = _callers(db, seen)
    return [Found(facts=one, caller=callers.get(one.row.call_id)) for one in seen]


def note(archive: Archive, question: Question, search: Search, found: Iterable[Found], at: datetime) -> int:
    """Put a search on the ledger, before anything of it is shown, and return the entry's number."""
    told: dict[str, Json] = {
        **question.to_json(),
        "search": search.to_json(),
        "found": sum(1 for _ in found),
        "result": "shown",
    }
    with archive.db.write() as tx:
        return ledger.append(tx, Kind.RECORDINGS_FOUND, at, actor=question.actor, subject="", payload=told)


def _callers(db: Db, seen: Sequence[Facts]) -> Mapping[str, str | None]:
    ids = [one.row.call_id for one in seen]
    marks = ", ".join("?" * len(ids))
    # The marks are as many as there are ids; the ids themselves are bound.
    found = db.rows(f"SELECT call_id, caller_masked FROM calls WHERE call_id IN ({marks})", ids)  # noqa: S608
    return {row["call_id"]: row["caller_masked"] for row in found}
