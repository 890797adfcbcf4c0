"""Giving out to the police and to third parties: by two persons, and with a hold until it is closed.

    new       what the policy asks for is there; the second person is asked for their word; a hold is placed
    approve   the second person, under their own passphrase
    package   whoever asked; the access is on the ledger before anything is opened (I5)
    close     handed over, or abandoned; the hold ends

Every step asks the policy anew, so that what it never gives is refused at each of them, with its article
(N7). The second person's word is the one that the door itself asks for (`approval_by`), so no hand-over has a
way in that others lack. What the policy says is in `casework/giving_out.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from casework import holds as casework_holds
from casework.at_the_door import Asking, grants_for, incident_of, must_be_in_order, question
from casework.custody import custody, data_of, end_hold, is_packaged
from casework.giving_out import (
    Demand,
    content_of,
    contradictions,
    deciding,
    entered,
    must_be_complete,
    must_decide,
    refuse_never,
    source_of,
)
from casework.ruling import Caseworker, worn
from policy import terms
from policy.access import Action
from policy.errors import AccessRefused, NotFound, StateConflict
from policy.load import Policies
from policy.model import Policy
from policy.retention import DataKind
from policy.sharing import Content
from policy.situation import PersonId
from policy.vocabulary import RecordingId
from store.access import asking, door, release, words
from store.access.asking import Wanted
from store.access.door import Question
from store.access.release import Release
from store.access.words import Stage as WordStage
from store.access.words import WordKind
from store.cases import handovers, registrations
from store.cases.handovers import Handover, HandoverRow, Outcome
from store.files.archive import Archive
from store.logbook.ledger import Json
from store.persons import people
from store.retention import holds
from store.retention.incidents import IncidentRow

NO_SUCH = "no such hand-over, or not yours"


def new(archive: Archive, policies: Policies, by: Asking, demand: Demand) -> HandoverRow:
    """Ask for a hand-over, and hold the recording until it is closed.

    Raises:
        RefusedByPolicy: If the policy gives nothing, or not by this role; told freely.
        AccessRefused: If this role does not decide on it, or the policy gives less.
        NotFound: If there is no such incident or recording, or it is none of theirs.
        StateConflict: If it has to be assessed first, is over, or may not be held anew.
        ConsentlineError: If something that the policy asks for is missing.
    """
    db, at = archive.db, archive.clock.now()
    asked = entered(archive, policies, by, demand.recipient, at)
    policy = asked.policy
    must_decide(archive, policy, by.person, demand.recipient, at)
    incident = None if demand.incident is None else incident_of(archive, policy, demand.incident)
    content = content_of(policy, demand)
    must_be_complete(policy, demand, incident)
    if incident is not None:
        must_be_in_order(policy, incident, Action.HAND_OVER)
        asked = question(archive, policies, by, Action.HAND_OVER, kind=incident.kind)
    recording = incident.recording_id if incident is not None else demand.recording or ""
    wanted = Wanted(kind=WordKind.APPROVAL, question=asked, giver=demand.second, recording=recording)
    facts = asking.judge(archive, wanted, at)
    recording_id = facts.row.recording_id
    hold_id = _hold(archive, asked, incident, recording_id, by)
    word = asking.ask(archive, wanted, at)
    with db.write() as tx:
        handover = Handover(
            policy=policy.name,
            recording_id=recording_id,
            incident_id=None if incident is None else incident.incident_id,
            recipient=demand.recipient,
            content=content,
            purpose=asked.purpose,
            authority=demand.authority,
            officer=demand.officer,
            legal_basis=demand.legal_basis,
            report_number=demand.report_number,
            agreement=demand.agreement,
            reason=asked.reason,
            asked_by=by.person,
            second=demand.second,
            word_id=word.word_id,
            hold_id=hold_id,
        )
        return handovers.find(tx, handovers.add(tx, handover, at, actor=by.actor))


def approve(archive: Archive, policies: Policies, by: Asking, number: int) -> HandoverRow:
    """Give the second person's word.

    Raises:
        RefusedByPolicy: If the policy hands nothing over; told freely.
        NotFound: If there is no such hand-over, or none of theirs, or the word would be worth nothing.
        AccessRefused: If it is somebody else's word that it waits for.
        StateConflict: If it is closed, or was approved before.
    """
    at = archive.clock.now()
    policy = door.policy_for(archive.db, policies, by.person, by.policy)
    refuse_never(archive, _bare(policy, by), at)
    row = _open(archive, policy, by.person, number)
    if row.second != by.person:
        raise AccessRefused(f"handover {number}: waits for the word of {row.second}, not of {by.person}")
    if row.approved_at is not None:
        raise StateConflict(f"handover {number}: was approved already")
    word = words.get_word(archive.db, row.word_id)
    if word.stage(at) is WordStage.PENDING:
        wanted = asking.of_word(word, policy, login=by.login, actor=by.actor)
        facts = asking.judge(archive, wanted, at)
        until = asking.ends_at(word.kind, facts, at, None)
        with archive.db.write() as tx:
            words.grant(tx, word.word_id, until=until, at=at, actor=by.actor)
            handovers.approved(tx, number, at, actor=by.actor)
    elif word.stage(at) is WordStage.STANDING:  # given by `approvals grant`
        with archive.db.write() as tx:
            handovers.approved(tx, number, at, actor=by.actor)
    else:
        raise StateConflict(
            f"handover {number}: its approval is {word.stage(at).value}",
            hint="close it, and ask anew: consentline handover new",
        )
    return _get(archive, number)


def asks_to_package(archive: Archive, policies: Policies, by: Asking, number: int) -> Question:
    """Return what packaging a hand-over asks of the door, once its turn has come.

    Raises:
        RefusedByPolicy: If the policy hands nothing over, or not by this role; told freely.
        NotFound: If there is no such hand-over, or it is none of theirs.
        AccessRefused: If somebody else asked for it.
        StateConflict: If it is closed, or waits for its second person or its registration.
    """
    at = archive.clock.now()
    policy = door.policy_for(archive.db, policies, by.person, by.policy)
    refuse_never(archive, _bare(policy, by), at)
    row = _open(archive, policy, by.person, number)
    if row.asked_by != by.person:
        raise AccessRefused(f"handover {number}: was asked for by {row.asked_by}, who packages it")
    source = source_of(policy, row.recipient)
    if (
        row.approved_at is None
        and words.get_word(archive.db, row.word_id).stage(at) is not WordStage.STANDING
    ):
        raise StateConflict(
            f"handover {number}: waits for its second person, {row.second};"
            f" {policy.identity.organisation} {source} wants two",
            hint=f"{row.second}: consentline handover approve {number}",
        )
    unregistered = (
        row.incident_id is not None and registrations.of_incident(archive.db, row.incident_id) is None
    )
    if row.content is Content.DATA and unregistered:
        raise StateConflict(
            f"incident {row.incident_id}: must be registered first; {policy.identity.organisation} {source}"
            " gives data from the call, and these are what was registered",
            hint=f"consentline incident register {row.incident_id}",
        )
    asked = question(archive, policies, by, Action.HAND_OVER, purpose=row.purpose)
    return replace(asked, case=row.report_number)


def package(archive: Archive, asked: Question, number: int, at: datetime) -> Release:
    """Put the access on the ledger, and release what the package of a hand-over takes.

    Args:
        archive: Where the recording is.
        asked: From `asks_to_package`.
        number: Of the hand-over.
        at: Now.

    Raises:
        ConsentlineError: As `store.access.release.release` says.
    """
    row = _get(archive, number)
    released = release.release(archive, asked, row.recording_id, at, audio=row.content is Content.AUDIO)
    with archive.db.write() as tx:
        if row.approved_at is None:
            given = words.find(tx, row.word_id).given_at
            handovers.approved(tx, number, given or at, actor=asked.actor)
        handovers.packaged(tx, number, released.access_id, at, actor=asked.actor)
    chain = {**custody(archive, _get(archive, number)), "contradictions": contradictions(asked.policy)}
    told: dict[str, Json] = {**released.manifest, "handover": chain}
    if row.content is Content.DATA:
        told["data"] = data_of(archive, row.recording_id, row.incident_id)
    return replace(released, manifest=told)


def close(
    archive: Archive, policies: Policies, by: Asking, number: int, outcome: Outcome, *, how: str
) -> HandoverRow:
    """Close a hand-over, and end its hold.

    Raises:
        NotFound: If there is no such hand-over, or it is none of theirs.
        AccessRefused: If this role does not decide on it.
        StateConflict: If it is closed, or was to be handed over and never packaged.
    """
    at = archive.clock.now()
    policy = door.policy_for(archive.db, policies, by.person, by.policy)
    refuse_never(archive, _bare(policy, by), at)
    row = _open(archive, policy, by.person, number)
    must_decide(archive, policy, by.person, row.recipient, at)
    if outcome is Outcome.HANDED_OVER and not is_packaged(archive, row.recording_id, row.access_id):
        raise StateConflict(
            f"handover {number}: nothing was packaged, so nothing was handed over",
            hint="close it with --abandoned, or: consentline handover package",
        )
    heir = _heir(archive, row)
    if heir is None:
        end_hold(archive, row.hold_id, by, why=f"handover {number} closed")
    due_at = terms.data_due_at(policy, DataKind.EXPORTS, at)
    with archive.db.write() as tx:
        if heir is not None:
            handovers.inherit_hold(tx, heir, row)
        return handovers.close(tx, number, outcome, at, by=by.person, actor=by.actor, how=how, due_at=due_at)


def listed(
    archive: Archive, policies: Policies, by: Caseworker | None, *, running: bool
) -> tuple[HandoverRow, ...]:
    """Return the hand-overs that somebody has to do with.

    Args:
        archive: Where they are.
        policies: Every policy served.
        by: Who asks; None: whoever can read the database anyway, and sees all of them.
        running: Only those that are not closed.
    """
    every = handovers.every(archive.db, running=running)
    if by is None:
        return every
    return tuple(row for row in every if _concerns(archive, policies, by.id, row))


def shown(archive: Archive, policies: Policies, by: Caseworker | None, number: int) -> dict[str, Json]:
    """Return one hand-over with its chain of custody.

    Raises:
        NotFound: In the same words, whether there is none, or it is none of theirs.
    """
    row = handovers.get(archive.db, number)
    if row is None or (by is not None and not _concerns(archive, policies, by.id, row)):
        raise NotFound(NO_SUCH)
    return {**row.to_json(), "custody": custody(archive, row)["steps"]}


def _hold(
    archive: Archive,
    asked: Question,
    incident: IncidentRow | None,
    recording_id: RecordingId,
    by: Asking,
) -> int | None:
    """Hold the recording for the reason that the grant goes on under, and return the hold.

    None where the policy knows no reason of its own for that, such a hold runs already, or the policy
    places it once only: then the recording stays for the term that it has.
    """
    policy = asked.policy
    kind = None if incident is None else incident.kind
    reasons = [
        reason
        for grant in grants_for(policy, Action.HAND_OVER, kind)
        if asked.purpose in grant.purposes
        for reason in grant.on_hold
        if reason in policy.holds.reasons
    ]
    if not reasons:
        return None
    reason = kind.value if kind is not None and kind.value in reasons else reasons[0]
    placed = [hold for hold in holds.of_recording(archive.db, recording_id) if hold.reason == reason]
    once = not policy.holds.reasons[reason].renewable
    if placed and (once or any(hold.over_at is None for hold in placed)):
        return None
    caseworker = Caseworker(id=by.person, actor=by.actor)
    return casework_holds.place(archive, recording_id, reason, caseworker, why=asked.reason).hold_id


def _heir(archive: Archive, row: HandoverRow) -> HandoverRow | None:
    """Return another hand-over of the same recording that still needs this one's hold, or None."""
    running = handovers.every(archive.db, running=True) if row.hold_id is not None else ()
    others = (one for one in running if one.recording_id == row.recording_id and one.hold_id is None)
    return next(others, None)


