"""Release: what the daemon hands out so that a person can open one recording.

The ledger has it before the shares leave their epoch wrap (I5). What is handed out opens
nothing by itself: the shares need the private halves of a path's roles, those need the person's
own, that one needs their passphrase, and none of them is ever here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from policy.clock import to_iso
from policy.errors import AccessRefused, ConsentlineError, IntegrityError, StateConflict
from policy.vocabulary import RecordingId, RecordingState
from store import calls, decisions, envelopes, ledger, reading_keys, recordings
from store.archive import Archive
from store.envelopes import EnvelopeRow
from store.ledger import Json, Kind
from store.reading_keys import Grant
from store.recordings import RecordingRow
from store.shares import Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who asks for what.

    Attributes:
        person: Whose slot is to open it.
        login: The OS login that asks.
        purpose: What for.
    """

    recording_id: RecordingId
    person: str
    login: str
    purpose: str = "export"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What one approved access takes.

    Attributes:
        shares: Of one whole path.
        grants: The reading keys that they are sealed to, for this person.
        manifest: Call, evidence and hashes, as it goes with the audio.
    """

    shares: tuple[Share, ...]
    grants: tuple[Grant, ...]
    manifest: Mapping[str, Json]


def release(archive: Archive, request: Request) -> Release:
    """Put an access on the ledger, then release what it takes (I5).

    Raises:
        NotFound: If there is no such recording, or no file of it.
        StateConflict: If it is not sealed: not yet, or not any more.
        AccessRefused: If the person does not hold every key of a path.
        IntegrityError: If its envelope, key or file is not what it was.
    """
    at = archive.clock.now()
    try:
        row = _sealed(archive, request.recording_id)
        path, grants = _openable(archive, request)
        archive.vault.open(request.recording_id).close()
    except ConsentlineError as refusal:
        _refused(archive, request, refusal, at)
        raise
    with archive.db.write() as tx:  # I5: committed before anything is unwrapped
        seq = ledger.append(
            tx,
            Kind.EXPORT_RELEASED,
            at,
            actor=_actor(request),
            subject=row.recording_id,
            payload=_told(request),
        )
    try:
        shares = tuple(envelopes.unwrap(row, archive.epochs) for row in path)
    except ConsentlineError as refusal:
        _refused(archive, request, refusal, at)
        raise
    return Release(
        shares=shares,
        grants=grants,
        manifest=_manifest(archive, request, row, at, seq),
    )


def _sealed(archive: Archive, recording_id: RecordingId) -> RecordingRow:
    row = recordings.get_recording(archive.db, recording_id)
    if row.state is not RecordingState.SEALED:
        raise StateConflict(f"recording {recording_id}: must be sealed, is {row.state.value}")
    return row


def _openable(archive: Archive, request: Request) -> tuple[tuple[EnvelopeRow, ...], tuple[Grant, ...]]:
    """Return the rows of a path of which this person holds every key, and those keys' grants."""
    paths = envelopes.paths_of(envelopes.of_recording(archive.db, request.recording_id))
    if not paths:
        raise IntegrityError(f"recording {request.recording_id}: is sealed, but has no envelope")
    held = {grant.key_id: grant for grant in reading_keys.held_by(archive.db, request.person)}
    for rows in paths.values():
        if all(row.key_id in held for row in rows):
            return rows, tuple(held[row.key_id] for row in rows)
    raise AccessRefused(
        f"person {request.person[:60]}: does not hold the keys that open this recording; "
        f"it takes {' or '.join(paths)}"
    )


def _refused(archive: Archive, request: Request, refusal: ConsentlineError, at: datetime) -> None:
    known = recordings.find_recording(archive.db, request.recording_id) is not None
    subject = request.recording_id if known else ""
    told: dict[str, Json] = {**_told(request), "refused_because": refusal.text}
    with archive.db.write() as tx:
        ledger.append(tx, Kind.EXPORT_REFUSED, at, actor=_actor(request), subject=subject, payload=told)


def _actor(request: Request) -> str:
    return f"person:{request.person} login:{request.login}"


def _told(request: Request) -> dict[str, Json]:
    return {"person": request.person, "purpose": request.purpose}


def _manifest(
    archive: Archive, request: Request, row: RecordingRow, at: datetime, seq: int
) -> dict[str, Json]:
    return {
        "recording": row.to_json(),
        "call": calls.get_call(archive.db, row.call_id).to_json(),
        "evidence": [evidence.to_json() for evidence in decisions.of_call(archive.db, row.call_id)],
        "content_type": row.content_type,
        "sealed_sha256": row.sealed_sha256,
        "released": {
            "person": request.person,
            "login": request.login,
            "purpose": request.purpose,
            "at": to_iso(at),
            "ledger_entry": seq,
        },
    }
