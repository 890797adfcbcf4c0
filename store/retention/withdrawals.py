"""What a withdrawal does to one recording: it is destroyed, or closed while it has to stay.

Under `consent.on_incident = restrict` a recording that is flagged, kept as an incident or held is
not destroyed when somebody takes it back. It is closed to everybody but the grants that say so,
and goes when what keeps it ends: a flagged one when it is assessed or its term is over, a held
one with its hold. In doubt, and without either, it is destroyed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from policy.access import Closure
from policy.clock import from_ms
from policy.consent import OnIncident
from policy.errors import ConfigError, NotFound
from policy.model import Policy
from policy.vocabulary import CallId, RecordingId, TakenBack, WithdrawnBy
from store.db import Db, Tx
from store.files.archive import Archive
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.records import recordings, versions
from store.records.recordings import RecordingRow
from store.retention import closures, keeping
from store.retention.keeping import State

RESTRICTED_RULE: Final = "withdrawn, and kept closed by a hold only"


def take_back(archive: Archive, recording_id: RecordingId, by: WithdrawnBy) -> TakenBack:
    """Decide what a withdrawal does to a recording, and note it; durable on return (I6).

    Returns:
        `ERASED`: it is to be destroyed, and that is on record; `RESTRICTED`: it is closed.

    Raises:
        NotFound: If there is no such recording.
        StateConflict: If it cannot be withdrawn any more.
    """
    now = archive.clock.now()
    with archive.db.write() as tx:
        taken = _note(tx, archive.db, recording_id, by, now)
    if taken is TakenBack.RESTRICTED and keeping.state_of(archive.db, recording_id).incident is None:
        # Nothing but a hold keeps it: what was promised ends with the withdrawal.
        keeping.promise_less(archive, {recording_id: now}, actor=by.value, because=RESTRICTED_RULE)
    return taken


def reach_back(tx: Tx, db: Db, call_id: CallId, policy: Policy, at: datetime) -> tuple[RecordingId, ...]:
    """Take back, together with a refusal, what the same caller said before (E4).

    Args:
        tx: The transaction in which the refusal is stored.
        db: Its database.
        call_id: The call that was refused.
        policy: Whose gate it was.
        at: When it was refused.

    Returns:
        The recordings it reaches; each is noted, and `take_back` carries on with it.
    """
    reached = _reached(db, call_id, policy, at)
    for recording_id in reached:
        taken = _note(tx, db, recording_id, WithdrawnBy.CALLER_KEY, at)
        told: dict[str, Json] = {"refused": call_id, "window": _window(policy), "taken_back": taken.value}
        _tell(tx, at, recording_id, told)
    if reached:
        _tell(tx, at, call_id, {"recordings": list(reached), "window": _window(policy)})
    return reached


def _note(tx: Tx, db: Db, recording_id: RecordingId, by: WithdrawnBy, at: datetime) -> TakenBack:
    row = recordings.find(tx, recording_id)
    if row.intended_at is None:
        state = keeping.state_of(db, recording_id)
        if state.must_stay and _restricts(db, row):
            closures.close(
                tx, recording_id, Closure.RESTRICTED, at, because=_because(state, by), actor=by.value
            )
            return TakenBack.RESTRICTED
    recordings.withdrawn(tx, recording_id, at, by)
    return TakenBack.ERASED


def _because(state: State, by: WithdrawnBy) -> str:
    open_now = "an incident" if state.hold is None else f"a hold for {state.hold.reason}"
    return f"withdrawn by {by.value} while {open_now} is open"


def _restricts(db: Db, row: RecordingRow) -> bool:
    """Tell whether the policy that its caller was told of restricts; one that cannot be read does not."""
    try:
        policy = versions.promised_to(db, row.policy_hash)
    except (NotFound, ConfigError):
        return False
    return policy.consent.on_incident is OnIncident.RESTRICT


def _reached(db: Db, call_id: CallId, policy: Policy, at: datetime) -> tuple[RecordingId, ...]:
    window = policy.consent.refusal_reaches_back
    if window is None:
        return ()
    found = db.rows(
        "SELECT recording_id, earlier.ended_at FROM calls refused JOIN calls earlier"
        " ON earlier.caller_tag = refused.caller_tag AND earlier.call_id <> refused.call_id"
        " AND earlier.started_at <= refused.started_at"
        " JOIN recordings ON recordings.call_id = earlier.call_id"
        " WHERE refused.call_id = ? AND recordings.policy = ? AND intended_at IS NULL"
        " ORDER BY recordings.rowid",
        (call_id, policy.name),
    )
    return tuple(
        RecordingId(row["recording_id"])
        for row in found
        if row["ended_at"] is None or at <= window.after(from_ms(row["ended_at"]), policy.working_days)
    )


def _window(policy: Policy) -> str:
    return str(policy.consent.refusal_reaches_back)


def _tell(tx: Tx, at: datetime, subject: str, told: Mapping[str, Json]) -> None:
    actor = WithdrawnBy.CALLER_KEY.value
    ledger.append(tx, Kind.REFUSAL_REACHED_BACK, at, actor=actor, subject=subject, payload=told)