def _open(archive: Archive, policy: Policy, person: PersonId, number: int) -> HandoverRow:
    """Return a hand-over of this policy that is not closed, and that somebody has to do with."""
    row = handovers.get(archive.db, number)
    if row is None or row.policy != policy.name or not _has_a_say(archive, policy, person, row):
        raise NotFound(NO_SUCH, hint="see: consentline handover list")
    if row.closed_at is not None:
        raise StateConflict(
            f"handover {number}: is closed ({row.stage}), and nothing is done with it any more"
        )
    return row


def _get(archive: Archive, number: int) -> HandoverRow:
    row = handovers.get(archive.db, number)
    assert row is not None  # noqa: S101 - it was looked up in the same thread
    return row


def _concerns(archive: Archive, policies: Policies, person: PersonId, row: HandoverRow) -> bool:
    policy = policies.by_name.get(row.policy)
    return policy is not None and _has_a_say(archive, policy, person, row)


def _has_a_say(archive: Archive, policy: Policy, person: PersonId, row: HandoverRow) -> bool:
    if person in (row.asked_by, row.second):
        return True
    roles = deciding(policy, row.recipient).roles
    wearer = people.in_policy(archive.db, person, policy.name)
    return worn(policy, wearer, roles, archive.clock.now(), held=False) is not None


def _bare(policy: Policy, by: Asking) -> Question:
    """Return a question that names no recording, to be refused with where the policy never hands over."""
    access = policy.access
    purposes = () if access is None else tuple(access.granted_purposes)
    return Question(
        person=by.person,
        login=by.login,
        actor=by.actor,
        policy=policy,
        action=Action.HAND_OVER,
        purpose=min(purposes),
        reason=door.checked_reason(by.reason),
    )
