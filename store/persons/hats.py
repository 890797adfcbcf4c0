"""Hats: who wears which role of which policy, from when until when.

No two hats that exclude each other are ever worn by one person at one moment (N5): it is
checked over the whole time of a new hat, planned hats included. A hat is given from now on or
later, never for the past: what somebody did was done with the hats they wore then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from policy.access import Access, RoleName
from policy.clock import from_ms, to_iso, to_ms
from policy.errors import ConsentlineError, NotFound, StateConflict
from policy.model import Policy
from policy.permission import Rule, excluding_roles
from policy.section import unknown
from policy.situation import Hat, PersonId
from policy.vocabulary import PolicyName
from store.db import Db, Tx
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.persons import people


@dataclass(frozen=True, slots=True, kw_only=True)
class HatRow:
    """One hat of one person under one policy."""

    person: PersonId
    policy: PolicyName
    hat: Hat

    def to_json(self) -> dict[str, Json]:
        """Return the hat as a program gets it."""
        return {
            "person": self.person,
            "policy": self.policy,
            "role": self.hat.role,
            "since_at": to_iso(self.hat.since),
            "until_at": None if self.hat.until is None else to_iso(self.hat.until),
        }


def give(
    tx: Tx,
    person_id: PersonId,
    policy: Policy,
    role: str,
    *,
    since: datetime | None,
    until: datetime | None,
    at: datetime,
    actor: str,
) -> HatRow:
    """Give somebody a hat.

    Args:
        tx: The transaction.
        person_id: Whom.
        policy: Under which policy, as it is served now.
        role: A role of that policy.
        since: From when; None: from now.
        until: Up to but not including when; None: for as long as it is not taken.
        at: Now.
        actor: Who gives it.

    Raises:
        ConsentlineError: If the times run backwards.
        NotFound: If there is no such person, or no such role.
        StateConflict: If they retired, wear it already, or wear one that excludes it.
    """
    where = f"person {person_id}"
    people.must_be_here(tx, person_id)
    access = _access(policy)
    for problem in unknown(where, f"role of {policy.name}", (role,), access.roles):
        raise NotFound(problem, hint=f"roles of {policy.name}: {', '.join(access.roles)}")
    begins = at if since is None else since
    if begins < at:
        raise ConsentlineError(
            f"{where}: since: must not lie in the past, got {to_iso(begins)}",
            hint="a hat is worn from now on; what was done was done with the hats worn then",
        )
    if until is not None and to_ms(until) <= to_ms(begins):
        raise ConsentlineError(f"{where}: until: must be after {to_iso(begins)}, got {to_iso(until)}")
    hat = Hat(role=RoleName(role), since=_stored(begins), until=None if until is None else _stored(until))
    worn = _worn(tx, person_id, policy.name)
    if any(other.role == role and _meet(other, hat) for other in worn):
        raise StateConflict(f"{where}: is {role} of {policy.name} already")
    excluded = exclusion(worn, hat, access)
    if excluded is not None:
        raise StateConflict(f"{where}: {excluded.in_words(policy.identity.organisation)}")
    tx.execute(
        "INSERT INTO hats (person_id, policy, role, since, until) VALUES (?, ?, ?, ?, ?)",
        (person_id, policy.name, role, to_ms(begins), None if until is None else to_ms(until)),
    )
    row = HatRow(person=person_id, policy=policy.name, hat=hat)
    _tell(tx, Kind.HAT_GIVEN, at, actor, row)
    return row


def take(
    tx: Tx, person_id: PersonId, policy: PolicyName, role: str, *, ends: datetime, at: datetime, actor: str
) -> HatRow:
    """Take a hat from somebody; planned ones of the same role go too.

    Args:
        ends: When, not in the past.
        at: Now.

    Raises:
        ConsentlineError: If it should have ended in the past.
        NotFound: If there is no such person, or they do not wear it then and will not.
        StateConflict: If they retired.
    """
    people.must_be_here(tx, person_id)
    if ends < at:
        raise ConsentlineError(f"person {person_id}: at: must not lie in the past, got {to_iso(ends)}")
    lasting = [
        hat
        for hat in _worn(tx, person_id, policy)
        if hat.role == role and (hat.until is None or hat.until > ends)
    ]
    if not lasting:
        raise NotFound(
            f'person {person_id}: wears no hat "{role}" of {policy} at {to_iso(ends)}',
            hint=f"see: consentline people show {person_id}",
        )
    values = (person_id, policy, role, to_ms(ends))
    tx.execute("DELETE FROM hats WHERE person_id = ? AND policy = ? AND role = ? AND since >= ?", values)
    tx.execute(
        "UPDATE hats SET until = ?4 WHERE person_id = ?1 AND policy = ?2 AND role = ?3"
        " AND (until IS NULL OR until > ?4)",
        values,
    )
    first = lasting[0]
    taken = Hat(role=first.role, since=first.since, until=max(ends, first.since))
    row = HatRow(person=person_id, policy=policy, hat=taken)
    _tell(tx, Kind.HAT_TAKEN, at, actor, row)
    return row


def of_person(db: Db, person_id: PersonId) -> tuple[HatRow, ...]:
    """Return every hat of somebody, under every policy, those that were taken included."""
    found = db.rows(
        "SELECT policy, role, since, until FROM hats WHERE person_id = ? ORDER BY policy, since, hat_id",
        (person_id,),
    )
    return tuple(HatRow(person=person_id, policy=row["policy"], hat=people.hat_of(row)) for row in found)


def all_hats(db: Db) -> tuple[HatRow, ...]:
    """Return every hat of everybody."""
    found = db.rows(
        "SELECT person_id, policy, role, since, until FROM hats ORDER BY person_id, policy, since"
    )
    return tuple(
        HatRow(person=row["person_id"], policy=row["policy"], hat=people.hat_of(row)) for row in found
    )


def exclusion(worn: Iterable[Hat], new: Hat, access: Access) -> Rule | None:
    """Return the rule that keeps a hat from being worn beside these, at whatever moment, or None (N5).

    Who wears what changes only when a hat begins, so those moments are enough.
    """
    beside = [hat for hat in worn if _meet(hat, new)]
    for moment in sorted({new.since, *(hat.since for hat in beside if new.worn_at(hat.since))}):
        rule = excluding_roles({new.role, *(hat.role for hat in beside if hat.worn_at(moment))}, access)
        if rule is not None:
            return rule
    return None


def _access(policy: Policy) -> Access:
    if policy.access is None:
        raise NotFound(f"policy {policy.name}: has no [access], so it has no roles")
    return policy.access


def _worn(tx: Tx, person_id: PersonId, policy: PolicyName) -> list[Hat]:
    found = tx.execute(
        "SELECT role, since, until FROM hats WHERE person_id = ? AND policy = ? ORDER BY since, hat_id",
        (person_id, policy),
    )
    return [people.hat_of(row) for row in found.fetchall()]


def _stored(moment: datetime) -> datetime:
    """Return the moment to the millisecond, as the database keeps it."""
    return from_ms(to_ms(moment))


def _meet(one: Hat, other: Hat) -> bool:
    return (one.until is None or other.since < one.until) and (other.until is None or one.since < other.until)


def _tell(tx: Tx, kind: Kind, at: datetime, actor: str, row: HatRow) -> None:
    told = row.to_json()
    del told["person"]
    ledger.append(tx, kind, at, actor=actor, subject=people.subject_of(row.person), payload=told)
