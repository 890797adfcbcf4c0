"""The ledger: what happened, in an order that nobody can change unnoticed.

Theory of operation

Entries form an RFC 6962 Merkle log. An entry's leaf is made of what may stay for ever (its
number, time and kind) and of a commitment to what may not:

    commitment = SHA-256(label || salt || length of subject || subject || body)
    leaf       = SHA-256(0x00 || label || seq || at || length of kind || kind || commitment)
    node       = SHA-256(0x01 || left || right)

Subject and body lie in a table of their own. On their term they are erased together with the
salt; without those 32 random bytes the commitment tells nothing, not even to somebody who can
guess the body, and the tree still verifies. Each such erasure is itself an entry that names
the entries it emptied, so a payload that goes in silence is found.

The right edge of the tree (its peaks, one for each bit of the size) is kept in `ledger_head`,
so an append costs O(log n) and the root is always at hand. All complete nodes are stored: for
proofs, and so that `ledger_check.verify` can say where the log breaks, not only that it does.
Who can write the file can make a whole new log; signed checkpoints off this host are against
that, nothing in here is.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from policy.clock import from_ms, to_iso, to_ms
from policy.errors import IntegrityError
from store.db import Db, Tx

Json = None | bool | int | str | Sequence["Json"] | Mapping[str, "Json"]

HASH_BYTES: Final = 32
SALT_BYTES: Final = 32
PAYLOAD_LABEL: Final = b"consentline/v1/ledger-payload\x00"
ENTRY_LABEL: Final = b"\x00consentline/v1/ledger-entry\x00"
ENTRY_NUMBERS: Final = struct.Struct(">QqH")
LENGTH: Final = struct.Struct(">I")
_NODE_PREFIX: Final = b"\x01"
MASKED_NUMBER: Final = "********"
_NUMBER: Final = re.compile(r"(?<![\w.:/+-])(?:\+|00)?[0-9](?:[ -]?[0-9]){8,14}(?![\w:/]|\.[0-9]|-[0-9])")
"""Nine digits or more on their own, spaces and hyphens between them or not: no part of an id, a hash,
a moment (`2026-11-21T...`) or the id of a call (`1795282161.17`)."""


class Kind(Enum):
    """What an entry tells."""

    CALL_OPENED = "call_opened"
    CALL_ENDED = "call_ended"
    DECIDED = "decided"
    CONCLUDED = "concluded"
    CAPTURED = "captured"
    RECORDING_PAUSED = "recording_paused"
    RECORDING_RESUMED = "recording_resumed"
    SEALED = "sealed"
    QUARANTINED = "quarantined"
    WITHDRAWN = "withdrawn"
    LOST = "lost"
    FOUND_AGAIN = "found_again"
    DESTRUCTION_INTENDED = "destruction_intended"
    DESTROYED = "destroyed"
    STRAY_REMOVED = "stray_removed"
    HOLD_PLACED = "hold_placed"
    HOLD_RELEASED = "hold_released"
    HOLD_ENDED = "hold_ended"
    TERM_EXTENDED = "term_extended"
    PROMISE_SHORTENED = "promise_shortened"
    RECORDING_CLOSED = "recording_closed"
    RECORDING_REOPENED = "recording_reopened"
    REFUSAL_REACHED_BACK = "refusal_reached_back"
    INCIDENT_FLAGGED = "incident_flagged"
    INCIDENT_ASSESSED = "incident_assessed"
    INCIDENT_CLOSED = "incident_closed"
    INCIDENT_ERASED = "incident_erased"
    INCIDENT_REGISTERED = "incident_registered"
    REGISTRATION_CHANGED = "registration_changed"
    REGISTRATIONS_SHOWN = "registrations_shown"
    NOTICE_SENT = "notice_sent"
    HANDOVER_ASKED = "handover_asked"
    HANDOVER_APPROVED = "handover_approved"
    HANDOVER_PACKAGED = "handover_packaged"
    HANDOVER_CLOSED = "handover_closed"
    ORDER_REGISTERED = "order_registered"
    DEVIATION_RECORDED = "deviation_recorded"
    DEVIATION_CONFIRMED = "deviation_confirmed"
    ORDER_PACKAGED = "order_packaged"
    ORDER_CLOSED = "order_closed"
    EPOCH_ENDED = "epoch_ended"
    CALL_DATA_ERASED = "call_data_erased"
    PAYLOADS_EXPIRED = "payloads_expired"
    CLOCK_CONFIRMED = "clock_confirmed"
    KEY_ADDED = "key_added"
    KEY_PATHS_SET = "key_paths_set"
    KEY_GRANTED = "key_granted"
    GRANT_REMOVED = "grant_removed"
    KEY_ROTATION_BEGUN = "key_rotation_begun"
    KEY_DESTROYED = "key_destroyed"
    PERSON_ENROLLED = "person_enrolled"
    SLOT_CHANGED = "slot_changed"
    PROOF_FAILED = "proof_failed"
    PERSON_KEY_REMOVED = "person_key_removed"
    ACCESS_RELEASED = "access_released"
    MONITOR_ASKED = "monitor_asked"
    MONITOR_AUTHORISED = "monitor_authorised"
    MONITOR_BEGUN = "monitor_begun"
    MONITOR_ENDED = "monitor_ended"
    MONITOR_CODE_WRONG = "monitor_code_wrong"
    ACCESS_REFUSED = "access_refused"
    ACCESS_ENDED = "access_ended"
    RECORDINGS_FOUND = "recordings_found"
    HEARD_SHOWN = "heard_shown"
    WORD_ASKED = "word_asked"
    WORD_GIVEN = "word_given"
    WORD_DENIED = "word_denied"
    WORD_TAKEN_BACK = "word_taken_back"
    REQUEST_RECEIVED = "request_received"
    REQUEST_PAUSED = "request_paused"
    REQUEST_IDENTITY_CHECKED = "request_identity_checked"
    REQUEST_CONFIRMED = "request_confirmed"
    REQUEST_CALL_REJECTED = "request_call_rejected"
    REQUEST_EXTENDED = "request_extended"
    REQUEST_SETTLED = "request_settled"
    REQUEST_ERASED = "request_erased"
    DATA_RECTIFIED = "data_rectified"
    DRAWN = "drawn"
    REVIEW_FILLED = "review_filled"
    REVIEW_SHOWN = "review_shown"
    DEVELOPMENT_NOTED = "development_noted"
    DEVELOPMENT_SHOWN = "development_shown"
    CALIBRATION_OPENED = "calibration_opened"
    CALIBRATION_ENDED = "calibration_ended"
    REVIEWS_ERASED = "reviews_erased"
    PART_LENT = "part_lent"
    PART_NOT_LENT = "part_not_lent"
    PART_ERASURE_INTENDED = "part_erasure_intended"
    PART_ERASED = "part_erased"
    PERSON_ADDED = "person_added"
    PERSON_CHANGED = "person_changed"
    PERSON_RETIRED = "person_retired"
    PERSON_INFORMED = "person_informed"
    HAT_GIVEN = "hat_given"
    HAT_TAKEN = "hat_taken"
    LINE_ADDED = "line_added"
    LINE_ENDED = "line_ended"
    AGENTS_SHOWN = "agents_shown"
    ALARM = "alarm"
    ALARM_CLEARED = "alarm_cleared"
    CHECKPOINT_KEY_ADDED = "checkpoint_key_added"
    CHECKPOINT = "checkpoint"
    RECEIPT_GIVEN = "receipt_given"
    DECLARATION_GIVEN = "declaration_given"
    REPORT_GIVEN = "report_given"


LASTING: Final = (Kind.PAYLOADS_EXPIRED, Kind.CHECKPOINT, Kind.CHECKPOINT_KEY_ADDED)
"""What has no term: it tells of nobody, and without it nothing could be proven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry as it is shown.

    Attributes:
        seq: From 0; also the leaf's index in the tree.
        at: When.
        kind: A `Kind`, as stored.
        actor: Who: `daemon`, a way of withdrawing, `login:NAME`, `person:ID login:NAME`, both followed
            by ` as:NAME` behind sudo; None once expired.
        subject: A recording, a call, or "" for neither; None once expired.
        payload: What else; None once expired.
    """

    seq: int
    at: datetime
    kind: str
    actor: str | None
    subject: str | None
    payload: Mapping[str, Json] | None

    @property
    def expired(self) -> bool:
        """Whether the payload has been erased on its term."""
        return self.payload is None

    def to_json(self) -> dict[str, Json]:
        """Return the entry as a program gets it."""
        return {
            "seq": self.seq,
            "at": to_iso(self.at),
            "kind": self.kind,
            "actor": self.actor,
            "subject": self.subject,
            "payload": self.payload if not self.expired else "payload expired",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The whole log in two values: what a checkpoint signs.

    Attributes:
        size: Number of entries.
        root: Merkle tree hash over them, 32 bytes.
        peaks: Roots of the complete subtrees at the right edge, the largest first.
    """

    size: int
    root: bytes
    peaks: tuple[bytes, ...]


