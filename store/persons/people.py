"""People: who they are here, and what is asked about them most.

A person has an id that is theirs for ever: who retires does not come back under it, so that
the ledger means one person by it. What they may do follows from their hats (`store/persons/hats.py`),
which calls are theirs from who held them (`store/persons/call_agents.py`).
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policy.access import RoleName
from policy.clock import from_ms, maybe_from_ms, to_iso, to_ms
from policy.errors import ConsentlineError, NotFound, StateConflict
from policy.situation import Hat, Person, PersonId
from policy.vocabulary import CallId, PolicyName, RecordingId
from store.db import Db, Tx, Value
from store.logbook import ledger
from store.logbook.ledger import Json, Kind

LARGEST_NAME_CHARACTERS: Final = 120

_PERSON_ID: Final = re.compile(r"[a-z][a-z0-9._-]{0,31}")
_LOGIN: Final = re.compile(r"[^\s:/]{1,64}")

_END_HATS: Final = (
    "DELETE FROM hats WHERE person_id = :person AND since >= :at",
    "UPDATE hats SET until = :at WHERE person_id = :person AND (until IS NULL OR until > :at)",
)
_END_LINES: Final = (
    "DELETE FROM agent_lines WHERE person_id = :person AND since >= :at",
    "UPDATE agent_lines SET until = :at WHERE person_id = :person AND (until IS NULL OR until > :at)",
)
"""What was planned goes, what lasts ends now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """One person.

    Attributes:
        name: As colleagues know them.
        login: Their OS login, by which the control socket knows them; None: they have none here, or retired.
        retired_at: Since when they have nothing here any more; None while they do.
    """

    id: PersonId
    name: str
    login: str | None
    added_at: datetime
    retired_at: datetime | None

    def to_json(self) -> dict[str, Json]:
        """Return the person as a program gets it."""
        return {
            "person": self.id,
            "name": self.name,
            "login": self.login,
            "added_at": to_iso(self.added_at),
            "retired_at": None if self.retired_at is None else to_iso(self.retired_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """What went with somebody who retired.

    Attributes:
        hats: How many hats were taken, planned ones included.
        lines: How many lines ended, planned ones included.
    """

    hats: int
    lines: int


def parse_id(text: str) -> PersonId:
    """Return a person's id.

    Raises:
        ConsentlineError: If it cannot be one.
    """
    if _PERSON_ID.fullmatch(text) is None:
        raise ConsentlineError(
            f'person: must be an id such as "jan.smit": a letter, then at most 31 of a-z, 0-9 and . _ -,'
            f' got "{text[:40]}"'
        )
    return PersonId(text)


def subject_of(person_id: PersonId) -> str:
    """Return how the ledger names somebody whom an entry is about."""
    return f"person:{person_id}"


def add(tx: Tx, person_id: PersonId, *, name: str, login: str | None, at: datetime, actor: str) -> PersonRow:
    """Add somebody, who may do nothing yet.

    Raises:
        ConsentlineError: If name or login cannot be one.
        StateConflict: If the id is or was somebody's, or the login is somebody else's.
    """
    row = tx.execute("SELECT retired_at FROM people WHERE person_id = ?", (person_id,)).fetchone()
    if row is not None and row["retired_at"] is None:
        raise StateConflict(f"person {person_id}: is there already", hint="see: consentline people list")
    if row is not None:
        raise StateConflict(
            f"person {person_id}: was somebody who retired, and the ledger means them by it",
            hint="take another id",
        )
    _check_name(person_id, name)
    _check_login(tx, person_id, login)
    tx.execute(
        "INSERT INTO people (person_id, name, login, added_at) VALUES (?, ?, ?, ?)",
        (person_id, name, login, to_ms(at)),
    )
    _tell(tx, Kind.PERSON_ADDED, person_id, {"login": login is not None}, at=at, actor=actor)
    return PersonRow(id=person_id, name=name, login=login, added_at=at, retired_at=None)


def change(
    tx: Tx,
    person_id: PersonId,
    *,
    name: str | None,
    login: str | None,
    at: datetime,
    actor: str,
) -> None:
    """Give somebody another name or login; None leaves it as it is.

    Raises:
        ConsentlineError: If name or login cannot be one.
        NotFound: If there is no such person.
        StateConflict: If they retired, or the login is somebody else's.
    """
    must_be_here(tx, person_id)
    if name is not None:
        _check_name(person_id, name)
        tx.execute("UPDATE people SET name = ? WHERE person_id = ?", (name, person_id))
    if login is not None:
        _check_login(tx, person_id, login)
        tx.execute("UPDATE people SET login = ? WHERE person_id = ?", (login, person_id))
    _tell(
        tx,
        Kind.PERSON_CHANGED,
        person_id,
        {"name": name is not None, "login": login is not None},
        at=at,
        actor=actor,
    )


def retire(tx: Tx, person_id: PersonId, *, at: datetime, actor: str) -> Retired:
    """Take everything from somebody here: hats and lines end now, planned ones and the login go.

    Raises:
        NotFound: If there is no such person.
        StateConflict: If they retired before.
    """
    must_be_here(tx, person_id)
    tx.execute("UPDATE people SET retired_at = ?, login = NULL WHERE person_id = ?", (to_ms(at), person_id))
    retired = Retired(hats=_end(tx, *_END_HATS, person_id, at), lines=_end(tx, *_END_LINES, person_id, at))
    _tell(
        tx, Kind.PERSON_RETIRED, person_id, {"hats": retired.hats, "lines": retired.lines}, at=at, actor=actor
    )
    return retired


def must_be_here(tx: Tx, person_id: PersonId) -> None:
    """Check that somebody is there and has not retired.

    Raises:
        NotFound: If there is no such person.
        StateConflict: If they retired.
    """
    row = tx.execute("SELECT retired_at FROM people WHERE person_id = ?", (person_id,)).fetchone()
    if row is None:
        raise _nobody(person_id)
    if row["retired_at"] is not None:
        raise StateConflict(f"person {person_id}: retired at {to_iso(from_ms(row['retired_at']))}")


def get_person(db: Db, person_id: PersonId) -> PersonRow:
    """Return one person, retired or not.

    Raises:
        NotFound: If there is no such person.
    """
    found = db.rows("SELECT * FROM people WHERE person_id = ?", (person_id,))
    if not found:
        raise _nobody(person_id)
    return _person(found[0])


def find_by_login(db: Db, login: str) -> PersonRow | None:
    """Return the person of an OS login, or None; nobody who retired."""
    found = db.rows("SELECT * FROM people WHERE login = ? AND retired_at IS NULL", (login,))
    return _person(found[0]) if found else None


def all_people(db: Db) -> tuple[PersonRow, ...]:
    """Return everybody, those who retired included, in the order in which they were added."""
    return tuple(_person(row) for row in db.rows("SELECT * FROM people ORDER BY added_at, person_id"))


def in_policy(db: Db, person_id: PersonId, policy: PolicyName) -> Person:
    """Return somebody with every hat they wear, wore or will wear under this policy.

    Raises:
        NotFound: If there is no such person.
    """
    get_person(db, person_id)
    found = db.rows(
        "SELECT role, since, until FROM hats WHERE person_id = ? AND policy = ? ORDER BY since, hat_id",
        (person_id, policy),
    )
    return Person(id=person_id, hats=tuple(hat_of(row) for row in found))


def agents_of_call(db: Db, call_id: CallId) -> frozenset[PersonId]:
    """Return everybody known to have held a call; `call_agents.of_call` has those who are not known."""
    found = db.rows(
        "SELECT DISTINCT person_id FROM call_agents WHERE call_id = ? AND person_id IS NOT NULL", (call_id,)
    )
    return frozenset(PersonId(row["person_id"]) for row in found)


def agents_of_recording(db: Db, recording_id: RecordingId) -> frozenset[PersonId]:
    """Return everybody known to have held the call while this recording of it ran.

    Whoever got the call after its recording was over is not in what was said before.
    """
    found = db.rows(
        "SELECT DISTINCT person_id FROM recording_agents WHERE recording_id = ? AND person_id IS NOT NULL",
        (recording_id,),
    )
    return frozenset(PersonId(row["person_id"]) for row in found)


def knows_all_agents(db: Db, recording_id: RecordingId) -> bool:
    """Return whether somebody held the call while it was recorded, and it is known of each who they are."""
    (row,) = db.rows(
        "SELECT count(*) AS spans, count(person_id) AS known FROM recording_agents WHERE recording_id = ?",
        (recording_id,),
    )
    return bool(row["spans"]) and row["spans"] == row["known"]


def hat_of(row: sqlite3.Row) -> Hat:
    """Return the hat in a row with `role`, `since` and `until`."""
    until = row["until"]
    return Hat(
        role=RoleName(row["role"]),
        since=from_ms(row["since"]),
        until=maybe_from_ms(until),
    )


def _check_name(person_id: PersonId, name: str) -> None:
    if not 0 < len(name) <= LARGEST_NAME_CHARACTERS or not name.isprintable() or name != name.strip():
        raise ConsentlineError(
            f"person {person_id}: name: must be 1 to {LARGEST_NAME_CHARACTERS} printable characters,"
            f' got "{name[:40]}"'
        )


def _check_login(tx: Tx, person_id: PersonId, login: str | None) -> None:
    if login is None:
        return
    if _LOGIN.fullmatch(login) is None or not login.isprintable():
        raise ConsentlineError(f'person {person_id}: login: must be an OS login, got "{login[:40]}"')
    taken = tx.execute(
        "SELECT person_id FROM people WHERE login = ? AND retired_at IS NULL AND person_id <> ?",
        (login, person_id),
    ).fetchone()
    if taken is not None:
        raise StateConflict(f'person {person_id}: login "{login}" is that of {taken["person_id"]}')


def _end(tx: Tx, drop_planned: str, end_now: str, person_id: PersonId, at: datetime) -> int:
    values: dict[str, Value] = {"person": person_id, "at": to_ms(at)}
    return tx.execute(drop_planned, values).rowcount + tx.execute(end_now, values).rowcount


def _tell(
    tx: Tx, kind: Kind, person_id: PersonId, payload: dict[str, Json], *, at: datetime, actor: str
) -> None:
    ledger.append(tx, kind, at, actor=actor, subject=subject_of(person_id), payload=payload)


def _nobody(person_id: PersonId) -> NotFound:
    return NotFound(f"no person {person_id}", hint="see: consentline people list")


def _person(row: sqlite3.Row) -> PersonRow:
    return PersonRow(
        id=PersonId(row["person_id"]),
        name=row["name"],
        login=row["login"],
        added_at=from_ms(row["added_at"]),
        retired_at=maybe_from_ms(row["retired_at"]),
    )
