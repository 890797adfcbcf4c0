"""Casework that goes through the door: the question that a decision about a call puts to `may()`.

What is asked of the door is asked for one purpose. In casework nobody types it: the policy's own grant for
the action says it. Where no grant has that action, any purpose does, for the answer is no whatever the
purpose; of several, that of the grant which reaches such an incident.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policy.access import Action, Calls, Grant, IncidentKind, PurposeName
from policy.errors import AccessRefused, ConsentlineError, NotFound, StateConflict
from policy.load import Policies
from policy.model import Policy
from policy.situation import PersonId
from store.access import door
from store.access.door import Question
from store.files.archive import Archive
from store.persons import people
from store.retention import incidents
from store.retention.incidents import IncidentRow, Stage

NO_SUCH_INCIDENT = "no such incident, or not yours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who asks, proven, and what every question of theirs says.

    Attributes:
        login: The OS login that asks.
        actor: As the ledger names them.
        policy: Under which, or None where they have hats under one only.
        reason: In their own words; long numbers in it are masked.
    """

    person: PersonId
    login: str
    actor: str
    policy: str | None = None
    reason: str


def question(
    archive: Archive,
    policies: Policies,
    asking: Asking,
    action: Action,
    *,
    kind: IncidentKind | None = None,
    purpose: PurposeName | None = None,
) -> Question:
    """Return what somebody asks of the door, for the purpose of the grant that lets them.

    Raises:
        NotFound: If no policy has that name.
        ConsentlineError: If they have hats under several and name none, or none anywhere.
    """
    policy = door.policy_for(archive.db, policies, asking.person, asking.policy)
    return Question(
        person=asking.person,
        login=asking.login,
        actor=asking.actor,
        policy=policy,
        action=action,
        purpose=purpose or _purpose(archive, policy, asking.person, action, kind),
        reason=door.checked_reason(asking.reason),
    )


def grants_for(policy: Policy, action: Action, kind: IncidentKind | None = None) -> Iterator[Grant]:
    """Yield the grants that let somebody do this about such an incident."""
    for grant in () if policy.access is None else policy.access.grants.values():
        if action in grant.actions and (kind is None or not grant.incidents or kind in grant.incidents):
            yield grant


def incident_of(archive: Archive, policy: Policy, number: int) -> IncidentRow:
    """Return an incident of this policy, for somebody whom the door lets in for such a thing.

    Raises:
        NotFound: In the same words, whether there is none, or it is another organisation's.
    """
    found = incidents.find_incident(archive.db, number)
    if found is None or found.policy != policy.name:
        raise NotFound(NO_SUCH_INCIDENT, hint="see: consentline incident list")
    return found


def must_be_in_order(policy: Policy, incident: IncidentRow, action: Action) -> None:
    """Refuse what the door would refuse without saying why, to somebody who may know why.

    Raises:
        AccessRefused: If this kind of incident is not one for that.
        StateConflict: If it has to be assessed first, or is over.
    """
    number, organisation = incident.incident_id, policy.identity.organisation
    grants = tuple(grants_for(policy, action, incident.kind))
    if not grants:
        (one, *_) = grants_for(policy, action)
        kinds = ", ".join(kind.value for kind in one.incidents)
        raise AccessRefused(
            f"incident {number}: {organisation} {one.source}: only for {kinds}, not for {incident.kind.value}"
        )
    if incident.stage in (Stage.DROPPED, Stage.LAPSED) or incident.closed_at is not None:
        raise StateConflict(f"incident {number}: is {incident.stage.value}; its recording is not kept for it")
    if incident.stage is Stage.FLAGGED and all(Calls.KEPT in grant.calls for grant in grants):
        raise StateConflict(
            f"incident {number}: must be assessed first; {organisation} {grants[0].source}: {grants[0].says}"
        )


def _purpose(
    archive: Archive, policy: Policy, person: PersonId, action: Action, kind: IncidentKind | None
) -> PurposeName:
    access = policy.access
    if access is None:
        raise ConsentlineError(f"{policy.name}: names nobody who has access")
    worn = {hat.role for hat in people.in_policy(archive.db, person, policy.name).hats}
    candidates = [
        *(grant for grant in grants_for(policy, action, kind) if worn & set(grant.roles)),
        *grants_for(policy, action, kind),
        *grants_for(policy, action),
        *access.grants.values(),
    ]
    return PurposeName(candidates[0].purposes[0])