def append(tx: Tx, kind: Kind, at: datetime, *, actor: str, subject: str, payload: Mapping[str, Json]) -> int:
    """Add one entry at the end of the log; it is durable when the transaction is.

    Args:
        tx: The transaction in which the thing told is done.
        kind: What happened.
        at: When it happened.
        actor: Who did it.
        subject: The recording or call it is about, "" for neither; with the data of that call
            the payload is erased.
        payload: JSON values; nobody's number, and nothing a caller said. Where it applies under
            `person`, `purpose`, `reason`, `policy`, `policy_hash` and `result`, so that whoever
            looks through the log finds them; files that were handed out under `copies`. What
            looks like a telephone number or a BSN in a text, such as a reason that a person
            typed, is masked all the same.

    Returns:
        The entry's number.
    """
    head = read_head(tx)
    salt = tx.randomness.token(SALT_BYTES)
    told = {"actor": actor, "payload": _masked(payload)}
    body = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
    commitment = commit(salt, subject.encode(), body)
    leaf = leaf_hash(head.size, to_ms(at), kind.value.encode(), commitment)
    tx.execute(
        "INSERT INTO ledger (seq, at, kind, commitment, leaf) VALUES (?, ?, ?, ?, ?)",
        (head.size, to_ms(at), kind.value, commitment, leaf),
    )
    tx.execute(
        "INSERT INTO ledger_payloads (seq, subject, salt, body) VALUES (?, ?, ?, ?)",
        (head.size, subject, salt, body),
    )
    _grow(tx, head, leaf)
    return head.size


