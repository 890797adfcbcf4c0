"""What whoever asked is told: the letter, and for a copy what a computer can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from casework.request_calls import Candidate, candidates
from policy.access import Closure
from policy.clock import LOCAL_ZONE, to_iso
from policy.model import Policy
from policy.rights import Right
from publish.letters import Answer, CallTold, Told, letter
from publish.page import Page
from publish.words import Language
from store.cases import rectifications
from store.cases.requests import RequestRow, Stage
from store.files.archive import Archive
from store.logbook.ledger import Json
from store.records import calls, decisions
from store.records.recordings import RecordingRow
from store.retention import closures

FORMAT = "consentline/data-subject/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What a copy is made of, beside the sound.

    Attributes:
        folders: From the folder in the copy to the recording in it, oldest call first.
        silence: Whose voice is replaced by silence, or None.
        statements: By folder, what the data subject wants to be told with the recording.
        data: What a computer can read, for portability; None: not asked for.
    """

    folders: Mapping[str, RecordingRow]
    silence: str | None
    statements: Mapping[str, Sequence[str]]
    data: Mapping[str, Json] | None
    letter: Page


def package_of(archive: Archive, policy: Policy, row: RequestRow, copied: Sequence[Candidate]) -> Package:
    """Return what goes into the copy of these recordings."""
    folders = {f"{_call_word(row)}-{number}": one.row for number, one in enumerate(copied, start=1)}
    silence = row.party.other.value if policy.rights.other_party_silenced else None
    told = _told(archive, row, Answer.COPY, archive.clock.now(), folders=folders, silence=silence)
    return Package(
        folders=folders,
        silence=silence,
        statements={name: _statements(archive, found) for name, found in folders.items()},
        data=_data(archive, policy, row, folders) if row.right is Right.PORTABILITY else None,
        letter=letter(policy, told),
    )


def answer_to(archive: Archive, policy: Policy, row: RequestRow) -> Page | None:
    """Return the letter about a request as it stands now; None: there is nothing to tell yet."""
    answer = _answer(archive, row)
    if answer is None:
        return None
    at = row.decided_at or row.extended_at or archive.clock.now()
    found = {str(number): one.row for number, one in enumerate(_confirmed(archive, row), start=1)}
    return letter(policy, _told(archive, row, answer, at, found=found))


def _answer(archive: Archive, row: RequestRow) -> Answer | None:
    if row.stage is Stage.REFUSED:
        return Answer.REFUSED
    if row.stage is Stage.FULFILLED:
        match row.right:
            case Right.ACCESS | Right.PORTABILITY:
                return Answer.COPY
            case Right.RECTIFICATION:
                return Answer.RECTIFIED
            case Right.RESTRICTION:
                return Answer.RESTRICTED
            case _:
                kept = [
                    one
                    for one in _confirmed(archive, row)
                    if Closure.RESTRICTED in closures.of_recording(archive.db, one.row.recording_id)
                    and one.row.intended_at is None
                ]
                return Answer.CLOSED_NOW if kept else Answer.ERASED
    if not row.stage.decided and row.extended_at is not None:
        return Answer.PUT_OFF
    return None


def _told(
    archive: Archive,
    row: RequestRow,
    answer: Answer,
    at: datetime,
    *,
    folders: Mapping[str, RecordingRow] | None = None,
    found: Mapping[str, RecordingRow] | None = None,
    silence: str | None = None,
) -> Told:
    told = folders if folders is not None else (found or {})
    return Told(
        answer=answer,
        language=Language(row.language),
        reference=row.reference,
        right=row.right,
        received_on=row.received_on,
        written_on=at.astimezone(LOCAL_ZONE).date(),
        calls=tuple(_call(archive, one, name if folders is not None else None) for name, one in told.items()),
        decide_by=row.decide_by,
        ground=row.ground,
        why=row.why if row.stage.decided else row.extended_why,
        silenced=silence,
    )


def _call(archive: Archive, found: RecordingRow, folder: str | None) -> CallTold:
    last = next(iter(reversed(decisions.of_call(archive.db, found.call_id))), None)
    return CallTold(
        started_at=found.started_at,
        duration_ms=found.duration_ms,
        folder=folder,
        notice=None if last is None else last.words,
        chosen=None if last is None else last.digit,
        kept_until=None if found.intended_at is not None else found.promised_at,
    )


def _confirmed(archive: Archive, row: RequestRow) -> tuple[Candidate, ...]:
    return tuple(one for one in candidates(archive, row) if one.call.confirmed_at is not None)


def _statements(archive: Archive, found: RecordingRow) -> tuple[str, ...]:
    every = rectifications.of_call(archive.db, found.call_id)
    return tuple(one.new for one in every if one.field is rectifications.Field.STATEMENT)


def _data(
    archive: Archive, policy: Policy, row: RequestRow, folders: Mapping[str, RecordingRow]
) -> Mapping[str, Json]:
    """Return what was given by, and is kept about, the data subject (AVG art. 20)."""
    return {
        "format": FORMAT,
        "organisation": policy.identity.organisation,
        "reference": row.reference,
        "made_at": to_iso(archive.clock.now()),
        "calls": [
            {
                "folder": name,
                "audio": f"{name}/recording.wav",
                "call": calls.get_call(archive.db, found.call_id).to_json(),
                "recording": {
                    "recording_id": found.recording_id,
                    "started_at": to_iso(found.started_at),
                    "duration_ms": found.duration_ms,
                    "kept_until_at": to_iso(found.promised_at),
                },
                "evidence": [one.to_json() for one in decisions.of_call(archive.db, found.call_id)],
                "statements": list(_statements(archive, found)),
            }
            for name, found in folders.items()
        ],
    }


def _call_word(row: RequestRow) -> str:
    return "gesprek" if row.language == "nl" else "call"
