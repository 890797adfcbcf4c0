"""Pointing a call out by the agent's key, while it goes on: what `incident flag` does, without a command.

Who pressed is who has the call at that telephone, as the lines say. Where they name nobody, as on a shared
line without a roster, nobody has pointed anything out: that a key was pressed, and why it did nothing, is on
the ledger.
"""

from __future__ import annotations

from casework import incidents
from casework.discretion import discretion
from casework.ruling import Caseworker
from policy.errors import AccessRefused
from policy.vocabulary import CallId
from store.files.archive import Archive
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.persons import call_agents
from store.records import calls
from store.retention.incidents import IncidentRow, of_recording


def flag_by_key(archive: Archive, call_id: CallId, channel_id: CallId) -> IncidentRow:
    """Point a call out for whoever is at this channel of it; their second press changes nothing.

    Raises:
        NotFound: If there is no such call, or the policy knows no incident.
        AccessRefused: If nobody knows who pressed, or they may not.
        StateConflict: If there is no recording to keep, somebody else flagged it, or it is too late.
    """
    db = archive.db
    person = call_agents.who_has_it(db, call_id, channel_id)
    if person is None:
        raise _refused(archive, call_id)
    by = Caseworker(id=person, actor=f"person:{person} agent_key")
    recording_id = calls.get_call(db, call_id).recording_id
    before = None if recording_id is None else of_recording(db, recording_id)
    if before is not None and before.flagged_by == person:
        return before
    with discretion(archive, by, call_id, action="flag"):
        return incidents.flag(archive, call_id, None, by)


def _refused(archive: Archive, call_id: CallId) -> AccessRefused:
    rule = "a call is pointed out by the agent who has it, and the lines do not say who that is"
    told: dict[str, Json] = {"action": "flag", "result": "refused", "rule": rule}
    with archive.db.write() as tx:
        at = archive.clock.now()
        ledger.append(tx, Kind.ACCESS_REFUSED, at, actor="agent_key", subject=call_id, payload=told)
    return AccessRefused(f"call {call_id}: {rule}", hint="consentline people add-line")
