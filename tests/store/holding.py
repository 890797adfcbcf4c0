"""People with keys of their own, for tests: one slot a person and process, for scrypt takes its time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache

from policy.access import RoleName
from policy.situation import PersonId
from store.db import Db
from store.keyring import person_keys, reading_keys
from store.keys import PrivateHalf, Slot, grant_info, make_private_half, make_slot, seal_to
from store.persons import people
from tests.store.scene import CountingRandomness

PASSPHRASE = "vier losse woorden samen"


@cache
def own_half(person: str) -> PrivateHalf:
    """Return somebody's own private half."""
    return make_private_half(CountingRandomness(sum(person.encode()) + 1000))


@cache
def own_slot(person: str) -> Slot:
    """Return it under `PASSPHRASE`."""
    return make_slot(
        own_half(person),
        person=person,
        passphrase=PASSPHRASE,
        randomness=CountingRandomness(sum(person.encode()) + 5000),
    )


def enrol(db: Db, person: str, *, at: datetime, login: str | None = None) -> PersonId:
    """Add somebody with a key of their own."""
    with db.write() as tx:
        people.add(tx, PersonId(person), name=person, login=login or person, at=at, actor="test")
    give_key(db, person, at=at)
    return PersonId(person)


def give_key(db: Db, person: str, *, at: datetime, slot: Slot | None = None) -> None:
    """Give somebody who is here a key of their own, in a slot under `PASSPHRASE` if no other is named."""
    with db.write() as tx:
        person_keys.enrol(tx, own_half(person).public, slot or own_slot(person), at=at, actor="test")


def closed_slot(person: str) -> Slot:
    """Return a slot of that key that nothing opens: for who has the key in hand, and no time for scrypt."""
    key_id = own_half(person).public.key_id
    return Slot(person=person, key_id=key_id, salt=bytes(32), n=2**17, r=8, p=1, wrapped=bytes(124))


def hold(
    db: Db,
    person: str,
    halves: Mapping[RoleName, PrivateHalf],
    *roles: str,
    at: datetime,
    is_custodian: bool = False,
) -> None:
    """Have somebody hold the reading keys of these roles."""
    to = own_half(person).public
    with db.write() as tx:
        for role in roles:
            half = halves[RoleName(role)]
            key_id = half.public.key_id
            sealed = seal_to(to, half.data, grant_info(key_id, person, to))
            reading_keys.grant(
                tx, key_id, PersonId(person), sealed, is_custodian=is_custodian, at=at, actor="test"
            )
