"""Requests of data subjects: taken in, identity checked, put off; each in its order (E9, G6, H7, N10, X11).

    receive           what it may be about is kept unseen, where the right needs it kept
    await_identity    the deadline stands still, by this decision only (AVG art. 12(6))
    check_identity    shown: whoever settles requests sees what it may be about; not shown: that lapses
    extend            once, told within the first term (AVG art. 12(3))

Who may is who fulfils requests under the policy: the grants for `data_subject_request`. Every right
can be asked for under every policy. Calls and the decision: `request_calls.py` and `settling.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from casework.ruling import Caseworker
from policy import deadlines
from policy.access import Action, PurposeName
from policy.clock import to_iso
from policy.errors import AccessRefused, ConsentlineError, StateConflict
from policy.load import Policies
from policy.model import Policy
from policy.permission import refused_at_once
from policy.retention import DataKind
from policy.rights import NEEDS_IT_KEPT, IdentityCheck, Right
from policy.situation import Person, PersonId
from policy.terms import data_due_at
from policy.vocabulary import RecordingId
from store.access import confirmations, door, finding, situation
from store.access.door import Question
from store.access.finding import Search
from store.cases import request_calls, requests
from store.cases.requests import Party, RequestRow, Stage, Taken
from store.db import Tx
from store.files.archive import Archive
from store.keys import mask_number
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.records import versions
from store.retention import keeping

PURPOSE: Final = PurposeName("data_subject_request")
SALT_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came in.

    Attributes:
        reference: Number of the organisation's own file; None: one is made.
        search: Which calls it names: by number, or by date, time and agent.
        on_behalf: What was seen that shows that somebody may ask for another, or None.
        received_on: The day on which it came in; None: today.
    """

    right: Right
    search: Search
    party: Party = Party.CALLER
    language: str = "nl"
    reference: str | None = None
    on_behalf: str | None = None
    received_on: date | None = None


def receive(
    archive: Archive, policies: Policies, question: Question, asked: Asked, *, tag_key: bytes
) -> RequestRow:
    """Take a request in, and keep unseen what it may be about; nobody is told what that is.

    Raises:
        RefusedByPolicy: If this person settles no requests here.
        ConsentlineError: If it names no call, or came in after today.
        StateConflict: If the reference is taken, or no term is filled in for the file.
    """
    at, policy = archive.clock.now(), question.policy
    door.enter(archive, question, at)
    received_on = _received(asked, at)
    _must_name_a_call(asked.search)
    data_due_at(policy, DataKind.REQUESTS, at)  # refused where no period is filled in
    if asked.reference is not None and requests.reference_taken(archive.db, asked.reference):
        raise StateConflict(
            f"request: reference {asked.reference} is taken", hint="see: consentline request list"
        )
    matched = finding.candidates(archive.db, policy.name, asked.search, tag_key=tag_key)
    keeps = asked.right in NEEDS_IT_KEPT
    until = deadlines.over_at(
        deadlines.last_day(deadlines.day_of(at), policy.rights.identity_within, policy.working_days)
    )
    taken = Taken(
        reference=asked.reference or f"r-{archive.randomness.token(5).hex()}",
        policy=policy.name,
        policy_hash=policy.content_hash,
        right=asked.right,
        party=asked.party,
        on_behalf=asked.on_behalf,
        language=asked.language,
        number_masked=None if asked.search.number is None else mask_number(asked.search.number),
        since=asked.search.since,
        before=asked.search.before,
        agent=asked.search.agent,
        matched_salt=archive.randomness.token(SALT_BYTES),
        received_on=received_on,
        taken_by=question.person,
        decide_by=deadlines.decide_by(received_on, policy.rights, policy.working_days),
        keeps_until=until if keeps else None,
    )
    with archive.db.write() as tx:
        versions.remember_policy(tx, policy, policies, at)
        request_id = requests.add(tx, taken, at)
        request_calls.match(tx, request_id, matched, at, keeps=keeps, until=until)
        told: dict[str, Json] = {
            "request": request_id,
            "right": asked.right.value,
            "party": asked.party.value,
            "reference": taken.reference,
            "on_behalf": asked.on_behalf is not None,
            "search": asked.search.to_json(),
            "matches_sha256": request_calls.commitment(taken.matched_salt, matched),
            "decide_by": taken.decide_by.isoformat(),
            "kept_unseen_until": None if taken.keeps_until is None else to_iso(taken.keeps_until),
        }
        tell(tx, Kind.REQUEST_RECEIVED, question, at, told)
    return requests.get_request(archive.db, request_id)


