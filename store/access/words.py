"""Words: what one person says to another about a recording, asked for, given, denied, taken back.

    request    the giver asks the receiver to do it: an agent asks the coach to listen (N5)
    opening    the giver, who has a way in, opens it for the receiver, who has none (N5)
    approval   the giver agrees that the receiver does it
    company    the giver unlocks with the receiver, from another place (G8)
    yes        the giver held the call and agrees to this use of it (R5)

A word is on one recording, one action and one purpose, for a while, and counts for nobody else.
It is asked for by its receiver and then granted or denied, or given unasked; its giver or its
receiver can take it back. `policy/permission.py` decides what it is worth.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from policy.access import Action, PurposeName
from policy.clock import maybe_from_ms, to_iso, to_ms
from policy.errors import AccessRefused, NotFound, StateConflict
from policy.situation import PersonId
from policy.vocabulary import PolicyName, RecordingId
from store.db import Db, Tx
from store.logbook import ledger
from store.logbook.ledger import Json, Kind

ASK_LASTS: Final = timedelta(days=7)
"""How long somebody has to answer."""


class WordKind(Enum):
    """What is said."""

    REQUEST = "request"
    OPENING = "opening"
    APPROVAL = "approval"
    COMPANY = "company"
    YES = "yes"

    @property
    def longest(self) -> timedelta:
        """How long such a word can count. An agent's yes goes with the recording, at the latest."""
        return _LONGEST[self]


_LONGEST: Final = {
    WordKind.REQUEST: timedelta(days=7),
    WordKind.OPENING: timedelta(days=7),
    WordKind.APPROVAL: timedelta(days=7),
    WordKind.COMPANY: timedelta(hours=1),
    WordKind.YES: timedelta(days=366),
}


