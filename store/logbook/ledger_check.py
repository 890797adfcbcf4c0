"""Verifying the ledger: every stored byte of it against every other, and where it breaks.

Needs no key and no daemon. The log is read in slices, so nobody waits for it and it may grow
meanwhile: what is checked is the log as it was at the start. After a break the check goes on
with what is stored there, so that one changed entry is one line and not a thousand.

A whole slice is first hashed as quickly as Python can, level by level, and compared as a
whole. Only where that fails is it looked at entry by entry, to say where.

Whether this is the log that others saw: `store/logbook/checkpoint_check.py`. Whether what it tells is
what there is: `store/proof/accounting.py`.
"""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from policy.errors import IntegrityError
from store.db import Db
from store.logbook import ledger
from store.logbook.ledger import Json, Kind

SLICE_LEVEL: Final = 12
SLICE: Final = 1 << SLICE_LEVEL
MOST_BREAKS: Final = 100


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
        youngest_expired_ms: How old the youngest of them was when it was erased; None: none was.
        breaks: Where it breaks; empty: the ledger holds.
    """

    size: int
    root: str
    expired: int
    youngest_expired_ms: int | None
    breaks: tuple[Break, ...]

    @property
    def holds(self) -> bool:
        """Whether everything is what it was."""
        return not self.breaks

    def with_breaks(self, found: Sequence[Break]) -> Report:
        """Return the report with further breaks."""
        return replace(self, breaks=(*self.breaks, *found)[:MOST_BREAKS])

    def to_json(self) -> dict[str, Json]:
        """Return the report as a program gets it."""
        return {
            "size": self.size,
            "root": self.root,
            "payloads_expired": self.expired,
            "youngest_expired_ms": self.youngest_expired_ms,
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
    """The tree as it is built again, and what did not hold on the way.

    Attributes:
        expired, announced: One byte an entry: its payload is gone; an entry says that it expired.
    """

    size: int
    expired: bytearray
    announced: bytearray
    peaks: list[bytes] = field(default_factory=list)
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
    # The head may say anything; what is there is what takes memory.
    ((count,),) = db.tuples("SELECT coalesce(max(seq), -1) + 1 FROM ledger")
    known = max(0, min(head.size, count))
    check = _Check(head.size, expired=bytearray(known), announced=bytearray(known))
    if all(_check_slice(db, check, start) for start in range(0, head.size, SLICE)):
        if tuple(check.peaks) != head.peaks:
            check.found(None, "the head's peaks are not those of the entries")
        if ledger.root_of(check.peaks) != head.root:
            check.found(None, "the head's root is not that of the entries")
    _check_surplus(db, check)
    youngest_ms = _check_expired(db, check)
    return Report(
        size=head.size,
        root=head.root.hex(),
        expired=check.expired.count(1),
        youngest_expired_ms=youngest_ms,
        breaks=tuple(check.breaks),
    )


_SELECT: Final = (
    # As blobs: a changed byte need not be UTF-8 any more.
    "SELECT seq, at, CAST(kind AS BLOB) AS kind, commitment, leaf, p.seq AS payload_seq,"
    " CAST(subject AS BLOB) AS subject, salt, body"
    " FROM ledger LEFT JOIN ledger_payloads p USING (seq) WHERE seq >= ? AND seq < ? ORDER BY seq"
)


def _check_slice(db: Db, check: _Check, start: int) -> bool:
    """Check some entries; False: an entry is missing, so nothing can be built on it."""
    end = min(start + SLICE, check.size)
    if end - start == SLICE:
        node = _whole(db, check, start)
        if node is not None:
            _grow(check, _nodes(db, start, end, above=SLICE_LEVEL), SLICE_LEVEL, start >> SLICE_LEVEL, node)
            return True
    return _check_each(db, check, start, end)


def _whole(db: Db, check: _Check, start: int) -> bytes | None:
    """Return the node over a whole slice in which everything holds, or None: look at each entry.

    Written for speed: names are local and nothing is called that can be written out.
    """
    end, expired, payload_label, entry_label = (
        start + SLICE,
        [],
        ledger.PAYLOAD_LABEL,
        ledger.ENTRY_LABEL,
    )
    pack_length, pack_numbers = ledger.LENGTH.pack, ledger.ENTRY_NUMBERS.pack
    level: list[bytes] = []
    seq = start
    try:
        for found, at, kind, commitment, leaf, payload, subject, salt, body in db.tuples(
            _SELECT, (start, end)
        ):
            if salt is None:
                if payload is None or subject is not None or body is not None:
                    return None
                expired.append(seq)
            elif (
                sha256(payload_label + salt + pack_length(len(subject)) + subject + body).digest()
                != commitment
            ):
                return None
            if (
                found != seq
                or sha256(entry_label + pack_numbers(seq, at, len(kind)) + kind + commitment).digest() != leaf
            ):
                return None
            level.append(leaf)
            seq += 1
    except (TypeError, struct.error):  # a cell that is of another type now
        return None
    if seq != end:
        return None
    for number in range(1, SLICE_LEVEL + 1):
        pairs = iter(level)
        level = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
        stored = db.tuples(
            "SELECT hash FROM ledger_nodes WHERE level = ? AND number >= ? AND number < ? ORDER BY number",
            (number, start >> number, end >> number),
        )
        if [node for (node,) in stored] != level:
            return None
    for seq in expired:
        check.expired[seq] = 1
    return level[0]


def _check_each(db: Db, check: _Check, start: int, end: int) -> bool:
    """Check some entries one by one; False as in `_check_slice`."""
    nodes = _nodes(db, start, end)
    found = db.rows(_SELECT, (start, end))
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
        _grow(check, nodes, 0, seq, leaf)
    return True


def _is_entry(row: sqlite3.Row) -> bool:
    """Tell whether the row has the types of an entry; a file can be edited past SQLite's own checks."""
    # CAST makes `kind` bytes or NULL.
    hashes = isinstance(row["commitment"], bytes) and isinstance(row["leaf"], bytes)
    return hashes and isinstance(row["at"], int) and isinstance(row["kind"], bytes)


