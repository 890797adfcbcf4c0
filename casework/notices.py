"""What somebody has to be told now: the port through which casework says so.

Each kind of case is a `Source`. It looks at its own rows and says what anybody has to be told of them, each
time anew; the daemon writes down what is new, drops what is over, and tells (`daemon/notices.py`). So nothing
has to be called when something is decided, and no crash between a decision and its notice loses one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, Protocol

from casework.giving_out import deciding
from casework.incidents import assessing
from casework.requests import PURPOSE
from policy import deadlines
from policy.access import Action
from policy.load import Policies
from policy.model import Policy
from policy.notify import COUNSEL, FG, Notify
from policy.retention import DataKind
from policy.vocabulary import RecordingId
from store.cases import handovers, orders, requests
from store.cases.notices import Notice, NoticeKind
from store.db import Db
from store.records import recordings, versions
from store.retention import holds, incidents
from store.retention.incidents import IncidentRow

WEEK: Final = timedelta(days=7)


class Source(Protocol):
    """One kind of case that somebody has to be told of."""

    def wanted(self, db: Db, now: datetime, notify: Notify) -> Iterator[Notice]:
        """Yield what somebody has to be told, now or later; nothing for what is decided or over.

        Args:
            db: Where the cases are.
            now: Aware.
            notify: Says when a second notice comes (`remind_at`).
        """


class IncidentNotices:
    """Who assesses is told when a call is flagged, and again before its term is over (G4)."""

    def wanted(self, db: Db, now: datetime, notify: Notify) -> Iterator[Notice]:
        """Yield two notices for each role that assesses a flagged incident, until it is assessed."""
        policies: dict[str, Policy] = {}
        for incident in incidents.awaiting(db, now):
            hash_ = recordings.get_recording(db, incident.recording_id).policy_hash
            policy = policies.setdefault(hash_, versions.promised_to(db, hash_))
            yield from _of_incident(policy, incident, notify)


class OrderNotices:
    """The FG and counsel are told when an order was registered, and again before it has to be answered."""

    def wanted(self, db: Db, now: datetime, notify: Notify) -> Iterator[Notice]:
        """Yield two notices for each of them, until the order is closed."""
        for order in orders.every(db, running=True):
            policy = _recordings_policy(db, order.recording_id)
            again_at = notify.remind_at(order.answer_by, policy.working_days)
            moments = (
                (NoticeKind.ORDER_RECEIVED, order.registered_at),
                (NoticeKind.ORDER_DUE, max(again_at, order.registered_at)),
            )
            for role in (FG, COUNSEL):
                yield from _each(policy, role, order.order_id, order.answer_by, moments)


class HandoverNotices:
    """Who hands over is told before the hold of a hand-over runs out that nobody closed."""

    def wanted(self, db: Db, now: datetime, notify: Notify) -> Iterator[Notice]:
        """Yield a notice for each role that decides, until the hand-over is closed."""
        for handover in handovers.every(db, running=True):
            if handover.hold_id is None:
                continue
            policy = _recordings_policy(db, handover.recording_id)
            until = holds.get_hold(db, handover.hold_id).until
            moments = ((NoticeKind.HANDOVER_OPEN, notify.remind_at(until, policy.working_days)),)
            for role in deciding(policy, handover.recipient).roles:
                yield from _each(policy, role, handover.handover_id, until, moments)


class RequestNotices:
    """Who settles requests is told a week before one has to be decided on (AVG art. 12(3)).

    Args:
        policies: Every policy served.
    """

    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    def wanted(self, db: Db, now: datetime, notify: Notify) -> Iterator[Notice]:
        """Yield a notice for each role that settles, until it is decided; none while its deadline rests."""
        for request in requests.all_requests(db):
            policy = self._policies.by_name.get(request.policy)
            if policy is None or request.decided_at is not None or request.paused_at is not None:
                continue
            deadline = deadlines.over_at(request.decide_by)
            moments = ((NoticeKind.REQUEST_DUE, notify.remind_at(deadline - WEEK, policy.working_days)),)
            for role in settling_roles(policy):
                yield from _each(policy, role, request.request_id, deadline, moments)


def settling_roles(policy: Policy) -> tuple[str, ...]:
    """Return the roles that settle requests of data subjects, each once."""
    grants = () if policy.access is None else policy.access.grants.values()
    settles = [
        role
        for one in grants
        if PURPOSE in one.purposes and Action.EXPORT in one.actions
        for role in one.roles
    ]
    return tuple(dict.fromkeys(settles))


def notice_due_at(policy: Policy, deadline: datetime) -> datetime:
    """Return when the row about a notice has to be gone: on the term of what the ledger says of it."""
    return policy.retention.term(DataKind.LEDGER_PAYLOADS).after(deadline, policy.working_days)


def _of_incident(policy: Policy, incident: IncidentRow, notify: Notify) -> Iterator[Notice]:
    again_at = notify.remind_at(incident.assess_by_at, policy.working_days)
    moments = (
        (NoticeKind.INCIDENT_FLAGGED, incident.flagged_at),
        (NoticeKind.INCIDENT_DUE, max(again_at, incident.flagged_at)),
    )
    for role in assessing(policy, incident.kind).roles:
        yield from _each(policy, role, incident.incident_id, incident.assess_by_at, moments)


def _each(
    policy: Policy,
    role: str,
    about: int,
    deadline: datetime,
    moments: Iterable[tuple[NoticeKind, datetime]],
) -> Iterator[Notice]:
    """Yield a notice to one role at each of these moments."""
    for kind, tell_at in moments:
        yield Notice(
            kind=kind,
            policy=policy.name,
            role=role,
            about=about,
            deadline_at=deadline,
            tell_at=tell_at,
            due_at=notice_due_at(policy, deadline),
        )


def _recordings_policy(db: Db, recording_id: RecordingId) -> Policy:
    return versions.promised_to(db, recordings.get_recording(db, recording_id).policy_hash)