def _masked(value: Json) -> Json:
    """Return a payload without what looks like somebody's number; ids, hashes and moments stay."""
    if isinstance(value, str):
        return _NUMBER.sub(MASKED_NUMBER, value)
    if isinstance(value, Mapping):
        return {name: _masked(inner) for name, inner in value.items()}
    if isinstance(value, Sequence):
        return [_masked(inner) for inner in value]
    return value


def _grow(tx: Tx, head: Head, leaf: bytes) -> None:
    """Join the new leaf with the peaks that it completes, as a carry runs through a counter."""
    peaks = list(head.peaks)
    node, level, number = leaf, 0, head.size
    while number & 1:
        node = node_hash(peaks.pop(), node)
        level, number = level + 1, number >> 1
        tx.execute("INSERT INTO ledger_nodes (level, number, hash) VALUES (?, ?, ?)", (level, number, node))
    peaks.append(node)
    tx.execute(
        "UPDATE ledger_head SET size = ?, peaks = ?, root = ?",
        (head.size + 1, b"".join(peaks), root_of(peaks)),
    )


def expire(tx: Tx, subjects: Iterable[str], at: datetime, because: str) -> int:
    """Erase the payloads of every entry about these subjects, and put that on the ledger.

    The bytes are gone from the files only after `Db.forget_deleted`.

    Args:
        tx: The transaction.
        subjects: Calls and recordings; never "".
        at: Now.
        because: The rule that says so.

    Returns:
        How many payloads went.
    """
    found: list[int] = []
    for subject in subjects:
        rows = tx.execute("SELECT seq FROM ledger_payloads WHERE subject = ? AND subject <> ''", (subject,))
        found += [row["seq"] for row in rows.fetchall()]
    return expire_entries(tx, found, at, because)


