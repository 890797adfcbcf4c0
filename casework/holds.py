"""Holds: recordings kept beyond their term, for a reason that the policy knows, until a date (X6)."""

from __future__ import annotations

from datetime import datetime

from casework.ruling import Caseworker, Rule, rule_on, worn
from policy import terms
from policy.errors import NotFound, StateConflict
from policy.model import Policy
from policy.vocabulary import CallId, RecordingId
from store.files.archive import Archive
from store.persons import people
from store.records import calls, recordings, versions
from store.records.recordings import RecordingRow
from store.retention import holds, keeping
from store.retention.holds import HoldRow


def place(
    archive: Archive,
    subject: str,
    reason: str,
    by: Caseworker,
    *,
    why: str,
    until: datetime | None = None,
) -> HoldRow:
    """Hold a recording.

    Args:
        archive: Where it is.
        subject: A recording id, or a call id: then its latest recording that is there.
        reason: One that the policy knows.
        by: Who decides.
        why: In their own words.
        until: Its end; left out: as late as the policy allows.

    Raises:
        NotFound: If there is no such recording or person, or the policy knows no such reason.
        AccessRefused: If they may not decide on this reason.
        StateConflict: If erasure began, its term is over, or the policy allows no such end or renewal.
    """
    db, now = archive.db, archive.clock.now()
    row = _recording(archive, subject)
    policy = versions.promised_to(db, row.policy_hash)
    ruling = rule_on(db, policy, by, _rule(policy, reason), row.call_id, now=now, why=why)
    earlier = [one.term for one in holds.of_recording(db, row.recording_id)]
    hold = terms.place_hold(policy, reason, placed_at=now, until=until, earlier=earlier)
    deviates = terms.deviates_from_the_text(policy, reason)
    return keeping.place_hold(archive, row.recording_id, hold, ruling, deviates=deviates)


def release(archive: Archive, hold_id: int, by: Caseworker, *, why: str) -> HoldRow:
    """End a hold now; who may place it may release it.

    Raises:
        NotFound: If there is no such hold or person.
        AccessRefused: If they may not decide on this reason.
        StateConflict: If it is over already.
    """
    db, now = archive.db, archive.clock.now()
    held = holds.get_hold(db, hold_id)
    row = recordings.get_recording(db, held.recording_id)
    policy = versions.promised_to(db, row.policy_hash)
    ruling = rule_on(db, policy, by, _rule(policy, held.reason), row.call_id, now=now, why=why)
    return keeping.release_hold(archive, hold_id, ruling)


def subject_of(archive: Archive, hold_id: int) -> str:
    """Return which recording a hold is on, or nothing where there is no such hold."""
    found = archive.db.rows("SELECT recording_id FROM holds WHERE hold_id = ?", (hold_id,))
    return str(found[0]["recording_id"]) if found else ""


def listed(archive: Archive, by: Caseworker | None, *, running: bool) -> tuple[HoldRow, ...]:
    """Return the holds on whose reason somebody may decide.

    Args:
        archive: Where they are.
        by: Who asks; None: whoever can read the database anyway, and sees all of them.
        running: Only those that are not over.
    """
    every = holds.all_holds(archive.db, running=running)
    if by is None:
        return every
    return tuple(hold for hold in every if _concerns(archive, hold, by))


def _concerns(archive: Archive, hold: HoldRow, by: Caseworker) -> bool:
    row = recordings.get_recording(archive.db, hold.recording_id)
    try:
        policy = versions.promised_to(archive.db, row.policy_hash)
        roles = _rule(policy, hold.reason).roles
    except NotFound:
        return False
    person = people.in_policy(archive.db, by.id, policy.name)
    held = by.id in people.agents_of_call(archive.db, row.call_id)
    return worn(policy, person, roles, archive.clock.now(), held=held) is not None


def _rule(policy: Policy, reason: str) -> Rule:
    known = policy.hold_reasons.get(reason)
    if known is None:
        names = ", ".join(policy.hold_reasons)
        raise NotFound(f'{policy.name}: no hold reason "{reason}", expected one of: {names}')
    return Rule(roles=known.decided_by, says=f'a hold for "{reason}" is decided by', source=known.source)


def _recording(archive: Archive, subject: str) -> RecordingRow:
    row = recordings.find_recording(archive.db, RecordingId(subject))
    if row is not None:
        return row
    call = calls.get_call(archive.db, CallId(subject))
    there = [one for one in recordings.of_call(archive.db, call.call_id) if one.intended_at is None]
    if there:
        return there[-1]
    if call.recording_id is None:
        raise StateConflict(f"call {subject}: was not recorded, so there is nothing to hold")
    return recordings.get_recording(archive.db, call.recording_id)
