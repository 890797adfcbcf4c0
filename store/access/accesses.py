"""Accesses: each time the door opened, for whom, and how it ended.

A row is made with the ledger entry that comes before the first byte can be decrypted (I5), and is
closed once: by whoever opened it, or by the daemon when they never told. Copies are named by their
digests alone: they are not under our control any more, and a receipt of erasure says so.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from policy.access import Action, PurposeName, RoleName
from policy.clock import from_ms, maybe_from_ms, to_iso, to_ms
from policy.errors import NotFound
from policy.situation import PersonId
from policy.vocabulary import PolicyName, RecordingId
from store.db import Db, Tx
from store.keyring.shares import AccessId
from store.logbook import ledger
from store.logbook.ledger import Json, Kind


class Ending(Enum):
    """How an access ended."""

    COMPLETE = "complete"
    FAILED = "failed"
    NOT_TOLD = "not_told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A file that was made of a recording.

    Attributes:
        kind: What it holds: `audio`, `manifest`, `zip` or `sealed`.
        size_bytes: Of the file.
        sha256: Of the file, 64 hexadecimal digits.
    """

    kind: str
    size_bytes: int
    sha256: str

    def to_json(self) -> dict[str, Json]:
        """Return the copy as a program gets it."""
        return {"kind": self.kind, "bytes": self.size_bytes, "sha256": self.sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An access, before it is stored.

    Attributes:
        person: Who, with their passphrase.
        login: The OS login that asked.
        role: The hat under which.
        company: Who unlocked with them.
        case: The number of a file, or None.
        rule: The grant that allowed it.
        policy_hash: The version of the policy that did.
        due_at: When the row about it has to be gone.
    """

    access_id: AccessId
    recording_id: RecordingId
    policy: PolicyName
    policy_hash: str
    person: PersonId
    login: str
    role: RoleName
    company: tuple[PersonId, ...]
    action: Action
    purpose: PurposeName
    reason: str
    case: str | None
    rule: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRow:
    """An access as it is stored.

    Attributes:
        entry: The ledger entry that came before it.
        ending: None while it goes on.
        copies: What was made of the recording.
    """

    access_id: AccessId
    recording_id: RecordingId
    policy: PolicyName
    person: PersonId
    role: RoleName
    company: tuple[PersonId, ...]
    action: Action
    purpose: PurposeName
    reason: str
    case: str | None
    released_at: datetime
    entry: int
    ended_at: datetime | None
    ending: Ending | None
    copies: tuple[Copy, ...]

    def to_json(self) -> dict[str, Json]:
        """Return the access as a program gets it."""
        return {
            "access": self.access_id,
            "recording_id": self.recording_id,
            "policy": self.policy,
            "person": self.person,
            "role": self.role,
            "with": list(self.company),
            "action": self.action.value,
            "purpose": self.purpose,
            "reason": self.reason,
            "case": self.case,
            "at": to_iso(self.released_at),
            "ledger_entry": self.entry,
            "ending": None if self.ending is None else self.ending.value,
            "copies": [copy.to_json() for copy in self.copies],
        }


def open_access(tx: Tx, opened: Opened, *, at: datetime, actor: str) -> int:
    """Put an access on the ledger (I5), store its row, and return the entry's number."""
    told: dict[str, Json] = {
        "access": opened.access_id,
        "person": opened.person,
        "role": opened.role,
        "with": list(opened.company),
        "action": opened.action.value,
        "purpose": opened.purpose,
        "reason": opened.reason,
        "case": opened.case,
        "rule": opened.rule,
        "policy": opened.policy,
        "policy_hash": opened.policy_hash,
        "result": "released",
    }
    entry = ledger.append(
        tx, Kind.ACCESS_RELEASED, at, actor=actor, subject=opened.recording_id, payload=told
    )
    tx.execute(
        "INSERT INTO accesses (access_id, recording_id, policy, person, login, role, company, action,"
        " purpose, reason, case_number, rule, released_at, entry, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            opened.access_id,
            opened.recording_id,
            opened.policy,
            opened.person,
            opened.login,
            opened.role,
            json.dumps(opened.company),
            opened.action.value,
            opened.purpose,
            opened.reason,
            opened.case,
            opened.rule,
            to_ms(at),
            entry,
            to_ms(opened.due_at),
        ),
    )
    return entry


