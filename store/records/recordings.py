"""Recordings: their states, and every way from one to another.

                    +------------> empty        nobody spoke
                    |
    recording -> captured -> sealed -> purging -> purged
        |           |          |         ^
        +-----------+----------+---------+      also straight from recording and captured
        |           |          |
        +-----------+----------+------> withdrawn   somebody said stop
        |           |          |
        +-----------+----------+------> lost        bytes gone without our doing; may be found again

`empty`, `withdrawn` and `purging` are intents: the bytes are gone when `erased_at` is set,
and only `store/retention/destruction.py` sets it (I4).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from policy.clock import from_ms, maybe_from_ms, to_iso, to_ms
from policy.errors import NotFound, StateConflict
from policy.vocabulary import (
    CallId,
    ConcludedBecause,
    ErasedBecause,
    PolicyName,
    RecordingId,
    RecordingState,
    WithdrawnBy,
)
from store.db import Db, Tx, Value
from store.files.epochs import Epoch, EpochLength, epoch_of
from store.logbook import ledger
from store.logbook.ledger import Json, Kind

_S: Final = RecordingState
_NOT_ENDED: Final = frozenset({_S.RECORDING, _S.CAPTURED, _S.SEALED, _S.LOST})
_ERASING: Final = frozenset({_S.EMPTY, _S.WITHDRAWN, _S.PURGING, _S.PURGED})


class Verdict(Enum):
    """What becomes of the wish to bring a recording into a state."""

    MOVE = "move"
    STAY = "stay"
    REFUSE = "refuse"


_MOVES: Final[Mapping[RecordingState, frozenset[RecordingState]]] = {
    _S.RECORDING: frozenset(),
    _S.CAPTURED: frozenset({_S.RECORDING, _S.LOST}),
    _S.SEALED: frozenset({_S.CAPTURED, _S.LOST}),
    _S.EMPTY: frozenset({_S.RECORDING, _S.CAPTURED, _S.LOST}),
    _S.WITHDRAWN: _NOT_ENDED,
    _S.PURGING: _NOT_ENDED,
    _S.PURGED: frozenset({_S.PURGING}),
    _S.LOST: frozenset({_S.RECORDING, _S.CAPTURED, _S.SEALED}),
}
"""From which states each state is entered."""

_STAYS: Final[Mapping[RecordingState, frozenset[RecordingState]]] = {
    _S.RECORDING: frozenset({_S.RECORDING}),
    _S.CAPTURED: frozenset({_S.CAPTURED, _S.SEALED}) | _ERASING,
    _S.SEALED: frozenset({_S.SEALED}),
    _S.EMPTY: _ERASING,
    _S.WITHDRAWN: _ERASING,
    _S.PURGING: _ERASING,
    _S.PURGED: frozenset({_S.PURGED}),
    _S.LOST: frozenset({_S.LOST}) | _ERASING,
}
"""In which states the wish is harmless: done already, or overtaken by something stricter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a decision says about the recording that it permits."""

    recording_id: RecordingId
    call_id: CallId
    policy: PolicyName
    policy_hash: str
    started_at: datetime
    due_at: datetime
    due_rule: str
    epoch_length: EpochLength


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFile:
    """What is known of a sealed file once it was re-read (I2).

    Attributes:
        size_bytes: Of the whole container.
        sha256: Of the whole container.
        content_type: Of what is inside, such as `audio/flac`.
    """

    size_bytes: int
    sha256: str
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRow:
    """One recording.

    Attributes:
        started_at: Start of the call; terms of keeping count from here.
        promised_at: The end its caller was promised, or a shorter one that a changed policy gave it.
        due_at: When it has to be gone: as promised, or when
            what keeps it longer ends (`store/retention/keeping.py`).
        due_rule: The promise in words.
        bridged_at: Since when the caller speaks with somebody; None while waiting.
        bridge_id: Asterisk's unique id of the bridge in which they do.
        quarantined_at: Since when plaintext is kept because it could not be sealed.
        problem: Why it could not.
        intended_at: When its end was decided (I4).
        erased_at: When the absence of every byte was checked.
        lateness_ms: From the moment it had to be gone until `erased_at`.
    """

    recording_id: RecordingId
    call_id: CallId
    policy: PolicyName
    policy_hash: str
    state: RecordingState
    started_at: datetime
    promised_at: datetime
    due_at: datetime
    due_rule: str
    epoch_length: EpochLength
    bridged_at: datetime | None
    bridge_id: str | None
    captured_at: datetime | None
    duration_ms: int | None
    quarantined_at: datetime | None
    problem: str | None
    sealed_at: datetime | None
    sealed_bytes: int | None
    sealed_sha256: str | None
    content_type: str | None
    lost_at: datetime | None
    intended_at: datetime | None
    withdrawn_by: WithdrawnBy | None
    erased_at: datetime | None
    erased_because: ErasedBecause | None
    lateness_ms: int | None

    @property
    def epoch(self) -> Epoch:
        """The epoch whose key wraps its envelopes."""
        return epoch_of(self.due_at, self.epoch_length)

    @property
    def half_gone(self) -> bool:
        """Whether its end was decided and is not yet complete."""
        return self.intended_at is not None and self.erased_at is None

    def to_json(self) -> dict[str, Json]:
        """Return the recording as a program gets it."""
        because = None if self.erased_because is None else self.erased_because.value
        return {
            "recording_id": self.recording_id,
            "call_id": self.call_id,
            "policy": self.policy,
            "state": self.state.value,
            "started_at": to_iso(self.started_at),
            "duration_ms": self.duration_ms,
            "promised_at": to_iso(self.promised_at),
            "due_at": to_iso(self.due_at),
            "sealed_bytes": self.sealed_bytes,
            "erased_at": None if self.erased_at is None else to_iso(self.erased_at),
            "erased_because": because if self.erased_at is not None else None,
        }


def verdict(state: RecordingState, wanted: RecordingState) -> Verdict:
    """Return what becomes of a wish, for every pair of states."""
    if state in _MOVES[wanted]:
        return Verdict.MOVE
    return Verdict.STAY if state in _STAYS[wanted] else Verdict.REFUSE


def open_recording(tx: Tx, opening: Opening) -> None:
    """Add the row of a recording that is about to start; `decisions.store` alone calls this (I1)."""
    tx.execute(
        "INSERT INTO recordings (recording_id, call_id, policy, policy_hash, state, started_at, promised_at,"
        " due_at, due_rule, epoch_length) VALUES (?, ?, ?, ?, 'recording', ?, ?, ?, ?, ?)",
        (
            opening.recording_id,
            opening.call_id,
            opening.policy,
            opening.policy_hash,
            to_ms(opening.started_at),
            to_ms(opening.due_at),
            to_ms(opening.due_at),
            opening.due_rule,
            opening.epoch_length.value,
        ),
    )


def get_recording(db: Db, recording_id: RecordingId) -> RecordingRow:
    """Return one recording.

    Raises:
        NotFound: If there is no such recording.
    """
    row = find_recording(db, recording_id)
    if row is None:
        raise NotFound(f"no recording {recording_id}")
    return row


def find_recording(db: Db, recording_id: RecordingId) -> RecordingRow | None:
    """Return one recording, or None."""
    found = db.rows("SELECT * FROM recordings WHERE recording_id = ?", (recording_id,))
    return _recording(found[0]) if found else None


def among(db: Db, recording_ids: Sequence[RecordingId]) -> tuple[RecordingRow, ...]:
    """Return those of these recordings that there are; an id may be any text."""
    marks = ", ".join("?" * len(recording_ids))
    # The marks are as many as there are ids; the ids themselves are bound.
    found = db.rows(f"SELECT * FROM recordings WHERE recording_id IN ({marks})", recording_ids)  # noqa: S608
    return tuple(_recording(row) for row in found)


def all_recordings(db: Db, *, limit: int | None = None) -> tuple[RecordingRow, ...]:
    """Return every recording, oldest first; at most so many, the newest."""
    found = db.rows(
        "SELECT * FROM recordings ORDER BY started_at DESC, rowid DESC LIMIT ?",
        (-1 if limit is None else limit,),
    )
    return tuple(_recording(row) for row in reversed(found))


def of_call(db: Db, call_id: CallId) -> tuple[RecordingRow, ...]:
    """Return the recordings of a call, oldest first."""
    found = db.rows("SELECT * FROM recordings WHERE call_id = ? ORDER BY rowid", (call_id,))
    return tuple(_recording(row) for row in found)


def to_go(db: Db, at: datetime) -> tuple[RecordingRow, ...]:
    """Return every recording that is due by then, or whose end was decided and is not complete.

    Not the others: a purge each minute must not keep a withdrawal waiting while it reads what is kept.
    """
    found = db.rows(
        "SELECT * FROM recordings WHERE erased_at IS NULL AND (due_at <= ? OR intended_at IS NOT NULL)"
        " ORDER BY due_at, rowid",
        (to_ms(at),),
    )
    return tuple(_recording(row) for row in found)


def unsealed(db: Db) -> tuple[RecordingRow, ...]:
    """Return every recording that is being made or waits to be sealed, oldest first."""
    found = db.rows("SELECT * FROM recordings WHERE state IN ('recording', 'captured') ORDER BY rowid")
    return tuple(_recording(row) for row in found)


def bridged(tx: Tx, recording_id: RecordingId, at: datetime, bridge_id: str) -> None:
    """Note since when, and in which bridge, the caller speaks with somebody."""
    tx.execute(
        "UPDATE recordings SET bridged_at = ?, bridge_id = ? WHERE recording_id = ?",
        (to_ms(at), bridge_id, recording_id),
    )


def waiting(tx: Tx, recording_id: RecordingId) -> None:
    """Note that the caller waits again."""
    tx.execute(
        "UPDATE recordings SET bridged_at = NULL, bridge_id = NULL WHERE recording_id = ?", (recording_id,)
    )


def concluded(tx: Tx, recording_id: RecordingId, at: datetime, because: ConcludedBecause) -> None:
    """Note why a recording ends while its call goes on; what it holds is kept.

    Raises:
        NotFound: If there is no such recording.
    """
    find(tx, recording_id)
    _tell(tx, Kind.CONCLUDED, at, recording_id, because=because.value)


def why_concluded(db: Db, recording_id: RecordingId) -> tuple[datetime, ConcludedBecause] | None:
    """Return when and why a recording ended while its call went on; None: it did not, or that is not kept."""
    for entry in ledger.show(db, subject=recording_id):
        if entry.kind == Kind.CONCLUDED.value and entry.payload is not None:
            return entry.at, ConcludedBecause(str(entry.payload["because"]))
    return None


def captured(tx: Tx, recording_id: RecordingId, at: datetime, *, duration_ms: int | None) -> bool:
    """Note that the call ended and the tape is complete.

    Args:
        tx: The transaction.
        recording_id: The recording.
        at: When that was seen.
        duration_ms: Recorded time, where it is known by now.

    Returns:
        Whether the state changed; False when it was further on, or its end was decided.

    Raises:
        NotFound: If there is no such recording.
    """
    if not _move(tx, recording_id, _S.CAPTURED, captured_at=to_ms(at), duration_ms=duration_ms):
        return False
    _tell(tx, Kind.CAPTURED, at, recording_id, duration_ms=duration_ms)
    return True


def quarantined(tx: Tx, recording_id: RecordingId, at: datetime, *, problem: str) -> None:
    """Note that the plaintext could not be sealed and is kept apart; it is purged when due, too."""
    changed = tx.execute(
        "UPDATE recordings SET quarantined_at = ?, problem = ?"
        " WHERE recording_id = ? AND quarantined_at IS NULL AND erased_at IS NULL",
        (to_ms(at), problem, recording_id),
    ).rowcount
    if changed:
        _tell(tx, Kind.QUARANTINED, at, recording_id, problem=problem)


def sealed(tx: Tx, recording_id: RecordingId, at: datetime, file: SealedFile) -> bool:
    """Note that the sealed file is complete on the disk; `store/records/sealing.py` alone calls this (I2).

    Raises:
        NotFound: If there is no such recording.
        StateConflict: If its end was decided meanwhile.
    """
    moved = _move(
        tx,
        recording_id,
        _S.SEALED,
        sealed_at=to_ms(at),
        sealed_bytes=file.size_bytes,
        sealed_sha256=file.sha256,
        content_type=file.content_type,
        quarantined_at=None,
        problem=None,
        lost_at=None,
    )
    if moved:
        _tell(tx, Kind.SEALED, at, recording_id, sealed_bytes=file.size_bytes, sealed_sha256=file.sha256)
    return moved


def resealed(tx: Tx, recording_id: RecordingId, file: SealedFile) -> None:
    """Note that another sealed file takes this one's place (`store/retention/part_erasure.py`)."""
    tx.execute(
        "UPDATE recordings SET sealed_bytes = ?, sealed_sha256 = ?"
        " WHERE recording_id = ? AND state = 'sealed'",
        (file.size_bytes, file.sha256, recording_id),
    )