def await_identity(archive: Archive, question: Question, row: RequestRow) -> RequestRow:
    """Decide that the deadline stands still while additional information on identity is awaited.

    Raises:
        StateConflict: If identity was checked, or the deadline stands still already.
    """
    at = archive.clock.now()
    door.enter(archive, question, at)
    if row.stage is not Stage.RECEIVED:
        raise StateConflict(
            f"request {row.request_id}: the deadline stands still only before identity is checked"
            f" (AVG art. 12(6)); it is {row.stage.value}"
        )
    with archive.db.write() as tx:
        requests.pause(tx, row.request_id, at)
        tell(tx, Kind.REQUEST_PAUSED, question, at, {"request": row.request_id})
    return requests.get_request(archive.db, row.request_id)


def check_identity(
    archive: Archive, question: Question, row: RequestRow, check: IdentityCheck, *, shown: bool
) -> RequestRow:
    """Put on record what came of checking identity; where it was not shown, nothing is kept any more.

    Raises:
        AccessRefused: If the policy does not check identity that way.
        StateConflict: If it was shown before, or the request is decided.
    """
    at, policy = archive.clock.now(), question.policy
    door.enter(archive, question, at)
    _must_be_a_way(policy, check)
    if row.stage.decided or row.stage is Stage.IDENTIFIED:
        raise StateConflict(f"request {row.request_id}: identity is checked before it is {row.stage.value}")
    paused = row.paused_days + (0 if row.paused_at is None else deadlines.days_between(row.paused_at, at))
    decide_by = deadlines.decide_by(
        row.received_on,
        policy.rights,
        policy.working_days,
        extended=row.extended_at is not None,
        paused_days=paused,
    )

    def note(tx: Tx) -> None:
        requests.identity_checked(
            tx, row, at, question.person, check, shown=shown, paused_days=paused, decide_by=decide_by
        )
        told: dict[str, Json] = {
            "request": row.request_id,
            "check": check.value,
            "result": "shown" if shown else "not shown",
            "decide_by": decide_by.isoformat(),
        }
        tell(tx, Kind.REQUEST_IDENTITY_CHECKED, question, at, told)
        if not shown:
            request_calls.end(tx, row.request_id, at)

    kept = () if shown else kept_ids(archive, row.request_id)
    keeping.end_request(archive, row.request_id, kept, note, at)
    return requests.get_request(archive.db, row.request_id)


def extend(archive: Archive, question: Question, row: RequestRow) -> RequestRow:
    """Put the decision off, once; the data subject has to be told within the first term.

    Raises:
        StateConflict: If it is decided, was put off before, or the first term is over.
    """
    at, policy = archive.clock.now(), question.policy
    door.enter(archive, question, at)
    must_be_open(row)
    if row.extended_at is not None:
        raise StateConflict(f"request {row.request_id}: is put off once (AVG art. 12(3)), and was")
    if row.paused_at is None and at >= deadlines.over_at(row.decide_by):
        raise StateConflict(
            f"request {row.request_id}: is put off within the first term (AVG art. 12(3)),"
            f" which was over after {row.decide_by}"
        )
    decide_by = deadlines.decide_by(
        row.received_on, policy.rights, policy.working_days, extended=True, paused_days=row.paused_days
    )
    with archive.db.write() as tx:
        requests.extend(tx, row.request_id, at, question.person, why=question.reason, decide_by=decide_by)
        confirmations.last_until(tx, row.reference, deadlines.over_at(decide_by))
        told: dict[str, Json] = {"request": row.request_id, "decide_by": decide_by.isoformat()}
        tell(tx, Kind.REQUEST_EXTENDED, question, at, told)
    return requests.get_request(archive.db, row.request_id)


