"""Who heard an agent's calls: every access to a recording of a call that they held (X12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from policy.clock import from_ms, to_iso, to_ms
from policy.situation import PersonId
from store.db import Db
from store.files.archive import Archive
from store.logbook import ledger
from store.logbook.ledger import Json, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One access to a recording of somebody's call.

    Attributes:
        started_at: When the call was.
        name: Who it was, as colleagues know them.
        ending: None while it goes on.
    """

    recording_id: str
    started_at: datetime
    at: datetime
    person: PersonId
    name: str
    role: str
    action: str
    purpose: str
    reason: str
    ending: str | None

    def to_json(self) -> dict[str, Json]:
        """Return the access as a program gets it."""
        return {
            "recording_id": self.recording_id,
            "started_at": to_iso(self.started_at),
            "at": to_iso(self.at),
            "person": self.person,
            "name": self.name,
            "role": self.role,
            "action": self.action,
            "purpose": self.purpose,
            "reason": self.reason,
            "ending": self.ending,
        }


def of_agent(db: Db, agent: PersonId, *, since: datetime | None) -> tuple[Heard, ...]:
    """Return who opened the recordings of calls that this agent held, the latest first.

    Args:
        db: The database.
        agent: Who asks; their own calls alone.
        since: Only accesses of then or later.
    """
    found = db.rows(
        "SELECT a.*, r.started_at, coalesce(p.name, a.person) AS name FROM accesses a"
        " JOIN recordings r USING (recording_id) LEFT JOIN people p ON p.person_id = a.person"
        " WHERE a.released_at >= :since AND EXISTS (SELECT 1 FROM recording_agents s"
        "  WHERE s.recording_id = a.recording_id AND s.person_id = :agent)"
        " ORDER BY a.released_at DESC, a.access_id",
        {"since": 0 if since is None else to_ms(since), "agent": agent},
    )
    return tuple(
        Heard(
            recording_id=row["recording_id"],
            started_at=from_ms(row["started_at"]),
            at=from_ms(row["released_at"]),
            person=PersonId(row["person"]),
            name=row["name"],
            role=row["role"],
            action=row["action"],
            purpose=row["purpose"],
            reason=row["reason"],
            ending=row["ending"],
        )
        for row in found
    )


def note(archive: Archive, agent: PersonId, shown: int, at: datetime, *, actor: str) -> int:
    """Put on the ledger that an agent asked, and return the entry's number."""
    with archive.db.write() as tx:
        return ledger.append(
            tx, Kind.HEARD_SHOWN, at, actor=actor, subject=f"person:{agent}", payload={"shown": shown}
        )