def withdrawn(tx: Tx, recording_id: RecordingId, at: datetime, by: WithdrawnBy) -> bool:
    """Note a withdrawal: the recording is to be destroyed (I4, I6).

    Returns:
        Whether it is the first word on the end of this recording.

    Raises:
        NotFound: If there is no such recording.
    """
    moved = _move(
        tx,
        recording_id,
        _S.WITHDRAWN,
        intended_at=to_ms(at),
        withdrawn_by=by.value,
        erased_because=ErasedBecause.WITHDRAWN.value,
    )
    if moved:
        _tell(tx, Kind.WITHDRAWN, at, recording_id, actor=by.value)
    return moved


def intended(tx: Tx, recording_id: RecordingId, at: datetime, because: ErasedBecause) -> bool:
    """Note that a recording is to be destroyed for any reason but a withdrawal (I4).

    Returns:
        Whether it is the first word on the end of this recording.

    Raises:
        NotFound: If there is no such recording.
        StateConflict: If `because` is `empty` and the recording is sealed.
    """
    state = _S.EMPTY if because is ErasedBecause.EMPTY else _S.PURGING
    moved = _move(tx, recording_id, state, intended_at=to_ms(at), erased_because=because.value)
    if moved:
        _tell(tx, Kind.DESTRUCTION_INTENDED, at, recording_id, because=because.value)
    return moved


