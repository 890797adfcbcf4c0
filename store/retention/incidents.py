"""Incidents: calls that somebody pointed out, and what was decided about them (G3-G5, H2, R3).

    flagged -> kept      assessed in time: the policy's extension, once
            -> dropped   assessed in time: not relevant
            -> lapsed    nobody assessed it before its recording had to go, and it went

An incident outlives its recording, on a term of its own that begins when it is closed (G5).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from policy import situation
from policy.access import IncidentKind
from policy.clock import from_ms, maybe_from_ms, to_iso, to_ms
from policy.errors import NotFound
from policy.situation import IncidentStage, PersonId
from policy.vocabulary import CallId, PolicyName, RecordingId
from store.cases import registrations
from store.db import Db, Tx
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.retention.holds import Ruling


class Stage(Enum):
    """How far an incident is."""

    FLAGGED = "flagged"
    KEPT = "kept"
    DROPPED = "dropped"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    """One incident.

    Attributes:
        assess_by_at: Until when it can be assessed: the end of the recording's first term.
        assessed_by: Who assessed it, or None.
        reason: What they said about it.
        closed_at: When nothing was left to be decided and its recording was gone, or None.
        data_due_at: When the incident itself has to be gone; None until it is closed.
    """

    incident_id: int
    recording_id: RecordingId
    call_id: CallId
    policy: PolicyName
    kind: IncidentKind
    stage: Stage
    flagged_by: PersonId
    flagged_at: datetime
    assess_by_at: datetime
    assessed_by: PersonId | None
    assessed_at: datetime | None
    reason: str | None
    closed_at: datetime | None
    data_due_at: datetime | None

    def to_json(self) -> dict[str, Json]:
        """Return the incident as a program gets it."""
        return {
            "incident_id": self.incident_id,
            "call_id": self.call_id,
            "recording_id": self.recording_id,
            "policy": self.policy,
            "kind": self.kind.value,
            "stage": self.stage.value,
            "flagged_by": self.flagged_by,
            "flagged_at": to_iso(self.flagged_at),
            "assess_by_at": to_iso(self.assess_by_at),
            "assessed_by": self.assessed_by,
            "assessed_at": _iso(self.assessed_at),
            "reason": self.reason,
            "closed_at": _iso(self.closed_at),
            "data_due_at": _iso(self.data_due_at),
        }


def add(
    tx: Tx,
    recording_id: RecordingId,
    kind: IncidentKind,
    at: datetime,
    ruling: Ruling,
    *,
    assess_by_at: datetime,
) -> int:
    """Add a flagged incident and return its number.

    Raises:
        sqlite3.IntegrityError: If there is one about this recording, which the caller looked for.
    """
    row = tx.execute(
        "SELECT call_id, policy FROM recordings WHERE recording_id = ?", (recording_id,)
    ).fetchone()
    inserted = tx.execute(
        "INSERT INTO incidents (recording_id, call_id, policy, kind, stage, flagged_by, flagged_role,"
        " flagged_at, assess_by_at) VALUES (?, ?, ?, ?, 'flagged', ?, ?, ?, ?)",
        (
            recording_id,
            row["call_id"],
            row["policy"],
            kind.value,
            ruling.by,
            ruling.role,
            to_ms(at),
            to_ms(assess_by_at),
        ),
    )
    assert inserted.lastrowid is not None  # noqa: S101 - sqlite3 gives one for every INSERT
    told: dict[str, Json] = {
        "incident": inserted.lastrowid,
        "kind": kind.value,
        "role": ruling.role,
        "assess_by": to_iso(assess_by_at),
    }
    ledger.append(tx, Kind.INCIDENT_FLAGGED, at, actor=ruling.actor, subject=recording_id, payload=told)
    return inserted.lastrowid


def assessed(tx: Tx, incident: IncidentRow, stage: Stage, at: datetime, ruling: Ruling) -> None:
    """Note what was decided about a flagged incident: `KEPT` or `DROPPED`."""
    tx.execute(
        "UPDATE incidents SET stage = ?, assessed_by = ?, assessed_role = ?, assessed_at = ?, reason = ?"
        " WHERE incident_id = ?",
        (stage.value, ruling.by, ruling.role, to_ms(at), ruling.why, incident.incident_id),
    )
    told: dict[str, Json] = {
        "incident": incident.incident_id,
        "stage": stage.value,
        "role": ruling.role,
        "why": ruling.why,
    }
    ledger.append(
        tx, Kind.INCIDENT_ASSESSED, at, actor=ruling.actor, subject=incident.recording_id, payload=told
    )


def close_gone(tx: Tx, at: datetime) -> int:
    """Close the incidents whose recording is gone; one that nobody assessed says so.

    Returns:
        How many.
    """
    found = tx.execute(
        "SELECT incidents.* FROM incidents JOIN recordings USING (recording_id)"
        " WHERE closed_at IS NULL AND erased_at IS NOT NULL ORDER BY incident_id"
    ).fetchall()
    for incident in (_incident(row) for row in found):
        stage = Stage.LAPSED if incident.stage is Stage.FLAGGED else incident.stage
        tx.execute(
            "UPDATE incidents SET stage = ?, closed_at = ? WHERE incident_id = ?",
            (stage.value, to_ms(at), incident.incident_id),
        )
        told: dict[str, Json] = {"incident": incident.incident_id, "stage": stage.value}
        ledger.append(
            tx, Kind.INCIDENT_CLOSED, at, actor="daemon", subject=incident.recording_id, payload=told
        )
    return len(found)


def whose_recording_went(db: Db) -> bool:
    """Tell whether there is anything for `close_gone`."""
    found = db.rows(
        "SELECT 1 FROM incidents JOIN recordings USING (recording_id)"
        " WHERE closed_at IS NULL AND erased_at IS NOT NULL LIMIT 1"
    )
    return bool(found)


def to_go_at(tx: Tx, incident_id: int, data_due_at: datetime) -> None:
    """Set when a closed incident has to be gone."""
    tx.execute(
        "UPDATE incidents SET data_due_at = ? WHERE incident_id = ?", (to_ms(data_due_at), incident_id)
    )


def erase(tx: Tx, incident: IncidentRow, at: datetime) -> None:
    """Erase a closed incident, its registration too; the bytes are gone after `Db.forget_deleted`."""
    registrations.erase(tx, incident.incident_id)
    tx.execute("DELETE FROM incidents WHERE incident_id = ?", (incident.incident_id,))
    told: dict[str, Json] = {"incident": incident.incident_id, "policy": incident.policy}
    ledger.append(tx, Kind.INCIDENT_ERASED, at, actor="daemon", subject="", payload=told)


def open_incident(db: Db, recording_id: RecordingId) -> situation.Incident | None:
    """Return what a recording is flagged or kept for, as access is judged; a dropped one is none."""
    row = of_recording(db, recording_id)
    if row is None or row.stage not in (Stage.FLAGGED, Stage.KEPT):
        return None
    return situation.Incident(kind=row.kind, stage=IncidentStage(row.stage.value))


def of_recording(db: Db, recording_id: RecordingId) -> IncidentRow | None:
    """Return the incident of a recording, whatever became of it, or None."""
    found = db.rows("SELECT * FROM incidents WHERE recording_id = ?", (recording_id,))
    return _incident(found[0]) if found else None


def get_incident(db: Db, incident_id: int) -> IncidentRow:
    """Return one incident.

    Raises:
        NotFound: If there is no such incident.
    """
    found = find_incident(db, incident_id)
    if found is None:
        raise NotFound(f"no incident {incident_id}", hint="see: consentline incident list")
    return found


def find_incident(db: Db, incident_id: int) -> IncidentRow | None:
    """Return one incident, or None."""
    found = db.rows("SELECT * FROM incidents WHERE incident_id = ?", (incident_id,))
    return _incident(found[0]) if found else None


def awaiting(db: Db, now: datetime) -> tuple[IncidentRow, ...]:
    """Return the incidents that can still be assessed, and were not, oldest first."""
    found = db.rows(
        "SELECT * FROM incidents WHERE stage = 'flagged' AND closed_at IS NULL AND assess_by_at > ?"
        " ORDER BY incident_id",
        (to_ms(now),),
    )
    return tuple(_incident(row) for row in found)


def all_incidents(db: Db) -> tuple[IncidentRow, ...]:
    """Return every incident that is kept, in order."""
    return tuple(_incident(row) for row in db.rows("SELECT * FROM incidents ORDER BY incident_id"))


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else to_iso(moment)


def _incident(row: sqlite3.Row) -> IncidentRow:
    return IncidentRow(
        incident_id=row["incident_id"],
        recording_id=row["recording_id"],
        call_id=row["call_id"],
        policy=row["policy"],
        kind=IncidentKind(row["kind"]),
        stage=Stage(row["stage"]),
        flagged_by=row["flagged_by"],
        flagged_at=from_ms(row["flagged_at"]),
        assess_by_at=from_ms(row["assess_by_at"]),
        assessed_by=row["assessed_by"],
        assessed_at=maybe_from_ms(row["assessed_at"]),
        reason=row["reason"],
        closed_at=maybe_from_ms(row["closed_at"]),
        data_due_at=maybe_from_ms(row["data_due_at"]),
    )
