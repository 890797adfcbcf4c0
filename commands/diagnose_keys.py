"""What `doctor` finds among the reading keys: one for each policy, and somebody who can open it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from commands.diagnosis import Check, note, ok, problem
from policy.clock import SystemClock
from policy.errors import ConsentlineError, NotFound
from policy.model import Policy
from store import keys, reading_keys
from store.db import Db


def key_checks(database: Path, policies: Iterable[Policy]) -> list[Check]:
    """Return a check for each policy's reading key, and one for the cryptography of this machine."""
    return [_self_test(), *_keys(database, policies)]


def _self_test() -> Check:
    try:
        keys.self_test()
    except ConsentlineError as error:
        return problem("cryptography", error.text, error.hint)
    return ok("cryptography", "gives the known answers")


def _keys(database: Path, policies: Iterable[Policy]) -> Iterator[Check]:
    try:
        with closing(Db.open_to_read(database, clock=SystemClock())) as db:
            for policy in policies:
                yield from _key(db, policy)
    except ConsentlineError as error:
        yield problem("reading keys", error.text, error.hint)


def _key(db: Db, policy: Policy) -> Iterator[Check]:
    name = f"reading key {policy.name}"
    try:
        key = reading_keys.reading_key(db, policy.name)
    except NotFound as error:
        yield problem(name, "is missing: nothing can be sealed", error.hint)
        return
    yield ok(name, key.public.fingerprint)
    persons = [slot.person for slot in reading_keys.slots(db, key.public.key_id)]
    if persons:
        yield ok(f"{name}: opened by", ", ".join(persons))
    else:
        yield note(f"{name}: opened by", "nobody: what is sealed cannot be listened to")