def erased(tx: Tx, recording_id: RecordingId, at: datetime, told: Mapping[str, Json]) -> bool:
    """Commit the receipt: nothing of it is left; `store/retention/destruction.py` alone calls this (I4).

    Args:
        tx: The transaction.
        recording_id: A recording whose end was intended.
        at: When the absence was checked.
        told: What was removed and looked for.

    Returns:
        Whether this was the first receipt.

    Raises:
        NotFound: If there is no such recording.
        StateConflict: If nobody decided its end.
    """
    row = find(tx, recording_id)
    if row.erased_at is not None:
        return False
    if row.intended_at is None or row.erased_because is None:
        raise StateConflict(f"recording {recording_id}: is {row.state.value}, nobody decided its end")
    had_to_be_gone_at = row.due_at if row.erased_because is ErasedBecause.DUE else row.intended_at
    lateness_ms = max(0, to_ms(at) - to_ms(had_to_be_gone_at))
    state = _S.PURGED if row.state is _S.PURGING else row.state
    tx.execute(
        "UPDATE recordings SET state = ?, erased_at = ?, lateness_ms = ? WHERE recording_id = ?",
        (state.value, to_ms(at), lateness_ms, recording_id),
    )
    because = row.erased_because.value
    payload = {**told, "call": row.call_id, "because": because, "lateness_ms": lateness_ms}
    ledger.append(tx, Kind.DESTROYED, at, actor="daemon", subject=recording_id, payload=payload)
    return True


