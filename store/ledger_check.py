"""Verifying the ledger: every stored byte of it against every other, and where it breaks.

Needs no key and no daemon. The log is read in slices, so nobody waits for it and it may grow
meanwhile: what is checked is the log as it was at the start. After a break the check goes on
with what is stored there, so that one changed entry is one line and not a thousand.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from policy.errors import IntegrityError
from store import ledger
from store.db import Db
from store.ledger import Json, Kind

SLICE: Final = 4096
MOST_BREAKS: Final = 100
_EXPIRY: Final = Kind.PAYLOADS_EXPIRED.value.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One place where the ledger is not what it was.

    Attributes:
        seq: The entry; of a node, the first entry under it; None where no entry can be named.
        text: What does not hold.
    """

    seq: int | None
    text: str

    def to_json(self) -> dict[str, Json]:
        """Return the break as a program gets it."""
        return {"seq": self.seq, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a check found.

    Attributes:
        size: Entries checked.
        root: Hexadecimal tree hash over them, as stored.
        expired: How many payloads were erased on their term.
        breaks: Where it breaks; empty: the ledger holds.
    """

    size: int
    root: str
    expired: int
    breaks: tuple[Break, ...]

    @property
    def holds(self) -> bool:
        """Whether everything is what it was."""
        return not self.breaks

    def to_json(self) -> dict[str, Json]:
        """Return the report as a program gets it."""
        return {
            "size": self.size,
            "root": self.root,
            "payloads_expired": self.expired,
            "holds": self.holds,
            "breaks": [found.to_json() for found in self.breaks],
        }

    def must_hold(self) -> None:
        """Do nothing where the ledger holds.

        Raises:
            IntegrityError: With the first break.
        """
        for first in self.breaks:
            raise IntegrityError(f"ledger: {first.text}", hint="keep a copy of the database as it is now")


@dataclass(slots=True)
class _Check:
    """The tree as it is built again, and what did not hold on the way."""

    size: int
    peaks: list[bytes] = field(default_factory=list)
    expired: list[int] = field(default_factory=list)
    announced: set[int] = field(default_factory=set)
    breaks: list[Break] = field(default_factory=list)

    def found(self, seq: int | None, text: str) -> None:
        if len(self.breaks) < MOST_BREAKS:
            self.breaks.append(Break(seq=seq, text=text))


def verify(db: Db) -> Report:
    """Check the whole ledger.

    Raises:
        Unavailable: If the database cannot be read.
        IntegrityError: If it is no database any more.
    """
    head = ledger.head(db)
    check = _Check(head.size)
    if all(_check_slice(db, check, start) for start in range(0, head.size, SLICE)):
        if tuple(check.peaks) != head.peaks:
            check.found(None, "the head's peaks are not those of the entries")
        if ledger.root_of(check.peaks) != head.root:
            check.found(None, "the head's root is not that of the entries")
    _check_surplus(db, check)
    _check_expired(db, check)
    return Report(
        size=head.size, root=head.root.hex(), expired=len(check.expired), breaks=tuple(check.breaks)
    )


def _check_slice(db: Db, check: _Check, start: int) -> bool:
    """Check some entries; False: an entry is missing, so nothing can be built on it."""
    end = min(start + SLICE, check.size)
    nodes = _nodes(db, start, end)
    found = db.rows(
        # As blobs: a changed byte need not be UTF-8 any more.
        "SELECT seq, at, CAST(kind AS BLOB) AS kind, commitment, leaf, p.seq AS payload_seq,"
        " CAST(subject AS BLOB) AS subject, salt, body"
        " FROM ledger LEFT JOIN ledger_payloads p USING (seq) WHERE seq >= ? AND seq < ? ORDER BY seq",
        (start, end),
    )
    for seq, row in zip(range(start, end), _padded(found), strict=False):
        if row is None or row["seq"] != seq:
            check.found(seq, f"entry {seq} is missing")
            return False
        if not _is_entry(row):
            check.found(seq, f"entry {seq}: is no entry any more")
            return False
        _check_payload(check, seq, row)
        leaf = row["leaf"]
        if leaf != ledger.leaf_hash(seq, row["at"], row["kind"], row["commitment"]):
            check.found(seq, f"entry {seq}: its time, kind or commitment is not what its leaf says")
        _grow(check, nodes, seq, leaf)
    return True


def _is_entry(row: sqlite3.Row) -> bool:
    """Tell whether the row has the types of an entry; a file can be edited past SQLite's own checks."""
    # Written out, for this runs ten million times a minute; CAST makes `kind` bytes or NULL.
    return (
        isinstance(row["at"], int)
        and isinstance(row["kind"], bytes)
        and isinstance(row["commitment"], bytes)
        and isinstance(row["leaf"], bytes)
    )


def _check_payload(check: _Check, seq: int, row: sqlite3.Row) -> None:
    salt, subject, body = row["salt"], row["subject"], row["body"]
    if salt is None and subject is None and body is None:
        if row["payload_seq"] is None:
            check.found(seq, f"entry {seq}: its payload's row is missing")
        else:
            check.expired.append(seq)
    elif salt is None or subject is None or body is None:
        check.found(seq, f"entry {seq}: half of its payload is missing")
    elif ledger.commit(salt, subject, body) != row["commitment"]:
        check.found(seq, f"entry {seq}: its payload is not what was committed to")
    elif row["kind"] == _EXPIRY:
        check.announced.update(json.loads(body)["payload"]["entries"])


def _grow(check: _Check, nodes: dict[tuple[int, int], bytes], seq: int, leaf: bytes) -> None:
    node, level, number = leaf, 0, seq
    while number & 1:
        computed = ledger.node_hash(check.peaks.pop(), node)
        level, number = level + 1, number >> 1
        node = nodes.get((level, number), b"")
        if node != computed:
            _tell_node(check, level, number, stored=bool(node))
            # Go on with what is stored: the levels above are then checked on their own.
            node = node or computed
    check.peaks.append(node)


def _tell_node(check: _Check, level: int, number: int, *, stored: bool) -> None:
    first, last = number << level, ((number + 1) << level) - 1
    if stored:
        check.found(first, f"entries {first} to {last}: are not what the node over them says")
    else:
        check.found(first, f"the node over entries {first} to {last} is missing")


def _nodes(db: Db, start: int, end: int) -> dict[tuple[int, int], bytes]:
    """Return the stored nodes that are complete only with an entry from `start` to before `end`."""
    nodes: dict[tuple[int, int], bytes] = {}
    for level in range(1, end.bit_length() + 1):
        found = db.rows(
            "SELECT number, hash FROM ledger_nodes WHERE level = ? AND number >= ? AND number < ?",
            (level, start >> level, end >> level),
        )
        nodes.update({(level, row["number"]): row["hash"] for row in found})
    return nodes


def _check_surplus(db: Db, check: _Check) -> None:
    """Find rows that belong to no entry, leaving out what was appended since the start."""
    now = ledger.head(db).size
    counted = db.rows(
        "SELECT (SELECT count(*) FROM ledger WHERE seq >= :now OR seq < 0) AS entries,"
        " (SELECT count(*) FROM ledger_payloads WHERE seq >= :now OR seq < 0) AS payloads,"
        " (SELECT count(*) FROM ledger_nodes WHERE level < 1 OR number < 0"
        "  OR level > 62 OR ((number + 1) << level) > :now) AS nodes",
        {"now": now},
    )[0]
    for name in ("entries", "payloads", "nodes"):
        if counted[name]:
            check.found(now, f"{counted[name]} {name} lie beyond the end of the log")


def _check_expired(db: Db, check: _Check) -> None:
    """Every payload that is gone must be named in an entry that says so."""
    # A payload may have expired while the check ran; the entry about it lies behind the start's end.
    later = db.rows(
        "SELECT body FROM ledger JOIN ledger_payloads USING (seq) WHERE seq >= ? AND kind = ?",
        (check.size, Kind.PAYLOADS_EXPIRED.value),
    )
    for row in later:
        if row["body"] is not None:
            check.announced.update(json.loads(row["body"])["payload"]["entries"])
    for seq in check.expired:
        if seq not in check.announced:
            check.found(seq, f"entry {seq}: its payload is gone, and no entry says that it expired")


def _padded(rows: list[sqlite3.Row]) -> Iterator[sqlite3.Row | None]:
    yield from rows
    while True:
        yield None