def _check_payload(check: _Check, seq: int, row: sqlite3.Row) -> None:
    salt, subject, body = row["salt"], row["subject"], row["body"]
    if salt is None and subject is None and body is None:
        if row["payload_seq"] is None:
            check.found(seq, f"entry {seq}: its payload's row is missing")
        else:
            check.expired[seq] = 1
    elif salt is None or subject is None or body is None:
        check.found(seq, f"entry {seq}: half of its payload is missing")
    elif not (isinstance(salt, bytes) and isinstance(body, bytes)) or (
        ledger.commit(salt, subject, body) != row["commitment"]
    ):
        check.found(seq, f"entry {seq}: its payload is not what was committed to")


def _grow(check: _Check, nodes: dict[tuple[int, int], bytes], level: int, number: int, node: bytes) -> None:
    """Join a node with the peaks that it completes."""
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


def _nodes(db: Db, start: int, end: int, *, above: int = 0) -> dict[tuple[int, int], bytes]:
    """Return the stored nodes that are complete only with an entry from `start` to before `end`."""
    nodes: dict[tuple[int, int], bytes] = {}
    for level in range(above + 1, end.bit_length() + 1):
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


def _check_expired(db: Db, check: _Check) -> int | None:
    """Every payload that is gone must be named in an entry that says so.

    Returns:
        The least age at which one went: who has a payload erased before its term is seen by this.
    """
    ages_ms: list[int] = []
    # All of them, also behind the start's end: a payload may have expired while the check ran.
    told = db.tuples(
        "SELECT seq, at, body FROM ledger JOIN ledger_payloads USING (seq) WHERE kind = ?",
        (Kind.PAYLOADS_EXPIRED.value,),
    )
    for teller, at, body in told:
        named = [seq for seq in _announced(body) if 0 <= seq < min(teller, len(check.announced))]
        for seq in named:
            check.announced[seq] = 1
        ((latest,),) = db.tuples(
            "SELECT max(at) FROM json_each(?) named JOIN ledger ON seq = named.value", (json.dumps(named),)
        )
        if isinstance(at, int) and isinstance(latest, int):
            ages_ms.append(at - latest)
    seq = check.expired.find(1)
    while seq >= 0:
        if not check.announced[seq]:
            check.found(seq, f"entry {seq}: its payload is gone, and no entry says that it expired")
        seq = check.expired.find(1, seq + 1)
    for seq in _without_a_term(db):
        if seq < len(check.expired) and check.announced[seq]:
            check.found(seq, f"entry {seq}: its payload is gone, and such a one has no term")
    return min(ages_ms, default=None)


def _without_a_term(db: Db) -> Iterator[int]:
    """Yield the entries whose payload is gone though the tree is proven with it."""
    kinds = ", ".join(f"'{kind.value}'" for kind in ledger.LASTING)
    found = db.tuples(
        f"SELECT seq FROM ledger JOIN ledger_payloads USING (seq) WHERE kind IN ({kinds}) AND body IS NULL",  # noqa: S608
        (),
    )
    return (seq for (seq,) in found if isinstance(seq, int) and seq >= 0)


def _announced(body: object) -> Sequence[int]:
    """Return the entries that a payload says are empty; one that was changed is told elsewhere."""
    if not isinstance(body, bytes):
        return ()
    try:
        entries = json.loads(body)["payload"]["entries"]
    except (ValueError, KeyError, TypeError):
        return ()
    return [seq for seq in entries if isinstance(seq, int)] if isinstance(entries, list) else ()


def _padded(rows: list[sqlite3.Row]) -> Iterator[sqlite3.Row | None]:
    yield from rows
    while True:
        yield None