def lost(tx: Tx, recording_id: RecordingId, at: datetime, *, problem: str) -> bool:
    """Note that the bytes are gone without our doing.

    Raises:
        NotFound: If there is no such recording.
    """
    moved = _move(tx, recording_id, _S.LOST, lost_at=to_ms(at), problem=problem)
    if moved:
        _tell(tx, Kind.LOST, at, recording_id, problem=problem)
    return moved


def found_again(tx: Tx, recording_id: RecordingId, at: datetime) -> bool:
    """Note that a lost recording's sealed file is back, byte for byte.

    Raises:
        NotFound: If there is no such recording.
        StateConflict: If it was never sealed.
    """
    row = find(tx, recording_id)
    if row.sealed_sha256 is None:
        raise StateConflict(f"recording {recording_id}: was never sealed, so nothing can be found again")
    moved = _move(tx, recording_id, _S.SEALED, lost_at=None, problem=None)
    if moved:
        _tell(tx, Kind.FOUND_AGAIN, at, recording_id)
    return moved


def ends_at(tx: Tx, recording_id: RecordingId, due_at: datetime) -> None:
    """Set when a recording has to be gone; `store/retention/moves.py` alone calls this."""
    tx.execute("UPDATE recordings SET due_at = ? WHERE recording_id = ?", (to_ms(due_at), recording_id))


