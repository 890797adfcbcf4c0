"""Aggression, threats and misconduct: pointed out, assessed in time, kept or not (G3-G5, E8, H4, R3).

    flag      the agent who held the call, while it goes on or before its first term is over
    assess    somebody else, whom the policy names, before that term is over
      keep    the policy's extension, once; where there is none the recording keeps its term
      drop    destroyed, where recordings are kept for incidents only; else it keeps its term

What nobody assesses is destroyed on time, and the incident says so. An incident is destroyed too,
on its own term, counted from when it was closed.
"""

from __future__ import annotations

from collections.abc import Sequence

from casework.ruling import Caseworker, Rule, rule_on, worn
from policy import terms
from policy.access import Action, Calls, Grant, IncidentKind
from policy.agent_keys import flagged_as, incident_kinds
from policy.errors import AccessRefused, NotFound, StateConflict
from policy.model import Policy
from policy.retention import DataKind, Extension
from policy.vocabulary import CallId, ErasedBecause, RecordingId, RecordingState
from store.db import Tx
from store.files.archive import Archive
from store.persons import people
from store.records import calls, recordings, versions
from store.records.recordings import RecordingRow
from store.retention import destruction, incidents, keeping
from store.retention.destruction import Doom
from store.retention.holds import Ruling
from store.retention.incidents import IncidentRow, Stage

DROPPED_RULE = "incident dropped; only a hold kept it"
WITHDRAWN_RULE = "withdrawn, and the incident that kept it was dropped"


def flag(archive: Archive, call_id: CallId, kind: IncidentKind | None, by: Caseworker) -> IncidentRow:
    """Point a call out.

    Args:
        archive: Where the calls are.
        call_id: Which.
        kind: For what; None: for what the agent's key stands for under the policy.
        by: Who points it out.

    Raises:
        NotFound: If there is no such call or person, or the policy knows no such incident.
        AccessRefused: If they may not: only the agent who held that call.
        StateConflict: If there is no recording to keep, it was flagged before, or its first term is over.
    """
    db, now = archive.db, archive.clock.now()
    row = _recording(archive, call_id)
    policy = versions.promised_to(db, row.policy_hash)
    kind = flagged_as(policy) if kind is None else kind
    if kind not in incident_kinds(policy):
        known = ", ".join(one.value for one in incident_kinds(policy)) or "none"
        wanted = "" if kind is None else kind.value
        raise NotFound(f'{policy.name}: knows no incident of "{wanted}", expected one of: {known}')
    ruling = rule_on(db, policy, by, _indicates(policy, kind), call_id, now=now, why="")
    earlier = incidents.of_recording(db, row.recording_id)
    if earlier is not None:
        raise StateConflict(
            f"call {call_id}: was flagged before (incident {earlier.incident_id}, {earlier.stage.value})"
        )
    if now >= row.promised_at:
        raise StateConflict(f"call {call_id}: its first term is over, so it cannot be flagged any more")
    terms.data_due_at(policy, DataKind.INCIDENTS, now)  # refused where no period is filled in
    with db.write() as tx:
        incident_id = incidents.add(tx, row.recording_id, kind, now, ruling, assess_by_at=row.promised_at)
    return incidents.get_incident(db, incident_id)


def assess(archive: Archive, call_id: CallId, *, keep: bool, reason: str, by: Caseworker) -> IncidentRow:
    """Decide about a call that was flagged.

    Raises:
        NotFound: If there is no such call or person.
        AccessRefused: If they may not, or flagged it themselves.
        StateConflict: If it was not flagged, was assessed before, is too late, or the call goes on.
        DestructionIncomplete: If it was dropped and something of it is still there.
    """
    db, now = archive.db, archive.clock.now()
    incident = _flagged(archive, call_id)
    row = recordings.get_recording(db, incident.recording_id)
    policy = versions.promised_to(db, row.policy_hash)
    ruling = rule_on(db, policy, by, assessing(policy, incident.kind), call_id, now=now, why=reason)
    if by.id == incident.flagged_by:
        raise AccessRefused(f"call {call_id}: was flagged by {by.id}, and somebody else has to assess it")
    if now >= incident.assess_by_at:
        raise StateConflict(
            f"call {call_id}: had to be assessed before {incident.assess_by_at:%Y-%m-%d %H:%M}Z"
        )
    if row.state is RecordingState.RECORDING:
        raise StateConflict(f"call {call_id}: is still going on; assess it when it is over")
    if keep:
        _keep(archive, row, incident, ruling, policy)
    else:
        _drop(archive, row, incident, ruling, policy)
    return incidents.get_incident(db, incident.incident_id)


def listed(archive: Archive, by: Caseworker | None) -> tuple[IncidentRow, ...]:
    """Return the incidents that somebody has to do with: flagged, may assess, or registers.

    Args:
        archive: Where they are.
        by: Who asks; None: whoever can read the database anyway, and sees all of them.
    """
    every = incidents.all_incidents(archive.db)
    if by is None:
        return every
    return tuple(incident for incident in every if _concerns(archive, incident, by))


def assessing(policy: Policy, kind: IncidentKind) -> Rule:
    """Return who assesses: whom the extension names, or else who registers such incidents."""
    extension = _extension(policy, kind)
    if extension is not None:
        return Rule(roles=(extension.decided_by,), says="an incident is assessed by", source=extension.source)
    grants = [
        grant
        for grant in _grants(policy)
        if Action.REGISTER in grant.actions
        and Calls.FLAGGED in grant.calls
        and (not grant.incidents or kind in grant.incidents)
    ]
    roles = dict.fromkeys(role for grant in grants for role in grant.roles)
    source = grants[0].source if grants else None
    return Rule(roles=tuple(roles), says="an incident is assessed by", source=source)


