"""Checkpoints: what the log was at a moment, signed, so that it can be kept where this host cannot reach.

Theory of operation

Making one puts an entry on the ledger first and then signs the log with that entry in it, in
one transaction. So a checkpoint's own time is that of its last entry, and one that is taken
out of the table is missed: its entry stands. Nothing is signed that does not begin with what
was signed last.

A checkpoint is made each hour, whether or not something happened (whoever keeps them sees
that the host lives), and when something was destroyed since the last one. Each target gets
them all, in order; how far it has come is remembered here. The note is a C2SP checkpoint:

    <origin> "\\n" <number of entries> "\\n" <base64 of the root> "\\n" "\\n" <signature line>

Source: c2sp.org/tlog-checkpoint.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from policy.clock import from_ms, to_ms
from policy.errors import IntegrityError
from store.db import Db, Tx
from store.logbook import ledger, ledger_nodes, log_keys, notes, proofs
from store.logbook.ledger import HASH_BYTES, Kind
from store.logbook.notes import NoteMalformed, Signer, VerifierKey

EVERY: Final = timedelta(hours=1)
_LARGEST_SIZE: Final = 2**63


class Because(Enum):
    """Why a checkpoint was made."""

    HOUR = "hour"
    DESTRUCTION = "destruction"
    KEY = "key"
    ASKED = "asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The log at a moment.

    Attributes:
        origin: Which log: the name of its key.
        size: How many entries it had.
        root: Tree hash over them, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode('ascii')}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Return the checkpoint that a note's text says; what follows its three lines is passed over.

        Raises:
            NoteMalformed: If it is no checkpoint.
        """
        lines = text.split("\n")
        if len(lines) < 4 or not lines[0] or lines[-1] or "" in lines[:-1]:
            raise NoteMalformed("checkpoint: must be three lines: origin, number of entries, root")
        size, root = lines[1], _root(lines[2])
        if not (size.isascii() and size.isdecimal()) or size != str(int(size)) or int(size) >= _LARGEST_SIZE:
            raise NoteMalformed(f'checkpoint: its second line must be a number of entries, got "{size[:40]}"')
        if root is None:
            raise NoteMalformed(f'checkpoint: its third line must be a root in base64, got "{lines[2][:60]}"')
        return cls(origin=lines[0], size=int(size), root=root)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A checkpoint with its signature.

    Attributes:
        checkpoint: What is signed.
        note: The whole note.
        made_at: Time of its last entry.
    """

    checkpoint: Checkpoint
    note: str
    made_at: datetime

    @property
    def size(self) -> int:
        """How many entries it covers."""
        return self.checkpoint.size


def make(db: Db, signer: Signer, *, because: Because, at: datetime) -> Signed:
    """Sign the log as it is, and keep the checkpoint.

    Raises:
        IntegrityError: If the log does not begin with what was signed before; nothing is signed.
        Unavailable: If the database cannot be written.
    """
    with db.write() as tx:
        _must_begin_with_the_last(tx)
        return _make(tx, signer, because=because, at=at)


def hand_over(db: Db, old: Signer, new: Signer, *, at: datetime, actor: str) -> Signed:
    """Take a new key into use and have the old one vouch for it; both sign this one checkpoint.

    Raises:
        IntegrityError: If the log does not begin with what was signed before; nothing is signed.
        Unavailable: If the database cannot be written.
    """
    with db.write() as tx:
        _must_begin_with_the_last(tx)
        log_keys.add(tx, new.key, at=at, actor=actor)
        # Its own entry is the next one: `store/logbook/log_keys.py` counts on that.
        return _make(tx, old, because=Because.KEY, at=at, beside=new)


def _make(tx: Tx, signer: Signer, *, because: Because, at: datetime, beside: Signer | None = None) -> Signed:
    told = {"because": because.value}
    ledger.append(tx, Kind.CHECKPOINT, at, actor="daemon", subject="", payload=told)
    head = ledger.read_head(tx)
    checkpoint = Checkpoint(origin=signer.name, size=head.size, root=head.root)
    note = signer.sign(checkpoint.text)
    if beside is not None:
        note = beside.cosign(note)
    tx.execute("INSERT INTO checkpoints (size, note) VALUES (?, ?)", (head.size, note))
    return Signed(checkpoint=checkpoint, note=note, made_at=from_ms(to_ms(at)))


def wanted(db: Db, at: datetime) -> Because | None:
    """Return why a checkpoint has to be made now, or None."""
    newest = last(db)
    if newest is None or at - newest.made_at >= EVERY:
        return Because.HOUR
    found = db.rows(
        "SELECT 1 FROM ledger WHERE seq >= ? AND kind = ? LIMIT 1", (newest.size, Kind.DESTROYED.value)
    )
    return Because.DESTRUCTION if found else None


def last(db: Db) -> Signed | None:
    """Return the newest checkpoint, or None where none was made yet."""
    found = _read(db, "ORDER BY size DESC LIMIT 1", ())
    return found[0] if found else None


def covering(db: Db, seq: int, key: VerifierKey | None = None) -> Signed | None:
    """Return the oldest checkpoint with this entry in it, or None.

    Args:
        db: The database.
        seq: The entry.
        key: Whose signature it has to bear; None: anybody's.
    """
    spans = () if key is None else log_keys.spans_in(db)
    since = next((span.first for span in spans if span.key == key), 0)
    found = _read(db, "WHERE size > ? AND size >= ? ORDER BY size LIMIT 1", (seq, since))
    return found[0] if found else None


def waiting(db: Db, target: str, *, limit: int = 500) -> tuple[Signed, ...]:
    """Return the checkpoints that a target does not have yet, the oldest first."""
    after = "WHERE size > coalesce((SELECT size FROM checkpoint_targets WHERE target = ?), 0)"
    return _read(db, f"{after} ORDER BY size LIMIT ?", (target, limit))


def count_waiting(db: Db, target: str) -> int:
    """Return how many checkpoints a target does not have yet."""
    found = db.rows(
        "SELECT count(*) AS number FROM checkpoints"
        " WHERE size > coalesce((SELECT size FROM checkpoint_targets WHERE target = ?), 0)",
        (target,),
    )
    return int(found[0]["number"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """How far a target has come.

    Attributes:
        size: Entries under the newest checkpoint that it has.
        at: When it took that.
    """

    size: int
    at: datetime


def delivered_to(db: Db, target: str) -> Delivered | None:
    """Return how far a target has come, or None where it has nothing yet."""
    found = db.rows("SELECT size, delivered_at FROM checkpoint_targets WHERE target = ?", (target,))
    return Delivered(size=found[0]["size"], at=from_ms(found[0]["delivered_at"])) if found else None


def note_delivered(tx: Tx, target: str, size: int, at: datetime) -> None:
    """Note that a target has every checkpoint up to this one."""
    tx.execute(
        "INSERT INTO checkpoint_targets (target, size, delivered_at) VALUES (?, ?, ?)"
        " ON CONFLICT (target) DO UPDATE SET size = excluded.size, delivered_at = excluded.delivered_at"
        " WHERE excluded.size > checkpoint_targets.size",
        (target, size, to_ms(at)),
    )


def open_checkpoint(note: str, key: VerifierKey) -> Checkpoint:
    """Return the checkpoint of a note that this key signed.

    Raises:
        NoteMalformed: If it is none.
        NoteUnsigned: If this key did not sign it.
        SignatureWrong: If its signature does not hold.
        IntegrityError: If it is the checkpoint of another log.
    """
    checkpoint = Checkpoint.parse(notes.open_note(note, key))
    if checkpoint.origin != key.name:
        raise IntegrityError(f"checkpoint: is of {checkpoint.origin}, signed by {key.name}")
    return checkpoint


def _must_begin_with_the_last(tx: Tx) -> None:
    row = tx.execute("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
    if row is None:
        return
    signed = Checkpoint.parse(notes.text_of(row["note"]))
    size = ledger.read_head(tx).size
    if signed.size > size or proofs.root_at(ledger_nodes.nodes_in(tx), signed.size) != signed.root:
        raise IntegrityError(
            f"ledger: does not begin with its checkpoint of {signed.size} entries, so nothing is signed",
            hint="run: consentline ledger verify, and keep a copy of the database as it is now",
        )


def _read(db: Db, rest: str, params: tuple[str | int, ...]) -> tuple[Signed, ...]:
    found = db.rows(
        f"SELECT note, at FROM checkpoints JOIN ledger ON seq = size - 1 {rest}",  # noqa: S608 - own words
        params,
    )
    return tuple(
        Signed(
            checkpoint=Checkpoint.parse(notes.text_of(row["note"])),
            note=row["note"],
            made_at=from_ms(row["at"]),
        )
        for row in found
    )


def _root(text: str) -> bytes | None:
    try:
        root = b64decode(text, validate=True)
    except ValueError:
        return None
    return root if len(root) == HASH_BYTES and b64encode(root).decode("ascii") == text else None
