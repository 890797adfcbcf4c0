"""Registering incidents as data, in the GIR or here only, and never their sound (G3, G5, G8).

    register   whom a grant lets, while the recording is there; assessed first, where the grant wants that
    note       the number in the register, a report to the police, measures: afterwards, too
    view       by who registers, and nobody else; each time on the ledger

The registration outlives the recording, and goes with its incident.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from casework.at_the_door import Asking, grants_for, incident_of, must_be_in_order, question
from policy.access import Action
from policy.errors import StateConflict
from policy.load import Policies
from policy.model import Policy
from policy.permission import excluding_roles
from policy.situation import PersonId
from store.access import accesses, door
from store.access.accesses import Ending
from store.access.door import Question
from store.cases import registrations
from store.cases.registrations import Aggression, Form, Registrar, RegistrationRow
from store.files.archive import Archive
from store.persons import people
from store.records import calls
from store.retention.incidents import IncidentRow


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledIn:
    """A form as it comes in.

    Attributes:
        happened_at: Left out: when the call began.
    """

    happened_at: datetime | None
    place: str
    aggression: Aggression
    said: str
    measures: str
    report_filed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """What is noted on a registration afterwards; None: as it was."""

    register_number: str | None = None
    report_filed: bool | None = None
    measures: str | None = None


def register(
    archive: Archive, policies: Policies, asking: Asking, number: int, filled_in: FilledIn
) -> RegistrationRow:
    """Register an incident.

    Args:
        archive: Where it is.
        policies: Every policy served.
        asking: Who registers; their passphrase was proved.
        number: Of the incident.
        filled_in: The form.

    Raises:
        RefusedByPolicy: If this role does not register here, with rule and article; told freely.
        NotFound: If there is no such incident of this organisation, or its recording may not be opened.
        AccessRefused: If this kind of incident is not registered here.
        StateConflict: If it has to be assessed first, is over, or was registered before.
    """
    at = archive.clock.now()
    asked = question(archive, policies, asking, Action.REGISTER)
    door.enter(archive, asked, at)
    incident = incident_of(archive, asked.policy, number)
    _must_be_in_order(archive, asked.policy, incident)
    asked = question(archive, policies, asking, Action.REGISTER, kind=incident.kind)
    passed = door.decide(archive, asked, incident.recording_id, at)
    form = Form(
        happened_at=filled_in.happened_at or calls.get_call(archive.db, incident.call_id).started_at,
        place=filled_in.place,
        aggression=filled_in.aggression,
        said=filled_in.said,
        measures=filled_in.measures,
        report_filed=filled_in.report_filed,
    )
    access_id, _ = door.open_access(archive, asked, passed, at)
    by = Registrar(person=asking.person, role=passed.role, actor=asking.actor)
    with archive.db.write() as tx:
        registrations.add(tx, number, form, by, at)
        accesses.end_access(tx, access_id, Ending.COMPLETE, at=at, actor=asking.actor)
    return _of(archive, number)


def note(archive: Archive, policies: Policies, asking: Asking, number: int, later: Later) -> RegistrationRow:
    """Note on a registration what came later, such as its number in the register.

    Raises:
        RefusedByPolicy: If this role does not register here; told freely.
        NotFound: If there is no such incident of this organisation, or it was not registered.
    """
    asked, by = _registrar(archive, policies, asking)
    incident_of(archive, asked.policy, number)
    with archive.db.write() as tx:
        registrations.note(
            tx,
            number,
            by,
            archive.clock.now(),
            register_number=later.register_number,
            report_filed=later.report_filed,
            measures=later.measures,
        )
    return _of(archive, number)


def view(
    archive: Archive, policies: Policies, asking: Asking, numbers: tuple[int, ...], *, how: str
) -> tuple[RegistrationRow, ...]:
    """Return the registrations of an organisation, for who registers there; it is on the ledger.

    Args:
        archive: Where they are.
        policies: Every policy served.
        asking: Who wants them.
        numbers: Of the incidents; none: all that are kept.
        how: As what they are shown, such as `csv`.

    Raises:
        RefusedByPolicy: If this role does not register here; told freely.
        NotFound: If one of these was not registered here.
    """
    asked, by = _registrar(archive, policies, asking)
    every = registrations.of_policy(archive.db, asked.policy.name)
    for number in numbers:
        incident_of(archive, asked.policy, number)
    rows = tuple(row for row in every if not numbers or row.incident_id in numbers)
    with archive.db.write() as tx:
        registrations.shown(tx, rows, by, archive.clock.now(), how=how)
    return rows


def _registrar(archive: Archive, policies: Policies, asking: Asking) -> tuple[Question, Registrar]:
    """Return who registers under a policy, unless the policy refuses them."""
    at = archive.clock.now()
    asked = question(archive, policies, asking, Action.REGISTER)
    door.enter(archive, asked, at)
    role = _role(archive, asked.policy, asking.person, at)
    return asked, Registrar(person=asking.person, role=role, actor=asking.actor)


def _role(archive: Archive, policy: Policy, person: PersonId, at: datetime) -> str:
    """Return the hat under which somebody registers; the door let them in, so there is one."""
    worn = {hat.role for hat in people.in_policy(archive.db, person, policy.name).hats if hat.worn_at(at)}
    assert policy.access is not None and excluding_roles(worn, policy.access) is None  # noqa: S101 - as above
    return next(role for grant in grants_for(policy, Action.REGISTER) for role in grant.roles if role in worn)


def _must_be_in_order(archive: Archive, policy: Policy, incident: IncidentRow) -> None:
    must_be_in_order(policy, incident, Action.REGISTER)
    if registrations.of_incident(archive.db, incident.incident_id) is not None:
        raise StateConflict(
            f"incident {incident.incident_id}: was registered before",
            hint="what came later: consentline incident note",
        )


def _of(archive: Archive, number: int) -> RegistrationRow:
    row = registrations.of_incident(archive.db, number)
    assert row is not None  # noqa: S101 - it was just written
    return row