def settle(archive: Archive) -> int:
    """Give closed incidents their term, and erase those whose term is over.

    Returns:
        How many were erased.
    """
    db, now = archive.db, archive.clock.now()
    erased = 0
    for incident in incidents.all_incidents(db):
        if incident.closed_at is None:
            continue
        if incident.data_due_at is None:
            row = recordings.get_recording(db, incident.recording_id)
            policy = versions.promised_to(db, row.policy_hash)
            due_at = terms.data_due_at(policy, DataKind.INCIDENTS, incident.closed_at)
            with db.write() as tx:
                incidents.to_go_at(tx, incident.incident_id, due_at)
        elif incident.data_due_at <= now:
            with db.write() as tx:
                incidents.erase(tx, incident, now)
            erased += 1
    if erased:
        db.forget_deleted()
    return erased


def deciding(policy: Policy) -> tuple[str, ...]:
    """Return the roles that assess or register incidents of any kind under this policy."""
    assess = (role for kind in IncidentKind for role in assessing(policy, kind).roles)
    return tuple(dict.fromkeys((*assess, *policy.incidents.registered_by)))


def _keep(archive: Archive, row: RecordingRow, incident: IncidentRow, ruling: Ruling, policy: Policy) -> None:
    now, extension = archive.clock.now(), _extension(policy, incident.kind)

    def assessed(tx: Tx) -> None:
        incidents.assessed(tx, incident, Stage.KEPT, now, ruling)

    if extension is None:
        with archive.db.write() as tx:
            assessed(tx)
        return
    until = terms.extended_until(policy, extension, first_end=row.promised_at, decided_at=now)
    keeping.extend(archive, row.recording_id, extension.name, until, ruling, also=assessed)


def _drop(archive: Archive, row: RecordingRow, incident: IncidentRow, ruling: Ruling, policy: Policy) -> None:
    extension = _extension(policy, incident.kind)
    now, recording_id = archive.clock.now(), row.recording_id
    state = keeping.state_of(archive.db, recording_id)

    def assessed(tx: Tx) -> None:
        incidents.assessed(tx, incident, Stage.DROPPED, now, ruling)

    if extension is not None and state.hold is None:
        with archive.db.write() as tx:
            assessed(tx)
            recordings.intended(tx, recording_id, now, ErasedBecause.INCIDENT_DROPPED)  # I4, at once
        doom = Doom(recording_id=recording_id, because=ErasedBecause.INCIDENT_DROPPED)
        destruction.destroy(archive, doom)
        with archive.db.write() as tx:
            incidents.close_gone(tx, archive.clock.now())
    elif extension is not None or state.restricted:
        rule = DROPPED_RULE if extension is not None else WITHDRAWN_RULE
        keeping.promise_less(archive, {recording_id: now}, actor=ruling.actor, because=rule, also=assessed)
    else:
        with archive.db.write() as tx:
            assessed(tx)


def _recording(archive: Archive, call_id: CallId) -> RecordingRow:
    """Return the recording of a call that is there, the latest of several."""
    call = calls.get_call(archive.db, call_id)
    rows = recordings.of_call(archive.db, call.call_id)
    there = [row for row in rows if row.intended_at is None]
    if there:
        return there[-1]
    if not rows:
        raise StateConflict(f"call {call_id}: was not recorded, so there is nothing to keep")
    because = rows[-1].erased_because
    raise StateConflict(f"call {call_id}: its recording is gone ({because.value if because else 'lost'})")


def _flagged(archive: Archive, call_id: CallId) -> IncidentRow:
    calls.get_call(archive.db, call_id)
    found = _of_call(archive, call_id)
    if found is None:
        raise StateConflict(f"call {call_id}: was not flagged, so there is nothing to assess")
    if found.stage is not Stage.FLAGGED:
        by = "" if found.assessed_by is None else f" by {found.assessed_by}"
        raise StateConflict(f"call {call_id}: is {found.stage.value} already{by}")
    return found


def _of_call(archive: Archive, call_id: CallId) -> IncidentRow | None:
    rows: Sequence[RecordingRow] = recordings.of_call(archive.db, call_id)
    ids: list[RecordingId] = [row.recording_id for row in reversed(rows)]
    found = (incidents.of_recording(archive.db, recording_id) for recording_id in ids)
    return next((incident for incident in found if incident is not None), None)


def _concerns(archive: Archive, incident: IncidentRow, by: Caseworker) -> bool:
    if by.id == incident.flagged_by:
        return True
    row = recordings.get_recording(archive.db, incident.recording_id)
    try:
        policy = versions.promised_to(archive.db, row.policy_hash)
    except NotFound:
        return False
    person = people.in_policy(archive.db, by.id, policy.name)
    roles = (*assessing(policy, incident.kind).roles, *policy.incidents.registered_by)
    return worn(policy, person, roles, archive.clock.now(), held=False) is not None


def _extension(policy: Policy, kind: IncidentKind) -> Extension | None:
    """Return the extension for a kind of incident: the one of that name, or else the first."""
    named = [extension for extension in policy.extensions if extension.name == kind.value]
    return next(iter((*named, *policy.extensions)), None)


def _indicates(policy: Policy, kind: IncidentKind) -> Rule:
    extension = _extension(policy, kind)
    if extension is not None:
        return Rule(roles=(extension.indicated_by,), says="a call is pointed out by", source=extension.source)
    access = policy.access
    takers = () if access is None else tuple(name for name, role in access.roles.items() if role.takes_calls)
    return Rule(roles=takers, says="a call is pointed out by", source=None)


def _grants(policy: Policy) -> tuple[Grant, ...]:
    return () if policy.access is None else tuple(policy.access.grants.values())