def promise_less(tx: Tx, recording_id: RecordingId, promised_at: datetime, rule: str) -> None:
    """Shorten what was promised, by a rule in words; the database refuses to lengthen it."""
    tx.execute(
        "UPDATE recordings SET promised_at = ?, due_rule = ? WHERE recording_id = ?",
        (to_ms(promised_at), rule, recording_id),
    )


def find(tx: Tx, recording_id: RecordingId) -> RecordingRow:
    """Return one recording as this transaction sees it.

    Raises:
        NotFound: If there is no such recording.
    """
    row = tx.execute("SELECT * FROM recordings WHERE recording_id = ?", (recording_id,)).fetchone()
    if row is None:
        raise NotFound(f"no recording {recording_id}")
    return _recording(row)


def _move(tx: Tx, recording_id: RecordingId, wanted: RecordingState, **columns: Value) -> bool:
    row = find(tx, recording_id)
    match verdict(row.state, wanted):
        case Verdict.STAY:
            return False
        case Verdict.REFUSE:
            raise StateConflict(
                f"recording {recording_id}: is {row.state.value}, so it cannot become {wanted.value}"
            )
        case Verdict.MOVE:
            pass
    # Column names are this module's own keywords, never data.
    sets = ", ".join(f"{name} = :{name}" for name in ("state", *columns))
    tx.execute(
        f"UPDATE recordings SET {sets} WHERE recording_id = :recording_id",  # noqa: S608
        {"recording_id": recording_id, "state": wanted.value, **columns},
    )
    return True


def _tell(
    tx: Tx, kind: Kind, at: datetime, recording_id: RecordingId, actor: str = "daemon", **told: Json
) -> None:
    ledger.append(tx, kind, at, actor=actor, subject=recording_id, payload=told)


def _recording(row: sqlite3.Row) -> RecordingRow:
    because, by = row["erased_because"], row["withdrawn_by"]
    return RecordingRow(
        recording_id=row["recording_id"],
        call_id=row["call_id"],
        policy=row["policy"],
        policy_hash=row["policy_hash"],
        state=RecordingState(row["state"]),
        started_at=from_ms(row["started_at"]),
        promised_at=from_ms(row["promised_at"]),
        due_at=from_ms(row["due_at"]),
        due_rule=row["due_rule"],
        epoch_length=EpochLength(row["epoch_length"]),
        bridged_at=maybe_from_ms(row["bridged_at"]),
        bridge_id=row["bridge_id"],
        captured_at=maybe_from_ms(row["captured_at"]),
        duration_ms=row["duration_ms"],
        quarantined_at=maybe_from_ms(row["quarantined_at"]),
        problem=row["problem"],
        sealed_at=maybe_from_ms(row["sealed_at"]),
        sealed_bytes=row["sealed_bytes"],
        sealed_sha256=row["sealed_sha256"],
        content_type=row["content_type"],
        lost_at=maybe_from_ms(row["lost_at"]),
        intended_at=maybe_from_ms(row["intended_at"]),
        withdrawn_by=None if by is None else WithdrawnBy(by),
        erased_at=maybe_from_ms(row["erased_at"]),
        erased_because=None if because is None else ErasedBecause(because),
        lateness_ms=row["lateness_ms"],
    )
