"""What `doctor` finds among the keys: one for each role that hears, and somebody who holds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from commands.doctor.diagnosis import Check, note, ok, problem
from policy.clock import SystemClock
from policy.errors import ConsentlineError, NotFound
from policy.model import Policy
from store import keys
from store.db import Db
from store.keyring import person_keys, reading_keys
from store.keyring.reading_keys import Grant, ReadingKey
from store.persons import people


def key_checks(database: Path, policies: Iterable[Policy]) -> list[Check]:
    """Return the checks of reading keys and people's keys, and one for the cryptography of this machine."""
    return [_self_test(), *_keys(database, policies)]


def _self_test() -> Check:
    try:
        keys.self_test()
    except ConsentlineError as error:
        return problem("cryptography", error.text, error.hint)
    return ok("cryptography", "gives the known answers")


def _keys(database: Path, policies: Iterable[Policy]) -> Iterator[Check]:
    clock = SystemClock()
    try:
        with closing(Db.open_to_read(database, clock=clock)) as db:
            for policy in policies:
                yield from _policy(db, policy, clock.now())
            for key in reading_keys.reading_keys(db, retired=True):
                yield _rotation(key)
            for person in person_keys.everybody(db):
                yield ok(f"own key of {person.person}", person.public.fingerprint)
    except ConsentlineError as error:
        yield problem("reading keys", error.text, error.hint)


def _policy(db: Db, policy: Policy, now: datetime) -> Iterator[Check]:
    try:
        roles = reading_keys.roles_with_keys(policy)
    except ConsentlineError as error:
        yield problem(f"reading keys {policy.name}", error.text, error.hint)
        return
    for role in roles:
        name = f"reading key {policy.name}, {role}"
        try:
            key = reading_keys.reading_key(db, policy.name, role)
        except NotFound as error:
            yield problem(name, "is missing: nothing can be sealed", error.hint)
            continue
        yield ok(name, key.public.fingerprint)
        yield from _holders(db, key, now)


def _holders(db: Db, key: ReadingKey, now: datetime) -> Iterator[Check]:
    name = f"reading key {key.policy}, {key.role}: held by"
    grants = reading_keys.holders(db, key.public.key_id)
    holders = [grant for grant in grants if not grant.is_custodian]
    custodians = [grant.person for grant in grants if grant.is_custodian]
    if holders:
        yield ok(name, ", ".join(grant.person for grant in holders))
    elif custodians:
        yield note(
            name,
            f"{', '.join(custodians)} as custodian, for nobody who wears the role does",
            f"grant it: consentline keys grant PERSON --policy {key.policy} --role {key.role}",
        )
    else:
        yield note(name, "nobody: what is sealed to it opens by other paths or not at all")
    strangers = [grant.person for grant in holders if not _wears(db, grant, now)]
    if strangers:
        yield note(
            f"reading key {key.policy}, {key.role}: without the role",
            f"{', '.join(strangers)}: holds the key and may not use it",
            f"take it: consentline keys revoke PERSON --policy {key.policy} --role {key.role}",
        )


def _wears(db: Db, grant: Grant, now: datetime) -> bool:
    hats = people.in_policy(db, grant.person, grant.policy).hats
    return any(hat.role == grant.role and hat.worn_at(now) for hat in hats)


def _rotation(key: ReadingKey) -> Check:
    return note(
        f"reading key {key.policy}, {key.role}: rotation",
        f"the old key {key.public.key_id[:16]} still opens something",
        f"end it: consentline keys rotate --policy {key.policy} --role {key.role}",
    )
