"""Compulsory orders: what a law lets an authority demand, whatever the policy gives (N7 and a warrant).

    register   the privacy officer; the recording is held; FG and counsel are told
    deviate    the college decided: recorded by one person, with its reasons and its end
    confirm    by another
    package    by who registers orders, while the deviation lasts
    close      handed over, opposed, or taken back

The policy stays as it is. For this one recording the door is asked with one grant, made from the deviation,
in the place of all grants and denials; the ledger and the manifest name the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from casework import holds as casework_holds
from casework.at_the_door import Asking
from casework.custody import data_of, end_hold, is_packaged, packaging
from casework.ruling import Caseworker, Rule, refusal, worn
from policy import terms
from policy.access import Action, Calls, Closure, Grant, PurposeName
from policy.clock import LOCAL_ZONE, to_iso
from policy.errors import AccessRefused, ConsentlineError, NotFound, StateConflict
from policy.load import Policies
from policy.model import Policy
from policy.retention import DataKind
from policy.sharing import Content
from policy.situation import PersonId
from policy.vocabulary import CallId, RecordingId
from store.access import door, release
from store.access.door import NO_SUCH, Question
from store.access.release import Release
from store.cases import orders
from store.cases.orders import Deviation, Order, OrderOutcome, OrderRow
from store.files.archive import Archive
from store.logbook.ledger import Json
from store.persons import people
from store.records import recordings
from store.retention import holds

HOLD: Final = "court_matter"
PURPOSE: Final = PurposeName("compulsory_order")
NO_SUCH_ORDER: Final = "no such order, or not yours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What came in.

    Attributes:
        subject: A recording id, or a call id: then its latest recording.
    """

    subject: str
    authority: str
    reference: str
    legal_basis: str
    content: Content
    answer_by: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What the college decided.

    Attributes:
        until: From when on the deviation opens nothing.
    """

    finding: str
    approved_by: str
    approved_on: date
    until: datetime


def register(archive: Archive, policies: Policies, by: Asking, received: Received) -> OrderRow:
    """Put an order on record, and hold the recording that it is about.

    Raises:
        AccessRefused: If this role does not register orders.
        NotFound: If this organisation has no such recording.
        StateConflict: If the recording is gone.
        ConsentlineError: If it had to be answered before now.
    """
    at = archive.clock.now()
    policy, role = _handling(archive, policies, by, at)
    if received.answer_by <= at:
        raise ConsentlineError(f"answer-by: must lie ahead, got {to_iso(received.answer_by)}")
    recording_id = _subject(archive, policy, received.subject)
    order = Order(
        policy=policy.name,
        recording_id=recording_id,
        authority=received.authority,
        reference=received.reference,
        legal_basis=received.legal_basis,
        content=received.content,
        answer_by=received.answer_by,
        registered_by=by.person,
        role=role,
        hold_id=_hold(archive, recording_id, by),
    )
    with archive.db.write() as tx:
        return orders.find(tx, orders.add(tx, order, at, actor=by.actor))


def deviate(archive: Archive, policies: Policies, by: Asking, number: int, decided: Decided) -> OrderRow:
    """Put on record that the college lets this order be obeyed, by a deviation with its reasons.

    Raises:
        AccessRefused: If this role does not handle orders.
        NotFound: If there is no such order of this organisation.
        StateConflict: If it is closed, or a deviation was confirmed already.
        ConsentlineError: If it was approved in the future, or would be over already.
    """
    at = archive.clock.now()
    policy, _ = _handling(archive, policies, by, at)
    row = _open(archive, policy, number)
    if row.deviation is not None and row.deviation.confirmed_at is not None:
        raise StateConflict(f"order {number}: its deviation was confirmed, and changes no more")
    if decided.until <= at or decided.approved_on > at.astimezone(LOCAL_ZONE).date():
        raise ConsentlineError("deviation: must have been approved by now, and end later than now")
    deviation = Deviation(
        finding=decided.finding,
        approved_by=decided.approved_by,
        approved_on=decided.approved_on,
        until=decided.until,
        recorded_by=by.person,
        recorded_at=at,
    )
    with archive.db.write() as tx:
        return orders.record_deviation(tx, number, deviation, actor=by.actor)


def confirm(archive: Archive, policies: Policies, by: Asking, number: int) -> OrderRow:
    """Confirm a deviation, as the second person.

    Raises:
        AccessRefused: If they recorded it themselves, or wear no role but that of who takes calls.
        NotFound: If there is no such order of this organisation.
        StateConflict: If there is no deviation to confirm, or it was confirmed before.
    """
    at = archive.clock.now()
    policy = door.policy_for(archive.db, policies, by.person, by.policy)
    _wears(archive, policy, by.person, _seconds(policy), at)
    row = _open(archive, policy, number)
    if row.deviation is None:
        raise StateConflict(f"order {number}: {_wants_two(policy)}; no deviation is on record yet")
    if row.deviation.recorded_by == by.person:
        raise AccessRefused(f"order {number}: {_wants_two(policy)}; {by.person} recorded it")
    if row.deviation.confirmed_at is not None:
        raise StateConflict(f"order {number}: was confirmed already by {row.deviation.confirmed_by}")
    with archive.db.write() as tx:
        return orders.confirm_deviation(tx, number, by.person, at, actor=by.actor)


def asks_to_package(archive: Archive, policies: Policies, by: Asking, number: int) -> Question:
    """Return what obeying an order asks of the door: one grant, made from its deviation.

    Raises:
        AccessRefused: If this role does not handle orders.
        NotFound: If there is no such order of this organisation.
        StateConflict: If it is closed, or there is no confirmed deviation that still lasts.
    """
    at = archive.clock.now()
    policy, _ = _handling(archive, policies, by, at)
    row = _open(archive, policy, number)
    deviation = row.deviation
    if deviation is None or deviation.confirmed_at is None:
        lacks = "no deviation is on record" if deviation is None else "nobody confirmed it yet"
        raise StateConflict(f"order {number}: {_wants_two(policy)}; {lacks}")
    if deviation.until <= at:
        raise StateConflict(f"order {number}: its deviation ended on {to_iso(deviation.until)}")
    return Question(
        person=by.person,
        login=by.login,
        actor=by.actor,
        policy=deviated(policy, row, deviation),
        action=Action.HAND_OVER,
        purpose=PURPOSE,
        reason=door.checked_reason(by.reason),
        case=row.reference,
    )


def package(archive: Archive, asked: Question, number: int, at: datetime) -> Release:
    """Put the access on the ledger, and release what an order demands.

    Raises:
        ConsentlineError: As `store.access.release.release` says.
    """
    row = _get(archive, number)
    audio = row.content is Content.AUDIO
    released = release.release(archive, asked, row.recording_id, at, audio=audio)
    with archive.db.write() as tx:
        orders.packaged(tx, number, released.access_id, at, actor=asked.actor)
    told: dict[str, Json] = {**released.manifest, "order": custody(archive, _get(archive, number))}
    if not audio:
        told["data"] = data_of(archive, row.recording_id, None)
    return replace(released, manifest=told)


def close(
    archive: Archive, policies: Policies, by: Asking, number: int, outcome: OrderOutcome, *, how: str
) -> OrderRow:
    """Close an order, and end its hold.

    Raises:
        AccessRefused: If this role does not handle orders.
        NotFound: If there is no such order of this organisation.
        StateConflict: If it is closed, or was to be handed over and never packaged.
    """
    at = archive.clock.now()
    policy, _ = _handling(archive, policies, by, at)
    row = _open(archive, policy, number)
    packaged = is_packaged(archive, row.recording_id, row.access_id)
    if outcome is OrderOutcome.HANDED_OVER and not packaged:
        raise StateConflict(f"order {number}: nothing was packaged, so nothing was handed over")
    end_hold(archive, row.hold_id, by, why=f"order {number} closed")
    due_at = terms.data_due_at(policy, DataKind.DEVIATIONS, at)
    with archive.db.write() as tx:
        return orders.close(tx, number, outcome, at, by=by.person, actor=by.actor, how=how, due_at=due_at)


def listed(
    archive: Archive, policies: Policies, by: Caseworker | None, *, running: bool
) -> tuple[OrderRow, ...]:
    """Return the orders that somebody handles or can confirm.

    Args:
        archive: Where they are.
        policies: Every policy served.
        by: Who asks; None: whoever can read the database anyway, and sees all of them.
        running: Only those that are not closed.
    """
    every = orders.every(archive.db, running=running)
    if by is None:
        return every
    return tuple(row for row in every if _concerns(archive, policies, by.id, row))


def shown(archive: Archive, policies: Policies, by: Caseworker | None, number: int) -> dict[str, Json]:
    """Return one order with its chain of custody.

    Raises:
        NotFound: In the same words, whether there is none, or it is none of theirs.
    """
    row = orders.get(archive.db, number)
    if row is None or (by is not None and not _concerns(archive, policies, by.id, row)):
        raise NotFound(NO_SUCH_ORDER)
    return {**row.to_json(), "custody": custody(archive, row)["steps"]}


def custody(archive: Archive, row: OrderRow) -> dict[str, Json]:
    """Return the chain of custody of an order: who did what with it, when, and what came of it."""
    at = row.to_json()
    steps: list[Json] = [{"step": "registered", "by": row.registered_by, "at": at["registered_at"]}]
    if row.deviation is not None:
        told = row.deviation.to_json()
        steps.append({"step": "deviation", "by": told["recorded_by"], "at": told["recorded_at"]})
        if row.deviation.confirmed_at is not None:
            steps.append({"step": "confirmed", "by": told["confirmed_by"], "at": told["confirmed_at"]})
    steps += packaging(archive, row.recording_id, row.access_id)
    if row.outcome is not None:
        closed = {"step": row.outcome.value, "by": row.closed_by, "at": at["closed_at"], "how": row.how}
        steps.append(closed)
    keys = ("order", "authority", "reference", "legal_basis", "content", "deviation")
    return {**{key: at[key] for key in keys}, "steps": steps}


def deviated(policy: Policy, row: OrderRow, deviation: Deviation) -> Policy:
    """Return the policy as it is for one order: one grant in the place of all, to those who handle orders."""
    access = policy.access
    assert access is not None  # noqa: S101 - somebody wears a role of it
    grant = Grant(
        source=f"order {row.reference} ({row.legal_basis})",
        says=f"a compulsory order, by the deviation of {deviation.approved_by} of {deviation.approved_on}",
        roles=_handlers(policy),
        purposes=(PURPOSE,),
        actions=(Action.HAND_OVER,),
        calls=(Calls.ALL,),
        in_extension=True,
        on_hold=tuple(policy.hold_reasons),
        even_when=(Closure.RESTRICTED, Closure.OBJECTED),
    )
    for_this = access.model_copy(update={"grants": {f"order_{row.order_id}": grant}, "denials": {}})
    return policy.model_copy(update={"access": for_this})


def _handling(archive: Archive, policies: Policies, by: Asking, at: datetime) -> tuple[Policy, str]:
    """Return the policy and the hat under which somebody handles orders."""
    policy = door.policy_for(archive.db, policies, by.person, by.policy)
    return policy, _wears(archive, policy, by.person, _handlers(policy), at)


def _handlers(policy: Policy) -> tuple[str, ...]:
    return policy.holds.law_decided_by


def _seconds(policy: Policy) -> tuple[str, ...]:
    """Return who can be the second person: anybody with a role here who does not take calls."""
    roles = {} if policy.access is None else policy.access.roles
    return tuple(name for name, role in roles.items() if not role.takes_calls)


def _wears(archive: Archive, policy: Policy, person: PersonId, roles: Sequence[str], at: datetime) -> str:
    rule = Rule(roles=roles, says="a compulsory order is handled by", source=policy.holds.source)
    role = worn(policy, people.in_policy(archive.db, person, policy.name), roles, at, held=False)
    if role is None:
        raise AccessRefused(refusal(policy, rule, person))
    return role


def _wants_two(policy: Policy) -> str:
    return f"{policy.identity.organisation}: obeyed only by a deviation of the college, and two persons"


def _subject(archive: Archive, policy: Policy, subject: str) -> RecordingId:
    """Return which recording of this organisation is meant, with one answer for all that is not."""
    db = archive.db
    row = recordings.find_recording(db, RecordingId(subject))
    if row is None:
        there = [one for one in recordings.of_call(db, CallId(subject)) if one.policy == policy.name]
        row = there[-1] if there else None
    if row is None or row.policy != policy.name:
        raise NotFound(NO_SUCH)
    if row.intended_at is not None:
        raise StateConflict(
            f"recording {row.recording_id}: is gone; the order can be answered only by its receipt",
            hint=f"consentline receipt {row.recording_id}",
        )
    return row.recording_id


def _hold(archive: Archive, recording_id: RecordingId, by: Asking) -> int | None:
    """Hold a recording until its order is closed, unless such a hold runs already."""
    placed = holds.of_recording(archive.db, recording_id)
    if any(hold.reason == HOLD and hold.over_at is None for hold in placed):
        return None
    caseworker = Caseworker(id=by.person, actor=by.actor)
    return casework_holds.place(archive, recording_id, HOLD, caseworker, why="compulsory order").hold_id


def _open(archive: Archive, policy: Policy, number: int) -> OrderRow:
    row = orders.get(archive.db, number)
    if row is None or row.policy != policy.name:
        raise NotFound(NO_SUCH_ORDER, hint="see: consentline order list")
    if row.closed_at is not None:
        raise StateConflict(f"order {number}: is closed ({row.stage}); nothing more is done with it")
    return row


def _get(archive: Archive, number: int) -> OrderRow:
    row = orders.get(archive.db, number)
    assert row is not None  # noqa: S101 - it was looked up in the same thread
    return row


def _concerns(archive: Archive, policies: Policies, person: PersonId, row: OrderRow) -> bool:
    policy = policies.by_name.get(row.policy)
    if policy is None:
        return False
    wearer = people.in_policy(archive.db, person, policy.name)
    roles = (*_handlers(policy), *_seconds(policy))
    return worn(policy, wearer, roles, archive.clock.now(), held=False) is not None
