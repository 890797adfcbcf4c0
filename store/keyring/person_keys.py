"""People's own keys, as rows: the public half, and the private half in a slot under their passphrase."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from policy.clock import from_ms, to_ms
from policy.errors import IntegrityError, NotFound, StateConflict
from policy.situation import PersonId
from store.db import Db, Tx
from store.keys import KeyId, PublicHalf, Slot
from store.logbook import ledger
from store.logbook.ledger import Kind
from store.persons import people


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonKey:
    """Somebody's own key.

    Attributes:
        public: What role keys are granted to.
        slot: The private half, under their passphrase.
    """

    person: PersonId
    public: PublicHalf
    slot: Slot
    enrolled_at: datetime


def enrol(tx: Tx, public: PublicHalf, slot: Slot, *, at: datetime, actor: str) -> None:
    """Store somebody's key, which they made themselves.

    Raises:
        NotFound: If there is no such person.
        StateConflict: If they have one, or retired.
        IntegrityError: If the slot is not of this key.
    """
    people.must_be_here(tx, PersonId(slot.person))
    _must_match(public, slot)
    if has_key(tx, PersonId(slot.person)):
        raise StateConflict(
            f"person {slot.person}: has a key of their own already",
            hint=f"for another passphrase: consentline people passphrase {slot.person}",
        )
    tx.execute(
        "INSERT INTO person_keys (person, key_id, public_half, salt, n, r, p, wrapped, enrolled_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            slot.person,
            public.key_id,
            public.data,
            slot.salt,
            slot.n,
            slot.r,
            slot.p,
            slot.wrapped,
            to_ms(at),
        ),
    )
    _tell(tx, Kind.PERSON_ENROLLED, slot.person, public.key_id, at=at, actor=actor)


def has_key(tx: Tx, person: PersonId) -> bool:
    """Tell whether somebody has a key of their own."""
    return tx.execute("SELECT 1 FROM person_keys WHERE person = ?", (person,)).fetchone() is not None


def change_slot(tx: Tx, slot: Slot, *, at: datetime, actor: str) -> None:
    """Replace somebody's slot by one of the same key under another passphrase.

    The old slot's bytes are gone from the files only after `Db.forget_deleted`.

    Raises:
        NotFound: If they have no key.
        IntegrityError: If the slot is of another key.
    """
    known = _one(
        tx.execute("SELECT * FROM person_keys WHERE person = ?", (slot.person,)).fetchone(), slot.person
    )
    _must_match(known.public, slot)
    tx.execute(
        "UPDATE person_keys SET salt = ?, n = ?, r = ?, p = ?, wrapped = ? WHERE person = ?",
        (slot.salt, slot.n, slot.r, slot.p, slot.wrapped, slot.person),
    )
    _tell(tx, Kind.SLOT_CHANGED, slot.person, slot.key_id, at=at, actor=actor)


def forget(tx: Tx, person: PersonId, *, at: datetime, actor: str) -> int:
    """Remove somebody's slot and every grant to them, as when they retire; again is harmless.

    What they opened before stays known to them. Somebody who copied slot, passphrase, grants and
    envelopes before can still open those envelopes; only rotating the keys they held, and the end
    of the epochs, ends that. The bytes are gone from the files only after `Db.forget_deleted`.

    Returns:
        How many role keys they held.
    """
    held = tx.execute("DELETE FROM key_grants WHERE person = ?", (person,)).rowcount
    row = tx.execute("DELETE FROM person_keys WHERE person = ? RETURNING key_id", (person,)).fetchone()
    if row is not None:
        _tell(tx, Kind.PERSON_KEY_REMOVED, person, KeyId(row["key_id"]), at=at, actor=actor, held=held)
    return held


def get(db: Db, person: str) -> PersonKey:
    """Return somebody's own key.

    Raises:
        NotFound: If they have none.
        IntegrityError: If the row was damaged.
    """
    found = db.rows("SELECT * FROM person_keys WHERE person = ?", (person,))
    return _one(found[0] if found else None, person)


def find(db: Db, person: str) -> PersonKey | None:
    """Return somebody's own key, or None when they have none."""
    found = db.rows("SELECT * FROM person_keys WHERE person = ?", (person,))
    return _one(found[0], person) if found else None


def everybody(db: Db) -> tuple[PersonKey, ...]:
    """Return everybody's own key, by person.

    Raises:
        IntegrityError: If a row was damaged.
    """
    rows = db.rows("SELECT * FROM person_keys ORDER BY person")
    return tuple(_one(row, row["person"]) for row in rows)


def _one(row: sqlite3.Row | None, person: str) -> PersonKey:
    if row is None:
        raise NotFound(
            f"person {person[:60]}: has no key of their own",
            hint=f"they make it themselves: consentline people enrol {person[:60]}",
        )
    slot = Slot(
        person=row["person"],
        key_id=KeyId(row["key_id"]),
        salt=row["salt"],
        n=row["n"],
        r=row["r"],
        p=row["p"],
        wrapped=row["wrapped"],
    )
    return PersonKey(
        person=PersonId(row["person"]),
        public=PublicHalf(data=row["public_half"]),
        slot=slot,
        enrolled_at=from_ms(row["enrolled_at"]),
    )


def _must_match(public: PublicHalf, slot: Slot) -> None:
    if slot.key_id != public.key_id:
        raise IntegrityError(
            f"slot of {slot.person[:60]!r}: must be of key {public.key_id[:16]}, is of {slot.key_id[:16]}"
        )


def _tell(tx: Tx, kind: Kind, person: str, key_id: KeyId, *, at: datetime, actor: str, **more: int) -> None:
    ledger.append(
        tx,
        kind,
        at,
        actor=actor,
        subject=people.subject_of(PersonId(person)),
        payload={"key": key_id, **more},
    )
