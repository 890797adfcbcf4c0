"""What hand-overs and orders share: chain of custody, hold, and the data that go without the call (G7)."""

from __future__ import annotations

from collections.abc import Iterator

from casework import holds as casework_holds
from casework.at_the_door import Asking
from casework.ruling import Caseworker
from policy.vocabulary import RecordingId
from store.access import accesses
from store.access.accesses import AccessRow, Ending
from store.cases import registrations
from store.cases.handovers import HandoverRow
from store.files.archive import Archive
from store.keyring.shares import AccessId
from store.logbook.ledger import Json
from store.records import calls, recordings
from store.retention import holds


def custody(archive: Archive, row: HandoverRow) -> dict[str, Json]:
    """Return the chain of custody of a hand-over: who did what with it, when, and what came of it."""
    at = row.to_json()
    steps: list[Json] = [{"step": "asked", "by": row.asked_by, "at": at["asked_at"], "why": row.reason}]
    if row.approved_at is not None:
        steps.append({"step": "approved", "by": row.second, "at": at["approved_at"]})
    steps += packaging(archive, row.recording_id, row.access_id)
    if row.outcome is not None:
        steps.append(
            {
                "step": row.outcome.value,
                "by": row.closed_by,
                "at": at["closed_at"],
                "to": row.authority,
                "officer": row.officer,
                "how": row.how,
            }
        )
    keys = ("handover", "recipient", "authority", "officer", "content", "legal_basis", "report_number")
    return {**{key: at[key] for key in (*keys, "agreement", "incident")}, "steps": steps}


def end_hold(archive: Archive, hold_id: int | None, by: Asking, *, why: str) -> None:
    """End the hold of a case that is closed, if it still runs; errors as of `casework.holds.release`."""
    if hold_id is not None and holds.get_hold(archive.db, hold_id).over_at is None:
        casework_holds.release(archive, hold_id, Caseworker(id=by.person, actor=by.actor), why=why)


def packaging(archive: Archive, recording_id: RecordingId, access_id: AccessId | None) -> Iterator[Json]:
    """Yield the step in which it was packaged, with the digests of the copies that were made."""
    access = _access(archive, recording_id, access_id)
    if access is not None:
        told = access.to_json()
        yield {"step": "packaged", "by": access.person, "role": access.role} | {
            key: told[key] for key in ("at", "ending", "ledger_entry", "copies")
        }


def is_packaged(archive: Archive, recording_id: RecordingId, access_id: AccessId | None) -> bool:
    """Return whether a copy was made, whole."""
    access = _access(archive, recording_id, access_id)
    return access is not None and access.ending is Ending.COMPLETE


def data_of(archive: Archive, recording_id: RecordingId, incident_id: int | None) -> dict[str, Json]:
    """Return the data from the call: what is known of it, and what was registered; never its sound (G7)."""
    recording = recordings.get_recording(archive.db, recording_id)
    call = calls.get_call(archive.db, recording.call_id).to_json()
    registration = None if incident_id is None else registrations.of_incident(archive.db, incident_id)
    keys = ("call_id", "number", "caller", "started_at", "ended_at")
    return {
        "call": {key: call[key] for key in keys},
        "registration": None if registration is None else registration.to_json(),
    }


def _access(archive: Archive, recording_id: RecordingId, access_id: AccessId | None) -> AccessRow | None:
    found = accesses.of_recording(archive.db, recording_id)
    return next((one for one in found if one.access_id == access_id), None)