def listed(
    archive: Archive, policies: Policies, by: Caseworker, *, due_by: date | None = None
) -> tuple[RequestRow, ...]:
    """Return the requests that somebody settles, the most urgent first.

    Args:
        archive: Where they are.
        policies: Every policy served.
        by: Who asks.
        due_by: Only those that have to be decided by then and are not; those that stand still too.
    """
    every = requests.all_requests(archive.db)
    mine = {name for name in policies.by_name if settles(archive, policies.named(name), by.id)}
    return tuple(
        row
        for row in every
        if row.policy in mine and (due_by is None or (not row.stage.decided and row.decide_by <= due_by))
    )


def request_of(archive: Archive, policies: Policies, person: PersonId, request_id: int) -> RequestRow:
    """Return a request that somebody settles.

    Raises:
        NotFound: If there is no such request, or they settle none of its organisation; in the same words.
    """
    row = requests.get_request(archive.db, request_id)
    if row.policy not in policies.by_name or not settles(archive, policies.named(row.policy), person):
        raise requests.no_such(request_id)
    return row


def settles(archive: Archive, policy: Policy, person_id: PersonId) -> bool:
    """Tell whether somebody fulfils requests under a policy."""
    if policy.access is None:
        return False
    staff = situation.staff_of(archive.db, policy.name)
    person = staff.get(person_id) or Person(id=person_id, hats=())
    now = archive.clock.now()
    return refused_at_once(person, Action.EXPORT, PURPOSE, now, policy.access) is None


def must_be_open(row: RequestRow) -> None:
    """Refuse what comes after the decision.

    Raises:
        StateConflict: If the request is decided.
    """
    if row.stage.decided:
        raise StateConflict(f"request {row.request_id}: is {row.stage.value} already, and is decided once")


def kept_ids(archive: Archive, request_id: int) -> list[RecordingId]:
    """Return the recordings that a request still keeps."""
    calls = request_calls.of_request(archive.db, request_id)
    return [call.recording_id for call in calls if call.keeps and call.over_at is None]


def tell(
    tx: Tx, kind: Kind, question: Question, at: datetime, told: dict[str, Json], *, subject: str = ""
) -> None:
    """Put on the ledger what was done about a request, by whom and why."""
    who: dict[str, Json] = {
        "person": question.person,
        "policy": question.policy.name,
        "policy_hash": question.policy.content_hash,
        "purpose": question.purpose,
        "reason": question.reason,
    }
    ledger.append(tx, kind, at, actor=question.actor, subject=subject, payload=who | told)


def _received(asked: Asked, at: datetime) -> date:
    today = deadlines.day_of(at)
    if asked.received_on is not None and asked.received_on > today:
        raise ConsentlineError(f"request: must have come in by today ({today}), got {asked.received_on}")
    return asked.received_on or today


def _must_name_a_call(search: Search) -> None:
    if search.number is None and (search.since is None or search.before is None):
        raise ConsentlineError(
            "request: must name a number, or between which moments the call was",
            hint="--number, or --from and --to, and --agent where it is known",
        )


def _must_be_a_way(policy: Policy, check: IdentityCheck) -> None:
    ways = dict.fromkeys(
        (
            *policy.rights.identity_check,
            *(road.identity_check for road in policy.rights.channels if road.identity_check is not None),
        )
    )
    if check not in ways:
        source = policy.rights.source_of("identity_check") or "rights"
        known = " or ".join(way.value for way in ways)
        raise AccessRefused(
            f"{policy.identity.organisation} {source}: identity is checked by {known}, not by {check.value}"
        )