def expire_entries(tx: Tx, seqs: Iterable[int], at: datetime, because: str) -> int:
    """Erase the payloads of these entries as `expire` does; those that are erased are passed over."""
    emptied = [seq for seq in seqs if _empty(tx, seq)]
    if emptied:
        told: dict[str, Json] = {"entries": sorted(emptied), "because": because}
        append(tx, Kind.PAYLOADS_EXPIRED, at, actor="daemon", subject="", payload=told)
    return len(emptied)


def _empty(tx: Tx, seq: int) -> bool:
    tx.execute("DELETE FROM ledger_terms WHERE seq = ?", (seq,))
    changed = tx.execute(
        "UPDATE ledger_payloads SET subject = NULL, salt = NULL, body = NULL"
        " WHERE seq = ? AND body IS NOT NULL",
        (seq,),
    )
    return changed.rowcount > 0


def show(
    db: Db, *, from_seq: int = 0, subject: str | None = None, limit: int | None = None
) -> tuple[Entry, ...]:
    """Return entries in order.

    Args:
        db: The database.
        from_seq: The first one wanted.
        subject: Only those about this recording or call.
        limit: At most so many.
    """
    found = db.rows(
        "SELECT seq, at, kind, subject, body FROM ledger JOIN ledger_payloads USING (seq)"
        " WHERE seq >= :from_seq AND (:subject IS NULL OR subject = :subject)"
        " ORDER BY seq LIMIT :limit",
        {"from_seq": from_seq, "subject": subject, "limit": -1 if limit is None else limit},
    )
    return tuple(entry_of(row) for row in found)


def head(db: Db) -> Head:
    """Return size and root of the log as committed.

    Raises:
        IntegrityError: If there is no head any more.
    """
    found = db.rows("SELECT size, peaks, root FROM ledger_head")
    if len(found) != 1 or not isinstance(found[0]["peaks"], bytes) or not isinstance(found[0]["root"], bytes):
        raise IntegrityError("ledger: its head is missing or no head any more")
    return _head(found[0])


def read_head(tx: Tx) -> Head:
    """Return size and root of the log as this transaction sees it."""
    return _head(tx.execute("SELECT size, peaks, root FROM ledger_head").fetchone())


def commit(salt: bytes, subject: bytes, body: bytes) -> bytes:
    """Return the salted commitment to a payload; subject in UTF-8."""
    return hashlib.sha256(PAYLOAD_LABEL + salt + LENGTH.pack(len(subject)) + subject + body).digest()


def leaf_hash(seq: int, at_ms: int, kind: bytes, commitment: bytes) -> bytes:
    """Return the leaf of one entry (RFC 6962 prefix 0x00); kind in UTF-8."""
    # Numbers of fixed width, and one length: no two entries give the same bytes.
    return hashlib.sha256(
        ENTRY_LABEL + ENTRY_NUMBERS.pack(seq, at_ms, len(kind)) + kind + commitment
    ).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the node over two subtrees (RFC 6962 prefix 0x01)."""
    return hashlib.sha256(_NODE_PREFIX + left + right).digest()


def root_of(peaks: Sequence[bytes]) -> bytes:
    """Return the tree hash over complete subtrees of falling size; of none: the hash of nothing."""
    if not peaks:
        return hashlib.sha256(b"").digest()
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def split_peaks(joined: bytes) -> tuple[bytes, ...]:
    """Return the peaks stored one after the other."""
    return tuple(joined[start : start + HASH_BYTES] for start in range(0, len(joined), HASH_BYTES))


def _head(row: sqlite3.Row) -> Head:
    return Head(size=row["size"], root=row["root"], peaks=split_peaks(row["peaks"]))


def entry_of(row: sqlite3.Row) -> Entry:
    """Return the entry of a row with its payload."""
    told = json.loads(row["body"]) if row["body"] is not None else {"actor": None, "payload": None}
    return Entry(
        seq=row["seq"],
        at=from_ms(row["at"]),
        kind=row["kind"],
        actor=told["actor"],
        subject=row["subject"],
        payload=told["payload"],
    )