class Stage(Enum):
    """How far a word is."""

    PENDING = "pending"
    STANDING = "standing"
    DENIED = "denied"
    TAKEN_BACK = "taken_back"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One word, before it is stored.

    Attributes:
        giver: Whose word it is.
        receiver: To whom.
        reason: Why, in the words of whoever brought it up.
        due_at: When the row about it has to be gone.
    """

    kind: WordKind
    policy: PolicyName
    recording_id: RecordingId
    giver: PersonId
    receiver: PersonId
    action: Action
    purpose: PurposeName
    reason: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WordRow:
    """One word as it is stored.

    Attributes:
        asked_at: When its receiver asked for it; None for one given unasked.
        lapses_at: When it can be granted no more.
        until: From when on it counts no more.
    """

    word_id: int
    kind: WordKind
    policy: PolicyName
    recording_id: RecordingId
    giver: PersonId
    receiver: PersonId
    action: Action
    purpose: PurposeName
    reason: str
    asked_at: datetime | None
    lapses_at: datetime | None
    given_at: datetime | None
    until: datetime | None
    denied_at: datetime | None
    taken_back_at: datetime | None

    def stage(self, now: datetime) -> Stage:
        """Return how far it is."""
        if self.taken_back_at is not None:
            return Stage.TAKEN_BACK
        if self.denied_at is not None:
            return Stage.DENIED
        if self.until is not None:
            return Stage.STANDING if now < self.until else Stage.LAPSED
        return Stage.PENDING if self.lapses_at is not None and now < self.lapses_at else Stage.LAPSED

    def to_json(self, now: datetime) -> dict[str, Json]:
        """Return the word as a program gets it."""
        until = self.until if self.given_at is not None else self.lapses_at
        return {
            "word": self.word_id,
            "kind": self.kind.value,
            "stage": self.stage(now).value,
            "policy": self.policy,
            "recording_id": self.recording_id,
            "from": self.giver,
            "to": self.receiver,
            "action": self.action.value,
            "purpose": self.purpose,
            "reason": self.reason,
            "asked_at": None if self.asked_at is None else to_iso(self.asked_at),
            "until": None if until is None else to_iso(until),
        }


def ask(tx: Tx, said: Said, *, at: datetime, actor: str) -> int:
    """Store that the receiver asks for a word, and return its number."""
    return _insert(tx, said, Kind.WORD_ASKED, at, actor, lapses_at=at + ASK_LASTS)


def give(tx: Tx, said: Said, *, until: datetime, at: datetime, actor: str) -> int:
    """Store a word that was given unasked, and return its number."""
    return _insert(tx, said, Kind.WORD_GIVEN, at, actor, until=min(until, at + said.kind.longest))


def grant(tx: Tx, word_id: int, *, until: datetime, at: datetime, actor: str) -> WordRow:
    """Give a word that was asked for.

    Raises:
        StateConflict: If it is not pending.
    """
    row = _pending(tx, word_id, at)
    ends = min(until, at + row.kind.longest)
    tx.execute(
        "UPDATE words SET given_at = ?, until = ? WHERE word_id = ?", (to_ms(at), to_ms(ends), word_id)
    )
    _tell(tx, Kind.WORD_GIVEN, at, actor, row, until=to_iso(ends))
    return find(tx, word_id)


def deny(tx: Tx, word_id: int, *, at: datetime, actor: str) -> WordRow:
    """Deny a word that was asked for.

    Raises:
        StateConflict: If it is not pending.
    """
    row = _pending(tx, word_id, at)
    tx.execute("UPDATE words SET denied_at = ? WHERE word_id = ?", (to_ms(at), word_id))
    _tell(tx, Kind.WORD_DENIED, at, actor, row)
    return find(tx, word_id)


def take_back(tx: Tx, word_id: int, *, at: datetime, actor: str) -> WordRow:
    """Take back a word that stands, or a question that nobody answered.

    Raises:
        StateConflict: If there is nothing to take back.
    """
    row = find(tx, word_id)
    if row.stage(at) not in (Stage.PENDING, Stage.STANDING):
        raise StateConflict(f"word {word_id}: is {row.stage(at).value}, so there is nothing to take back")
    tx.execute("UPDATE words SET taken_back_at = ? WHERE word_id = ?", (to_ms(at), word_id))
    tx.execute("DELETE FROM passed_shares WHERE word_id = ?", (word_id,))
    _tell(tx, Kind.WORD_TAKEN_BACK, at, actor, row)
    return find(tx, word_id)


def find(tx: Tx, word_id: int) -> WordRow:
    """Return one word as this transaction sees it.

    Raises:
        NotFound: If there is no such word.
    """
    row = tx.execute("SELECT * FROM words WHERE word_id = ?", (word_id,)).fetchone()
    if row is None:
        raise _no_word(word_id)
    return _word(row)


def get_word(db: Db, word_id: int) -> WordRow:
    """Return one word; errors as those of `find`."""
    found = db.rows("SELECT * FROM words WHERE word_id = ?", (word_id,))
    if not found:
        raise _no_word(word_id)
    return _word(found[0])


def must_concern(row: WordRow, person: PersonId) -> None:
    """Return if this person gave or got the word.

    Raises:
        NotFound: If it is somebody else's; the same as for a word that is not there.
    """
    if person not in (row.giver, row.receiver):
        raise _no_word(row.word_id)


def must_be_giver(row: WordRow, person: PersonId) -> None:
    """Return if this is whose word was asked for.

    Raises:
        NotFound: If it is not; the same as for a word that is not there.
    """
    if person != row.giver:
        raise _no_word(row.word_id)


def of_recordings(db: Db, recording_ids: Sequence[RecordingId], now: datetime) -> tuple[WordRow, ...]:
    """Return the words that stand on these recordings."""
    marks = ", ".join("?" * len(recording_ids))
    found = db.rows(
        # The marks are as many as there are ids; the ids themselves are bound.
        f"SELECT * FROM words WHERE recording_id IN ({marks}) AND given_at IS NOT NULL"  # noqa: S608
        " AND taken_back_at IS NULL AND until > ? ORDER BY word_id",
        (*recording_ids, to_ms(now)),
    )
    return tuple(_word(row) for row in found)


def of_person(db: Db, person: PersonId, now: datetime) -> tuple[WordRow, ...]:
    """Return the words that a person was asked for, asked for, gave or got, and that are not over."""
    found = db.rows(
        "SELECT * FROM words WHERE giver = :who OR receiver = :who ORDER BY word_id", {"who": person}
    )
    rows = (_word(row) for row in found)
    return tuple(row for row in rows if row.stage(now) in (Stage.PENDING, Stage.STANDING))


def any_due(db: Db, at: datetime) -> bool:
    """Tell whether the term of any of these rows is over."""
    return bool(db.rows("SELECT 1 FROM words WHERE due_at <= ? LIMIT 1", (to_ms(at),)))


def forget_due(tx: Tx, at: datetime) -> int:
    """Erase the rows of words whose term is over, and return how many."""
    return tx.execute("DELETE FROM words WHERE due_at <= ?", (to_ms(at),)).rowcount


def _no_word(word_id: int) -> NotFound:
    return NotFound(f"no word {word_id}, or not yours")


def _insert(
    tx: Tx,
    said: Said,
    kind: Kind,
    at: datetime,
    actor: str,
    *,
    lapses_at: datetime | None = None,
    until: datetime | None = None,
) -> int:
    if said.giver == said.receiver:
        raise AccessRefused(f"{said.giver}: nobody counts as a second person to themselves")
    inserted = tx.execute(
        "INSERT INTO words (kind, policy, recording_id, giver, receiver, action, purpose, reason, asked_at,"
        " lapses_at, given_at, until, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            said.kind.value,
            said.policy,
            said.recording_id,
            said.giver,
            said.receiver,
            said.action.value,
            said.purpose,
            said.reason,
            None if lapses_at is None else to_ms(at),
            None if lapses_at is None else to_ms(lapses_at),
            None if until is None else to_ms(at),
            None if until is None else to_ms(until),
            to_ms(said.due_at),
        ),
    )
    word_id = int(inserted.lastrowid or 0)
    row = find(tx, word_id)
    ends = lapses_at or until
    _tell(tx, kind, at, actor, row, reason=said.reason, until=None if ends is None else to_iso(ends))
    return word_id


def _pending(tx: Tx, word_id: int, at: datetime) -> WordRow:
    row = find(tx, word_id)
    if row.stage(at) is not Stage.PENDING:
        raise StateConflict(f"word {word_id}: must be pending, is {row.stage(at).value}")
    return row


def _tell(tx: Tx, kind: Kind, at: datetime, actor: str, row: WordRow, **more: Json) -> None:
    told: dict[str, Json] = {
        "word": row.word_id,
        "kind": row.kind.value,
        "policy": row.policy,
        "from": row.giver,
        "to": row.receiver,
        "action": row.action.value,
        "purpose": row.purpose,
        **more,
    }
    ledger.append(tx, kind, at, actor=actor, subject=row.recording_id, payload=told)


def _word(row: sqlite3.Row) -> WordRow:
    def at(column: str) -> datetime | None:
        return maybe_from_ms(row[column])

    return WordRow(
        word_id=row["word_id"],
        kind=WordKind(row["kind"]),
        policy=PolicyName(row["policy"]),
        recording_id=RecordingId(row["recording_id"]),
        giver=PersonId(row["giver"]),
        receiver=PersonId(row["receiver"]),
        action=Action(row["action"]),
        purpose=PurposeName(row["purpose"]),
        reason=row["reason"],
        asked_at=at("asked_at"),
        lapses_at=at("lapses_at"),
        given_at=at("given_at"),
        until=at("until"),
        denied_at=at("denied_at"),
        taken_back_at=at("taken_back_at"),
    )
