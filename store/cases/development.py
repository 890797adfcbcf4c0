"""Development notes: what a coach tells about how an agent develops, and nothing of any call (N6)."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from policy.access import RoleName
from policy.clock import from_ms, to_iso, to_ms
from policy.situation import PersonId
from policy.vocabulary import PolicyName
from store.db import Db, Tx
from store.logbook import ledger
from store.logbook.ledger import Json, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteRow:
    """One note as it is stored."""

    note_id: int
    policy: PolicyName
    agent: PersonId
    written_by: PersonId
    role: RoleName
    words: str
    written_at: datetime
    due_at: datetime

    def to_json(self) -> dict[str, Json]:
        """Return the note as a program gets it."""
        return {
            "note": self.note_id,
            "policy": self.policy,
            "agent": self.agent,
            "written_by": self.written_by,
            "written_at": to_iso(self.written_at),
            "due_at": to_iso(self.due_at),
            "words": self.words,
        }


def write(  # noqa: PLR0917 - in the order in which it is said
    tx: Tx,
    policy: PolicyName,
    agent: PersonId,
    written_by: PersonId,
    role: RoleName,
    words: str,
    *,
    at: datetime,
    due_at: datetime,
    actor: str,
) -> NoteRow:
    """Store a note; its words are not on the ledger."""
    inserted = tx.execute(
        "INSERT INTO development_notes (policy, agent, written_by, role, words, written_at, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (policy, agent, written_by, role, words, to_ms(at), to_ms(due_at)),
    )
    note_id = int(inserted.lastrowid or 0)
    told: dict[str, Json] = {
        "note": note_id,
        "person": written_by,
        "role": role,
        "policy": policy,
        "agent": agent,
        "until": to_iso(due_at),
    }
    ledger.append(tx, Kind.DEVELOPMENT_NOTED, at, actor=actor, subject="", payload=told)
    return _note(tx.execute("SELECT * FROM development_notes WHERE note_id = ?", (note_id,)).fetchone())


def of_policy(db: Db, policy: PolicyName, *, agent: PersonId | None = None) -> tuple[NoteRow, ...]:
    """Return the notes under a policy, about one agent or about all, in order."""
    found = db.rows(
        "SELECT * FROM development_notes WHERE policy = :policy AND (:agent IS NULL OR agent = :agent)"
        " ORDER BY note_id",
        {"policy": policy, "agent": agent},
    )
    return tuple(_note(row) for row in found)


def note_shown(
    tx: Tx, policy: PolicyName, to: PersonId, role: str, agents: list[PersonId], *, at: datetime, actor: str
) -> None:
    """Put on the ledger that somebody is shown notes about these agents, before they are."""
    about: list[Json] = list(agents)
    told: dict[str, Json] = {
        "person": to,
        "role": role,
        "policy": policy,
        "agents": about,
        "result": "shown",
    }
    ledger.append(tx, Kind.DEVELOPMENT_SHOWN, at, actor=actor, subject="", payload=told)


def any_due(db: Db, at: datetime) -> bool:
    """Tell whether the term of any of these rows is over."""
    return bool(db.rows("SELECT 1 FROM development_notes WHERE due_at <= ? LIMIT 1", (to_ms(at),)))


def forget_due(tx: Tx, at: datetime) -> int:
    """Erase the notes whose term is over, tell it, and return how many."""
    found = tx.execute("SELECT note_id FROM development_notes WHERE due_at <= ?", (to_ms(at),)).fetchall()
    if found:
        tx.execute("DELETE FROM development_notes WHERE due_at <= ?", (to_ms(at),))
        told: dict[str, Json] = {"development_notes": [row["note_id"] for row in found]}
        ledger.append(tx, Kind.REVIEWS_ERASED, at, actor="daemon", subject="", payload=told)
    return len(found)


def _note(row: sqlite3.Row) -> NoteRow:
    return NoteRow(
        note_id=row["note_id"],
        policy=PolicyName(row["policy"]),
        agent=PersonId(row["agent"]),
        written_by=PersonId(row["written_by"]),
        role=RoleName(row["role"]),
        words=row["words"],
        written_at=from_ms(row["written_at"]),
        due_at=from_ms(row["due_at"]),
    )
