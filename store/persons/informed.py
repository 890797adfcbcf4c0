"""Who was told that calls are recorded: a dated record for each agent (N12)."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date, datetime

from policy.clock import LOCAL_ZONE, to_ms
from policy.errors import ConsentlineError, NotFound, StateConflict
from policy.identity import Occasion
from policy.model import Policy
from policy.section import unknown
from policy.situation import PersonId
from policy.vocabulary import PolicyName
from store.db import Db, Tx
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.persons import people


@dataclass(frozen=True, slots=True, kw_only=True)
class InformedRow:
    """Somebody was told.

    Attributes:
        on: The day, as people wrote it down.
    """

    person: PersonId
    policy: PolicyName
    how: Occasion
    on: date

    def to_json(self) -> dict[str, Json]:
        """Return the record as a program gets it."""
        return {
            "person": self.person,
            "policy": self.policy,
            "how": self.how.value,
            "on": self.on.isoformat(),
        }


def note(
    tx: Tx, person_id: PersonId, policy: Policy, how: str, on: date, *, at: datetime, actor: str
) -> InformedRow:
    """Store that somebody was told.

    Args:
        tx: The transaction.
        person_id: Whom.
        policy: Under whose promise.
        how: An occasion that the policy names.
        on: The day, in the past or today.
        at: Now.
        actor: Who says so.

    Raises:
        ConsentlineError: If the day has yet to come.
        NotFound: If there is no such person, or the policy names no such occasion.
        StateConflict: If they retired, or it is on record.
    """
    where = f"person {person_id}"
    people.must_be_here(tx, person_id)
    occasions = [occasion.value for occasion in policy.staff.told_at]
    for problem in unknown(where, f"occasion of {policy.name}", (how,), occasions):
        named = ", ".join(occasions) or "none"
        raise NotFound(problem, hint=f"staff.told_at of {policy.name} names: {named}")
    today = at.astimezone(LOCAL_ZONE).date()
    if on > today:
        raise ConsentlineError(f"{where}: on: must be a day that has come, got {on.isoformat()}")
    row = InformedRow(person=person_id, policy=policy.name, how=Occasion(how), on=on)
    stored = tx.execute(
        "INSERT INTO informed (person_id, policy, occasion, told_on, noted_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (person_id, policy.name, how, on.isoformat(), to_ms(at)),
    ).rowcount
    if not stored:
        raise StateConflict(f"{where}: is on record as informed ({how}) on {on.isoformat()} already")
    told = row.to_json()
    del told["person"]
    ledger.append(
        tx, Kind.PERSON_INFORMED, at, actor=actor, subject=people.subject_of(person_id), payload=told
    )
    return row


def of_person(db: Db, person_id: PersonId) -> tuple[InformedRow, ...]:
    """Return when and how somebody was told, the oldest first."""
    found = db.rows("SELECT * FROM informed WHERE person_id = ? ORDER BY told_on, policy", (person_id,))
    return tuple(_informed(row) for row in found)


def not_informed(db: Db, policy: Policy, at: datetime) -> tuple[PersonId, ...]:
    """Return who takes calls under this policy and was never told of it; nobody where it asks for none.

    An agent is somebody who wears a role that takes calls, now.
    """
    if policy.access is None or not policy.staff.told_at:
        return ()
    takes_calls = [name for name, role in policy.access.roles.items() if role.takes_calls]
    found = db.rows(
        "SELECT person_id, role FROM hats h WHERE policy = :policy"
        " AND since <= :at AND (until IS NULL OR :at < until)"
        " AND NOT EXISTS (SELECT 1 FROM informed i WHERE i.person_id = h.person_id AND i.policy = h.policy)",
        {"policy": policy.name, "at": to_ms(at)},
    )
    return tuple(sorted({PersonId(row["person_id"]) for row in found if row["role"] in takes_calls}))


def _informed(row: sqlite3.Row) -> InformedRow:
    return InformedRow(
        person=row["person_id"],
        policy=row["policy"],
        how=Occasion(row["occasion"]),
        on=date.fromisoformat(row["told_on"]),
    )
