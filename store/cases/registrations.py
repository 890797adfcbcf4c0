"""Registrations: what was taken down of an incident, as data and never as sound (G5).

One for each incident, with the fields of the form that an organisation keeps on aggression. It outlives the
recording, and goes with the incident, on the term of incidents. Its words are the registrar's own; none of
them reach the ledger, which knows only that it was made, changed and shown, and by whom.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from policy.clock import from_ms, to_iso, to_ms
from policy.errors import NotFound, StateConflict
from policy.situation import PersonId
from policy.vocabulary import PolicyName
from store.db import Db, Tx
from store.logbook import ledger
from store.logbook.ledger import Json, Kind

_SELECT: Final = (
    "SELECT registrations.*, incidents.policy, incidents.kind FROM registrations"
    " JOIN incidents USING (incident_id)"
)


class Aggression(Enum):
    """What happened, in one word."""

    VERBAL = "verbal"
    INTIMIDATION = "intimidation"
    THREAT = "threat"
    DISCRIMINATION = "discrimination"
    SEXUAL = "sexual"
    MISCONDUCT = "misconduct"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What is filled in.

    Attributes:
        place: Where, or by which channel, such as `telefoon, algemeen nummer`.
        said: What was said, in the registrar's own words.
        measures: What was done about it, or nothing.
        report_filed: Whether a report was filed with the police (aangifte).
    """

    happened_at: datetime
    place: str
    aggression: Aggression
    said: str
    measures: str
    report_filed: bool

    def to_json(self) -> dict[str, Json]:
        """Return the form as a program gets it."""
        return {
            "happened_at": to_iso(self.happened_at),
            "place": self.place,
            "aggression": self.aggression.value,
            "said": self.said,
            "measures": self.measures,
            "report_filed": self.report_filed,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRow:
    """A registration as it is stored.

    Attributes:
        incident_id: Of the incident; there is one registration for each.
        kind: Of the incident, such as `aggression`.
        register_number: Under which it is known elsewhere, such as the number in the GIR, or None.
        changed_by: Who noted something on it afterwards, the last time.
    """

    incident_id: int
    policy: PolicyName
    kind: str
    form: Form
    registered_by: PersonId
    role: str
    registered_at: datetime
    register_number: str | None
    changed_by: PersonId | None
    changed_at: datetime | None

    def to_json(self) -> dict[str, Json]:
        """Return the registration as a program gets it: data, no sound, no name of a file with sound."""
        return {
            "incident": self.incident_id,
            "policy": self.policy,
            "kind": self.kind,
            **self.form.to_json(),
            "register_number": self.register_number,
            "registered_by": self.registered_by,
            "role": self.role,
            "registered_at": to_iso(self.registered_at),
            "changed_by": self.changed_by,
            "changed_at": None if self.changed_at is None else to_iso(self.changed_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Registrar:
    """Who registers.

    Attributes:
        role: The hat under which.
        actor: As the ledger names them.
    """

    person: PersonId
    role: str
    actor: str


def add(tx: Tx, incident_id: int, form: Form, by: Registrar, at: datetime) -> None:
    """Add the registration of an incident; it is on the ledger.

    Raises:
        StateConflict: If there is one.
    """
    known = tx.execute("SELECT registered_by FROM registrations WHERE incident_id = ?", (incident_id,))
    if (row := known.fetchone()) is not None:
        raise StateConflict(
            f"incident {incident_id}: was registered before, by {row['registered_by']}",
            hint="what came later is noted with: consentline incident note",
        )
    tx.execute(
        "INSERT INTO registrations (incident_id, happened_at, place, aggression, said, measures,"
        " report_filed, registered_by, registered_role, registered_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            incident_id,
            to_ms(form.happened_at),
            form.place,
            form.aggression.value,
            form.said,
            form.measures,
            int(form.report_filed),
            by.person,
            by.role,
            to_ms(at),
        ),
    )
    told: dict[str, Json] = {
        "incident": incident_id,
        "person": by.person,
        "role": by.role,
        "aggression": form.aggression.value,
        "report_filed": form.report_filed,
    }
    ledger.append(
        tx, Kind.INCIDENT_REGISTERED, at, actor=by.actor, subject=_subject(tx, incident_id), payload=told
    )


def note(
    tx: Tx,
    incident_id: int,
    by: Registrar,
    at: datetime,
    *,
    register_number: str | None = None,
    report_filed: bool | None = None,
    measures: str | None = None,
) -> None:
    """Note on a registration what came later; what is None stays as it is.

    Raises:
        NotFound: If there is none.
    """
    changed: dict[str, str | int | None] = {
        "register_number": register_number,
        "report_filed": None if report_filed is None else int(report_filed),
        "measures": measures,
    }
    found = tx.execute(
        "UPDATE registrations SET register_number = coalesce(:register_number, register_number),"
        " report_filed = coalesce(:report_filed, report_filed), measures = coalesce(:measures, measures),"
        " changed_by = :person, changed_at = :at WHERE incident_id = :incident",
        {**changed, "person": by.person, "at": to_ms(at), "incident": incident_id},
    )
    if not found.rowcount:
        raise NotFound(f"incident {incident_id}: was not registered", hint="consentline incident register")
    told: dict[str, Json] = {
        "incident": incident_id,
        "person": by.person,
        "role": by.role,
        "changed": [key for key, value in changed.items() if value is not None],
    }
    ledger.append(
        tx, Kind.REGISTRATION_CHANGED, at, actor=by.actor, subject=_subject(tx, incident_id), payload=told
    )


def shown(tx: Tx, rows: Collection[RegistrationRow], by: Registrar, at: datetime, *, how: str) -> None:
    """Put on the ledger who was shown which registrations, and in which form."""
    told: dict[str, Json] = {
        "person": by.person,
        "role": by.role,
        "incidents": [row.incident_id for row in rows],
        "how": how,
    }
    ledger.append(tx, Kind.REGISTRATIONS_SHOWN, at, actor=by.actor, subject="", payload=told)


def of_policy(db: Db, policy: PolicyName) -> tuple[RegistrationRow, ...]:
    """Return the registrations of one organisation, oldest incident first."""
    found = db.rows(f"{_SELECT} WHERE incidents.policy = ? ORDER BY incident_id", (policy,))
    return tuple(_registration(row) for row in found)


def of_incident(db: Db, incident_id: int) -> RegistrationRow | None:
    """Return the registration of an incident, or None."""
    found = db.rows(f"{_SELECT} WHERE incident_id = ?", (incident_id,))
    return _registration(found[0]) if found else None


def erase(tx: Tx, incident_id: int) -> None:
    """Erase the registration of an incident that goes; its ledger entry is the incident's."""
    tx.execute("DELETE FROM registrations WHERE incident_id = ?", (incident_id,))


def _subject(tx: Tx, incident_id: int) -> str:
    row = tx.execute("SELECT recording_id FROM incidents WHERE incident_id = ?", (incident_id,)).fetchone()
    return str(row["recording_id"])


def _registration(row: sqlite3.Row) -> RegistrationRow:
    return RegistrationRow(
        incident_id=row["incident_id"],
        policy=PolicyName(row["policy"]),
        kind=row["kind"],
        form=Form(
            happened_at=from_ms(row["happened_at"]),
            place=row["place"],
            aggression=Aggression(row["aggression"]),
            said=row["said"],
            measures=row["measures"],
            report_filed=bool(row["report_filed"]),
        ),
        registered_by=PersonId(row["registered_by"]),
        role=row["registered_role"],
        registered_at=from_ms(row["registered_at"]),
        register_number=row["register_number"],
        changed_by=None if row["changed_by"] is None else PersonId(row["changed_by"]),
        changed_at=None if row["changed_at"] is None else from_ms(row["changed_at"]),
    )
