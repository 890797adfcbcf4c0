"""Verifying checkpoints: is this the log that was signed, and the one that others were shown?

Own checkpoints stand in the database, with the keys that signed them; foreign ones were fetched
from a target. Each is checked for its signature and against the tree that stands here now. The
oldest that does not fit says where the log was rewritten: behind the newest that does.

The tree itself must hold (`store/logbook/ledger_check.py`), else what is computed from it says nothing.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Final

from policy.errors import IntegrityError, NotFound, Unavailable
from store.db import Db
from store.logbook import checkpoints, ledger, ledger_nodes, log_keys, notes, proofs
from store.logbook.checkpoints import Checkpoint
from store.logbook.ledger import Kind
from store.logbook.ledger_check import MOST_BREAKS, Break
from store.logbook.log_keys import Span
from store.logbook.notes import VerifierKey

HERE: Final = "this database"
_IN_SYSLOG: Final = re.compile(r"checkpoint (?P<origin>\S+) [0-9]+ note=(?P<note>[A-Za-z0-9+/]+={0,2})")
_LARGEST_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A checkpoint that somebody else kept.

    Attributes:
        where: File, and line of a syslog.
        note: The whole note.
    """

    where: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the checkpoints came to.

    Attributes:
        own: How many stand in the database.
        shown: How many came from elsewhere.
        spans: Whose signatures were believed, and at which sizes.
        newest_shown: Entries under the newest one from elsewhere: up to there others vouch; None: nowhere.
        breaks: Where it breaks.
    """

    own: int
    shown: int
    spans: tuple[Span, ...]
    newest_shown: int | None
    breaks: tuple[Break, ...]


def read_shown(path: Path) -> tuple[Shown, ...]:
    """Return the checkpoints in a file or in all files below a folder: notes, or lines of a syslog.

    Raises:
        NotFound: If there is nothing, or no checkpoint in it.
        Unavailable: If it cannot be read.
    """
    try:
        if path.is_dir():
            files = sorted(found for found in path.rglob("*") if found.is_file() and found.name[0] != ".")
        elif path.exists():
            files = [path]
        else:
            raise NotFound(f"{path}: must be a checkpoint, or a folder of them, got nothing")
        shown = [one for file in files for one in _shown(file)]
    except OSError as error:
        raise Unavailable(f"{error.filename or path}: cannot be read: {error.strerror}") from error
    if not shown:
        raise NotFound(f"{path}: must hold checkpoints, got none")
    return tuple(shown)


def check(db: Db, size: int, *, shown: Sequence[Shown] = (), trusted: VerifierKey | None = None) -> Checked:
    """Check every checkpoint of a log of `size` entries.

    Args:
        db: The database.
        size: Entries that `ledger_check.verify` checked; younger checkpoints are passed over.
        shown: Checkpoints from elsewhere.
        trusted: The key to believe, and those that it vouches for, before and after it; None: the keys
            that this database says signed it.

    Raises:
        Unavailable: If the database cannot be read.
    """
    found = _Found(db=db, size=size, nodes=cache(ledger_nodes.nodes(db)))
    believed = log_keys.spans_of(sorted(_own_keys(found).items(), key=itemgetter(0)))
    if trusted is not None and all(span.key != trusted for span in believed):
        believed = (Span(key=trusted, first=1, last=None),)
    own = _own(found, believed)
    newest: int | None = None
    for one in shown:
        checkpoint = _shown_elsewhere(found, one, believed)
        if checkpoint is not None:
            newest = max(newest or 0, checkpoint.size)
            _compare(found, one, checkpoint, own)
    _place(found)
    return Checked(
        own=len(own),
        shown=len(shown),
        spans=believed,
        newest_shown=newest,
        breaks=tuple(found.breaks[:MOST_BREAKS]),
    )


@dataclass(slots=True, kw_only=True)
class _Found:
    """What was found on the way.

    Attributes:
        nodes: The stored tree.
        fitting: Sizes at which the tree is what a believed checkpoint says.
        unfit: Believed checkpoints that the tree is not, by size: who has them.
    """

    db: Db
    size: int
    nodes: proofs.Nodes
    fitting: set[int] = field(default_factory=set)
    unfit: dict[int, str] = field(default_factory=dict)
    breaks: list[Break] = field(default_factory=list)

    def broken(self, seq: int | None, text: str) -> None:
        self.breaks.append(Break(seq=seq, text=text))

    def fit(self, checkpoint: Checkpoint, where: str) -> None:
        """Compare the tree with what a believed checkpoint says."""
        try:
            fits = proofs.root_at(self.nodes, checkpoint.size) == checkpoint.root
        except IntegrityError:
            fits = False
        if fits:
            self.fitting.add(checkpoint.size)
        else:
            self.unfit.setdefault(checkpoint.size, where)


def _own_keys(found: _Found) -> Mapping[int, VerifierKey]:
    """Return the keys by the entry that took each into use; what the ledger knows nothing of is told."""
    told = found.db.rows(
        "SELECT seq, CAST(body AS BLOB) AS body FROM ledger JOIN ledger_payloads USING (seq) WHERE kind = ?",
        (Kind.CHECKPOINT_KEY_ADDED.value,),
    )
    bodies: dict[int, bytes | None] = {row["seq"]: row["body"] for row in told}
    keys: dict[int, VerifierKey] = {}
    for row in found.db.rows("SELECT entry, CAST(vkey AS BLOB) AS vkey FROM checkpoint_keys ORDER BY entry"):
        seq = row["entry"]
        try:
            key = VerifierKey.parse(row["vkey"].decode(errors="replace"))
        except IntegrityError as error:
            found.broken(seq, f"key of entry {seq}: {error.text}")
            continue
        body = bodies.get(seq, b"")
        if body is None or f'"{key.text}"'.encode() not in body:
            found.broken(seq, f"key of entry {seq}: the ledger took no such key into use")
            continue
        keys[seq] = key
    for seq in sorted(set(bodies) - set(keys)):
        if not any(one.seq == seq for one in found.breaks):
            found.broken(seq, f"entry {seq}: the key that it took into use is missing")
    return keys


def _own(found: _Found, believed: Sequence[Span]) -> dict[int, str]:
    """Check the checkpoints in the database; return their texts by size."""
    now = ledger.head(found.db).size
    made = {
        row["seq"] + 1
        for row in found.db.rows("SELECT seq FROM ledger WHERE kind = ?", (Kind.CHECKPOINT.value,))
    }
    known: dict[int, str] = {}
    for row in found.db.rows(
        "SELECT size, CAST(note AS BLOB) AS note FROM checkpoints WHERE size <= ? OR size > ? ORDER BY size",
        (found.size, now),
    ):
        size, name = row["size"], f"checkpoint of {row['size']} entries"
        known[size] = ""
        if size > now:
            found.broken(now, f"{name}: the ledger has only {now}")
            continue
        if size not in made:
            found.broken(size - 1, f"{name}: entry {size - 1} does not say that one was made")
        signers = [span.key for span in believed if span.covers(size)]
        if not signers:
            found.broken(size - 1, f"{name}: no key was in use that could have signed it")
            continue
        try:
            note = bytes(row["note"]).decode()
            # Two, where one key vouches for the next: both have to have signed.
            (checkpoint,) = {checkpoints.open_checkpoint(note, key) for key in signers}
        except (IntegrityError, UnicodeDecodeError) as error:
            text = error.text if isinstance(error, IntegrityError) else "is no text"
            found.broken(size - 1, f"{name}: {text}")
            continue
        if checkpoint.size != size:
            found.broken(size - 1, f"{name}: was signed as one of {checkpoint.size}")
            continue
        known[size] = checkpoint.text
        found.fit(checkpoint, HERE)
    for size in sorted(made - set(known)):
        if size <= found.size:
            found.broken(size - 1, f"entry {size - 1}: the checkpoint that it tells of is missing")
    for span in believed[1:]:
        if span.first not in made:
            found.broken(span.first - 2, f"entry {span.first - 2}: the key before vouches for no such key")
    return known


def _shown_elsewhere(found: _Found, one: Shown, believed: Sequence[Span]) -> Checkpoint | None:
    """Return a checkpoint from elsewhere if somebody believed signed it, at a size that was theirs."""
    problem = ""
    for span in believed:
        try:
            checkpoint = checkpoints.open_checkpoint(one.note, span.key)
        except notes.NoteUnsigned:
            continue
        except IntegrityError as error:
            found.broken(None, f"{one.where}: {error.text}")
            return None
        if span.covers(checkpoint.size):
            return checkpoint
        problem = f"was signed over {checkpoint.size} entries by a key that signs others: {span.key.text}"
    names = " or ".join(span.key.text for span in believed) or "anybody who is believed"
    found.broken(None, f"{one.where}: {problem or f'is not signed by {names}'}")
    return None


def _compare(found: _Found, one: Shown, checkpoint: Checkpoint, own: Mapping[int, str]) -> None:
    size = checkpoint.size
    now = ledger.head(found.db).size
    if size > now:
        found.broken(now, f"{one.where}: was signed over {size} entries, the ledger has only {now}")
        return
    found.fit(checkpoint, one.where)
    if size <= found.size and size not in own:
        found.broken(size - 1, f"{one.where}: this database does not know its checkpoint of {size} entries")


def _place(found: _Found) -> None:
    """Say between which entries the log was rewritten: behind the newest checkpoint that still fits."""
    if not found.unfit:
        return
    first = min(found.unfit)
    start = max((size for size in found.fitting if size < first), default=0)
    for size, where in sorted(found.unfit.items()):
        text = f"entries {start} to {size - 1}: are not those of the checkpoint of {size} entries in {where}"
        found.broken(start, text)


def _shown(file: Path) -> Iterator[Shown]:
    """Yield the checkpoints of one file: the file itself, or each line of a syslog."""
    if file.stat().st_size > _LARGEST_BYTES:
        raise Unavailable(f"{file}: must be at most {_LARGEST_BYTES} bytes; cut the syslog into parts")
    text = file.read_bytes().decode(errors="replace")
    lines = list(_IN_SYSLOG.finditer(text))
    for match in lines:
        number = text.count("\n", 0, match.start()) + 1
        yield Shown(where=f"{file}:{number}", note=b64decode(match["note"] + "==").decode(errors="replace"))
    if not lines:
        yield Shown(where=str(file), note=text)
