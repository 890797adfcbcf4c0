"""Parts of a key that their holder passed on to one other person, with an opening or their company.

They are wrapped under the epoch key of the moment, as envelopes are, and do not move with those: where
that key goes early, the part goes with it and is asked for again. So no copy of the database opens a
recording by a part that outlived its key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from policy.access import RoleName
from policy.errors import StateConflict
from policy.key_groups import KeyPath
from store.db import Db, Tx
from store.files.epochs import EpochFolder, EpochKey, EpochKeyGone, EpochKeyName
from store.keyring.shares import PassedShare

_LABEL = "consentline/v1/passed-share-wrap"


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedRow:
    """One part as it is stored.

    Attributes:
        word_id: The word that it came with.
    """

    word_id: int
    path: KeyPath
    role: RoleName
    epoch_key: EpochKeyName
    wrapped: bytes = field(repr=False)


def put(tx: Tx, word_id: int, passed: Iterable[PassedShare], epochs: EpochFolder, key: EpochKey) -> None:
    """Store what came with a word."""
    tx.executemany(
        "INSERT INTO passed_shares (word_id, path, role, epoch_key, wrapped) VALUES (?, ?, ?, ?, ?)",
        [
            (
                word_id,
                one.path,
                one.role,
                key.name,
                epochs.wrap(key, one.sealed, _aad(word_id, one.path, one.role)),
            )
            for one in passed
        ],
    )


def of_words(db: Db, word_ids: Sequence[int]) -> tuple[PassedRow, ...]:
    """Return what came with these words, the latest word first."""
    marks = ", ".join("?" * len(word_ids))
    found = db.rows(
        # The marks are as many as there are numbers; the numbers themselves are bound.
        f"SELECT * FROM passed_shares WHERE word_id IN ({marks}) ORDER BY word_id DESC, path, role",  # noqa: S608
        word_ids,
    )
    return tuple(PassedRow(**dict(row)) for row in found)


def unwrap(row: PassedRow, epochs: EpochFolder) -> PassedShare:
    """Return a part without its wrap; still sealed to its receiver.

    Raises:
        StateConflict: If its epoch key has gone since.
        WrapRefused: If the row was damaged or moved.
    """
    try:
        key = epochs.load(row.epoch_key)
    except EpochKeyGone as error:
        raise StateConflict(
            f"word {row.word_id}: the key part that came with it is gone", hint="ask for it again"
        ) from error
    sealed = epochs.unwrap(key, row.wrapped, _aad(row.word_id, row.path, row.role))
    return PassedShare(path=row.path, role=row.role, sealed=sealed)


def forget(tx: Tx, word_id: int) -> None:
    """Remove what came with a word, as when it is taken back."""
    tx.execute("DELETE FROM passed_shares WHERE word_id = ?", (word_id,))


def _aad(word_id: int, path: KeyPath, role: RoleName) -> bytes:
    return f"{_LABEL}\0{word_id}\0{path}\0{role}".encode()
