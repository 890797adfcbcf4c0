"""Requests of data subjects: one row a file, without name or address of whoever asked (AVG art. 5(1)(c)).

    received -> awaiting_identity -> received       the deadline stands still meanwhile, by a decision
             -> identified -> fulfilled | refused | closed
             -> not_identified -> refused | closed

The organisation's own file, under the same reference, knows who asked. The row goes on its own term
(`retention.requests`), counted from the decision.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from policy.clock import from_ms, to_iso, to_ms
from policy.errors import NotFound
from policy.refusals import RefusalGround
from policy.rights import IdentityCheck, Right
from policy.situation import PersonId
from policy.vocabulary import PolicyName
from store.db import Db, Tx, Value
from store.logbook import ledger
from store.logbook.ledger import Json, Kind


class Stage(Enum):
    """How far a request is."""

    RECEIVED = "received"
    AWAITING_IDENTITY = "awaiting_identity"
    IDENTIFIED = "identified"
    NOT_IDENTIFIED = "not_identified"
    FULFILLED = "fulfilled"
    REFUSED = "refused"
    CLOSED = "closed"

    @property
    def decided(self) -> bool:
        """Whether nothing is left to be decided."""
        return self in (Stage.FULFILLED, Stage.REFUSED, Stage.CLOSED)


class Party(Enum):
    """Who asks: whoever called, or who took the call."""

    CALLER = "caller"
    AGENT = "agent"

    @property
    def other(self) -> Party:
        """Whose voice is somebody else's."""
        return Party.AGENT if self is Party.CALLER else Party.CALLER


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A request as it is taken in.

    Attributes:
        reference: Number of the organisation's own file, which knows who asks.
        on_behalf: What was seen that shows that somebody may ask for another, or None.
        number_masked: The number that was named, masked, or None.
        since, before, agent: When and with whom the call was, as far as it was said.
        matched_salt: Opens the commitment on the ledger.
        received_on: The day on which it came in.
        keeps_until: Until when what it matches is kept unseen; None: it keeps nothing.
    """

    reference: str
    policy: PolicyName
    policy_hash: str
    right: Right
    party: Party
    on_behalf: str | None
    language: str
    number_masked: str | None
    since: datetime | None
    before: datetime | None
    agent: PersonId | None
    matched_salt: bytes
    received_on: date
    taken_by: PersonId
    decide_by: date
    keeps_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow(Taken):
    """A request as it is stored.

    Attributes:
        paused_at: Since when identity is awaited by a recorded decision, or None.
        paused_days: Whole days on which it was, before.
        identity_check: How identity was checked.
        due_at: When the file has to be gone; None until it is decided.
    """

    request_id: int
    stage: Stage
    taken_at: datetime
    paused_at: datetime | None
    paused_days: int
    identity_check: IdentityCheck | None
    identity_by: PersonId | None
    identity_at: datetime | None
    extended_at: datetime | None
    extended_why: str | None
    decided_at: datetime | None
    decided_by: PersonId | None
    ground: RefusalGround | None
    why: str | None
    due_at: datetime | None

    def to_json(self) -> dict[str, Json]:
        """Return the request as a program gets it; nothing of what it matches."""
        return {
            "request_id": self.request_id,
            "reference": self.reference,
            "policy": self.policy,
            "right": self.right.value,
            "party": self.party.value,
            "on_behalf": self.on_behalf,
            "language": self.language,
            "number": self.number_masked,
            "since_at": _iso(self.since),
            "before_at": _iso(self.before),
            "agent": self.agent,
            "stage": self.stage.value,
            "received_on": self.received_on.isoformat(),
            "decide_by": self.decide_by.isoformat(),
            "keeps_until_at": _iso(self.keeps_until),
            "paused_at": _iso(self.paused_at),
            "paused_days": self.paused_days,
            "identity_check": None if self.identity_check is None else self.identity_check.value,
            "identity_by": self.identity_by,
            "identity_at": _iso(self.identity_at),
            "extended_at": _iso(self.extended_at),
            "extended_why": self.extended_why,
            "decided_at": _iso(self.decided_at),
            "decided_by": self.decided_by,
            "ground": None if self.ground is None else self.ground.value,
            "why": self.why,
            "due_at": _iso(self.due_at),
        }


def add(tx: Tx, taken: Taken, at: datetime) -> int:
    """Add a request, and return its number.

    Raises:
        sqlite3.IntegrityError: If the reference is taken, which the caller looked for.
    """
    inserted = tx.execute(
        'INSERT INTO requests (reference, policy, policy_hash, "right", party, on_behalf, language,'
        " number_masked, since, before, agent, matched_salt, received_on, taken_at, taken_by, stage,"
        " decide_by, keeps_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'received', ?, ?)",
        (
            taken.reference,
            taken.policy,
            taken.policy_hash,
            taken.right.value,
            taken.party.value,
            taken.on_behalf,
            taken.language,
            taken.number_masked,
            _ms(taken.since),
            _ms(taken.before),
            taken.agent,
            taken.matched_salt,
            taken.received_on.isoformat(),
            to_ms(at),
            taken.taken_by,
            taken.decide_by.isoformat(),
            _ms(taken.keeps_until),
        ),
    )
    assert inserted.lastrowid is not None  # noqa: S101 - sqlite3 gives one for every INSERT
    return inserted.lastrowid


def pause(tx: Tx, request_id: int, at: datetime) -> None:
    """Note that identity is awaited: the deadline stands still."""
    _change(tx, request_id, stage=Stage.AWAITING_IDENTITY.value, paused_at=to_ms(at))


def identity_checked(
    tx: Tx,
    row: RequestRow,
    at: datetime,
    by: PersonId,
    check: IdentityCheck,
    *,
    shown: bool,
    paused_days: int,
    decide_by: date,
) -> None:
    """Note what came of checking identity; the deadline runs again."""
    _change(
        tx,
        row.request_id,
        stage=(Stage.IDENTIFIED if shown else Stage.NOT_IDENTIFIED).value,
        paused_at=None,
        paused_days=paused_days,
        decide_by=decide_by.isoformat(),
        identity_check=check.value,
        identity_by=by,
        identity_at=to_ms(at),
    )


def extend(tx: Tx, request_id: int, at: datetime, by: PersonId, *, why: str, decide_by: date) -> None:
    """Note that the decision was put off, and that this was told."""
    _change(
        tx,
        request_id,
        extended_at=to_ms(at),
        extended_by=by,
        extended_why=why,
        decide_by=decide_by.isoformat(),
    )


def decide(
    tx: Tx,
    request_id: int,
    at: datetime,
    by: PersonId,
    stage: Stage,
    *,
    why: str,
    ground: RefusalGround | None,
    due_at: datetime,
) -> None:
    """Note how it ended, and when its file goes."""
    _change(
        tx,
        request_id,
        stage=stage.value,
        paused_at=None,
        decided_at=to_ms(at),
        decided_by=by,
        why=why,
        ground=None if ground is None else ground.value,
        due_at=to_ms(due_at),
    )


def get_request(db: Db, request_id: int) -> RequestRow:
    """Return one request.

    Raises:
        NotFound: If there is no such request (any more).
    """
    found = db.rows("SELECT * FROM requests WHERE request_id = ?", (request_id,))
    if not found:
        raise no_such(request_id)
    return _request(found[0])


def no_such(request_id: int) -> NotFound:
    """Return the answer to who asks for a request that is not there, or not theirs to see."""
    return NotFound(f"no request {request_id}, or not yours", hint="see: consentline request list")


def reference_taken(db: Db, reference: str) -> bool:
    """Tell whether a request has that reference."""
    return bool(db.rows("SELECT 1 FROM requests WHERE reference = ?", (reference,)))


def all_requests(db: Db) -> tuple[RequestRow, ...]:
    """Return every request that is kept, the most urgent first, then those that are decided."""
    found = db.rows("SELECT * FROM requests ORDER BY decided_at IS NOT NULL, decide_by, request_id")
    return tuple(_request(row) for row in found)


def any_due(db: Db, at: datetime) -> bool:
    """Tell whether the term of any file is over."""
    return bool(db.rows(f"SELECT 1 FROM requests WHERE {_OVER} LIMIT 1", {"at": to_ms(at)}))  # noqa: S608 - ours


def forget_due(tx: Tx, at: datetime) -> int:
    """Erase the files whose term is over, and return how many."""
    found = tx.execute(
        f"SELECT request_id, policy FROM requests WHERE {_OVER} ORDER BY request_id",  # noqa: S608 - ours
        {"at": to_ms(at)},
    ).fetchall()
    for row in found:
        tx.execute("DELETE FROM requests WHERE request_id = ?", (row["request_id"],))
        told: dict[str, Json] = {"request": row["request_id"], "policy": row["policy"]}
        ledger.append(tx, Kind.REQUEST_ERASED, at, actor="daemon", subject="", payload=told)
    return len(found)


_OVER = (
    "due_at <= :at"
    # What it kept is the bridge to a hold that a person placed: it goes after that recording.
    " AND NOT EXISTS (SELECT 1 FROM request_calls c JOIN recordings r USING (recording_id)"
    "  WHERE c.request_id = requests.request_id AND c.keeps = 1 AND r.erased_at IS NULL"
    "  AND r.due_at > r.promised_at)"
)


def _change(tx: Tx, request_id: int, **columns: Value) -> None:
    names = ", ".join(f"{name} = ?" for name in columns)
    # The names are this module's own; every value is bound.
    tx.execute(f"UPDATE requests SET {names} WHERE request_id = ?", (*columns.values(), request_id))  # noqa: S608


def _request(row: sqlite3.Row) -> RequestRow:
    def at(column: str) -> datetime | None:
        return None if row[column] is None else from_ms(row[column])

    return RequestRow(
        request_id=row["request_id"],
        reference=row["reference"],
        policy=row["policy"],
        policy_hash=row["policy_hash"],
        right=Right(row["right"]),
        party=Party(row["party"]),
        on_behalf=row["on_behalf"],
        language=row["language"],
        number_masked=row["number_masked"],
        since=at("since"),
        before=at("before"),
        agent=row["agent"],
        matched_salt=bytes(row["matched_salt"]),
        received_on=date.fromisoformat(row["received_on"]),
        taken_at=from_ms(row["taken_at"]),
        taken_by=row["taken_by"],
        stage=Stage(row["stage"]),
        decide_by=date.fromisoformat(row["decide_by"]),
        keeps_until=at("keeps_until"),
        paused_at=at("paused_at"),
        paused_days=row["paused_days"],
        identity_check=None if row["identity_check"] is None else IdentityCheck(row["identity_check"]),
        identity_by=row["identity_by"],
        identity_at=at("identity_at"),
        extended_at=at("extended_at"),
        extended_why=row["extended_why"],
        decided_at=at("decided_at"),
        decided_by=row["decided_by"],
        ground=None if row["ground"] is None else RefusalGround(row["ground"]),
        why=row["why"],
        due_at=at("due_at"),
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else to_iso(moment)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)
