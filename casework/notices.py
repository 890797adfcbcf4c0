"""What somebody has to be told now: the port through which casework says so.

Each kind of case is a `Source`. It looks at its own rows and says what anybody has to be told of them, each
time anew; the daemon writes down what is new, drops what is over, and tells (`daemon/notices.py`). So nothing
has to be called when something is decided, and no crash between a decision and its notice loses one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from casework.incidents import assessing
from policy.model import Policy
from policy.notify import Notify
from policy.retention import DataKind
from store.cases.notices import Notice, NoticeKind
from store.db import Db
from store.records import recordings, versions
from store.retention import incidents
from store.retention.incidents import IncidentRow


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
        for kind, tell_at in moments:
            yield Notice(
                kind=kind,
                policy=policy.name,
                role=role,
                about=incident.incident_id,
                deadline_at=incident.assess_by_at,
                tell_at=tell_at,
                due_at=notice_due_at(policy, incident.assess_by_at),
            )