def end_access(
    tx: Tx,
    access_id: AccessId,
    ending: Ending,
    *,
    at: datetime,
    actor: str,
    copies: Sequence[Copy] = (),
    told: Mapping[str, Json] | None = None,
) -> AccessRow:
    """Put on the ledger how an access ended, and which copies there are of it.

    Told once more, a copy that was reported complete can still be reported gone, or the other way
    round: the ledger then has both, the row the last.

    Raises:
        NotFound: If there is no such access.
    """
    row = find(tx, access_id)
    payload: dict[str, Json] = {
        "access": access_id,
        "released": row.entry,
        "person": row.person,
        "action": row.action.value,
        "result": ending.value,
        "copies": [copy.to_json() for copy in copies],
        **(told or {}),
    }
    ledger.append(tx, Kind.ACCESS_ENDED, at, actor=actor, subject=row.recording_id, payload=payload)
    tx.execute(
        "UPDATE accesses SET ended_at = ?, ending = ?, copies = ? WHERE access_id = ?",
        (to_ms(at), ending.value, json.dumps([copy.to_json() for copy in copies]), access_id),
    )
    return find(tx, access_id)


def find(tx: Tx, access_id: AccessId) -> AccessRow:
    """Return one access as this transaction sees it.

    Raises:
        NotFound: If there is no such access.
    """
    row = tx.execute("SELECT * FROM accesses WHERE access_id = ?", (access_id,)).fetchone()
    if row is None:
        raise NotFound(f"no access {access_id[:40]}")
    return _access(row)


def still_open(db: Db) -> tuple[AccessRow, ...]:
    """Return the accesses of which nobody told the end."""
    found = db.rows("SELECT * FROM accesses WHERE ended_at IS NULL ORDER BY released_at, access_id")
    return tuple(_access(row) for row in found)


def of_recording(db: Db, recording_id: RecordingId) -> tuple[AccessRow, ...]:
    """Return every access to a recording, oldest first; receipts name the copies in them."""
    found = db.rows(
        "SELECT * FROM accesses WHERE recording_id = ? ORDER BY released_at, access_id", (recording_id,)
    )
    return tuple(_access(row) for row in found)


def heard_since(
    db: Db, recording_id: RecordingId, person: PersonId, purpose: PurposeName, since: datetime
) -> bool:
    """Tell whether somebody listened to a recording for a purpose, then or later, to no failure."""
    found = db.rows(
        "SELECT 1 FROM accesses WHERE recording_id = ? AND person = ? AND purpose = ? AND action = 'listen'"
        " AND ending = 'complete' AND released_at >= ? LIMIT 1",
        (recording_id, person, purpose, to_ms(since)),
    )
    return bool(found)


def listeners(db: Db, policy: PolicyName) -> dict[tuple[RecordingId, PurposeName], list[PersonId]]:
    """Return who listened to which recording of a policy for what, to no failure, the first first."""
    found = db.rows(
        "SELECT recording_id, purpose, person FROM accesses WHERE policy = ? AND action = 'listen'"
        " AND ending = 'complete' ORDER BY released_at, access_id",
        (policy,),
    )
    heard: dict[tuple[RecordingId, PurposeName], list[PersonId]] = {}
    for row in found:
        theirs = heard.setdefault((RecordingId(row["recording_id"]), PurposeName(row["purpose"])), [])
        if row["person"] not in theirs:
            theirs.append(PersonId(row["person"]))
    return heard


def any_due(db: Db, at: datetime) -> bool:
    """Tell whether the term of any of these rows is over."""
    return bool(db.rows("SELECT 1 FROM accesses WHERE due_at <= ? LIMIT 1", (to_ms(at),)))


def forget_due(tx: Tx, at: datetime) -> int:
    """Erase the rows of accesses whose term is over, and return how many."""
    return tx.execute("DELETE FROM accesses WHERE due_at <= ?", (to_ms(at),)).rowcount


def _access(row: sqlite3.Row) -> AccessRow:
    return AccessRow(
        access_id=AccessId(row["access_id"]),
        recording_id=RecordingId(row["recording_id"]),
        policy=PolicyName(row["policy"]),
        person=PersonId(row["person"]),
        role=RoleName(row["role"]),
        company=tuple(PersonId(one) for one in json.loads(row["company"])),
        action=Action(row["action"]),
        purpose=PurposeName(row["purpose"]),
        reason=row["reason"],
        case=row["case_number"],
        released_at=from_ms(row["released_at"]),
        entry=row["entry"],
        ended_at=maybe_from_ms(row["ended_at"]),
        ending=None if row["ending"] is None else Ending(row["ending"]),
        copies=tuple(
            Copy(kind=copy["kind"], size_bytes=copy["bytes"], sha256=copy["sha256"])
            for copy in json.loads(row["copies"])
        ),
    )
