"""What somebody with the database file in hand can do to the ledger, by a seeded choice."""

# ruff: noqa: S608 - the names of tables are this file's own, and a seed is wanted
from __future__ import annotations

import hashlib
import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from policy.clock import SteppedClock
from store.db import Db, Tx
from store.logbook import ledger, signing_key
from store.logbook.checkpoint_check import Shown
from store.logbook.checkpoints import Checkpoint
from store.logbook.notes import Signer, VerifierKey, text_of
from store.proof import verification
from store.proof.verification import Verified
from tests.store.scene import STARTED_AT, CountingRandomness

COLUMNS = {
    "ledger": ("seq", "at", "kind", "commitment", "leaf"),
    "ledger_payloads": ("seq", "subject", "salt", "body"),
    "ledger_nodes": ("level", "number", "hash"),
    "ledger_head": ("size", "peaks", "root"),
    "checkpoints": ("size", "note"),
    "checkpoint_keys": ("entry", "vkey"),
}
KEYS = {
    "ledger": "seq",
    "ledger_payloads": "seq",
    "ledger_nodes": "rowless",
    "ledger_head": "only_row",
    "checkpoints": "size",
    "checkpoint_keys": "entry",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A ledger with checkpoints, of which some have left the host.

    Attributes:
        signers: The keys, the one in use last; a mutation may have them.
        shown: What has left the host.
    """

    db: Db
    signers: tuple[Signer, ...]
    shown: tuple[Shown, ...]

    @property
    def vouched(self) -> int:
        """Entries under the newest checkpoint that has left."""
        return max(Checkpoint.parse(text_of(one.note)).size for one in self.shown)


def copy_of(original: Db) -> Db:
    """A copy in memory, opened as an intruder would: no triggers, no checks."""
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=Tx)
    connection.row_factory = sqlite3.Row
    original._connection.backup(connection)
    for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {row['name']}")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.randomness = CountingRandomness(77)
    return Db(connection, Path(":memory:"), SteppedClock(STARTED_AT))


def forge(database: Path, key_file: Path, vkey: str, target: Path) -> None:
    """Write a log anew into a file, every checkpoint signed with its own key, as who has both can."""
    signer = signing_key.load(key_file, VerifierKey.parse(vkey))
    with closing(Db.open_to_read(database, clock=SteppedClock(STARTED_AT))) as original:
        copy = copy_of(original)
    rewrite_with_the_key(copy, random.Random(7), Original(db=copy, signers=(signer,), shown=()))  # noqa: S311
    with closing(sqlite3.connect(target)) as written:
        copy._connection.backup(written)
    copy.close()


def content(db: Db, size: int) -> list[tuple[object, ...]]:
    """Every row, payload, node, checkpoint and key of the first `size` entries."""
    found: list[tuple[object, ...]] = []
    db._connection.text_factory = bytes  # a changed byte need not be UTF-8 any more
    for sql in (
        "SELECT * FROM ledger WHERE seq < ? ORDER BY seq",
        "SELECT * FROM ledger_payloads WHERE seq < ? ORDER BY seq",
        "SELECT * FROM ledger_nodes WHERE ((number + 1) << level) <= ? ORDER BY level, number",
        "SELECT * FROM checkpoints WHERE size <= ? ORDER BY size",
        "SELECT * FROM checkpoint_keys WHERE entry < ? ORDER BY entry",
    ):
        found += db.tuples(sql, (size,))
    db._connection.text_factory = str
    return found


def verified(db: Db, original: Original) -> Verified:
    """What `ledger verify --checkpoint` finds in a copy."""
    return verification.verify(db, vault=None, shown=original.shown)


# ---------------------------------------------------------------- one place


def flip(db: Db, chance: random.Random, original: Original) -> None:
    """Change one bit of one cell."""
    table, at, row = _some_row(db, chance)
    column = chance.choice(COLUMNS[table])
    cell = row[column]
    if isinstance(cell, int):
        spoiled: object = cell ^ (1 << chance.randrange(40))
    elif isinstance(cell, str | bytes) and cell:
        data = bytearray(cell.encode() if isinstance(cell, str) else cell)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        spoiled = bytes(data)
    else:
        spoiled = b"\x01"
    as_text = "CAST(? AS TEXT)" if isinstance(cell, str) else "?"
    _try(db, f"UPDATE {table} SET {column} = {as_text} WHERE {at}", (spoiled,))


def swap(db: Db, chance: random.Random, original: Original) -> None:
    """Exchange what two rows of a table say, in all columns or in one."""
    table, at, row = _some_row(db, chance)
    key = KEYS[table]
    others = [other for other in db.rows(f"SELECT * FROM {table}") if tuple(other) != tuple(row)]
    if not others:
        return
    other = chance.choice(others)
    columns = [name for name in COLUMNS[table] if name not in (key, "level", "number")]
    if chance.random() < 0.5:
        columns = [chance.choice(columns)]
    sets = ", ".join(f"{name} = ?" for name in columns)
    there = _where(table, other)
    _try(db, f"UPDATE {table} SET {sets} WHERE {at}", tuple(other[name] for name in columns))
    _try(db, f"UPDATE {table} SET {sets} WHERE {there}", tuple(row[name] for name in columns))


def drop(db: Db, chance: random.Random, original: Original) -> None:
    """Take a row out."""
    table, at, _ = _some_row(db, chance)
    _try(db, f"DELETE FROM {table} WHERE {at}", ())


def insert(db: Db, chance: random.Random, original: Original) -> None:
    """Put a row in: a copy of another, in its place or before it, with what comes behind moved up."""
    table, _, row = _some_row(db, chance)
    key = KEYS[table]
    if table == "ledger_head":
        return
    values = {name: row[name] for name in COLUMNS[table]}
    if table == "ledger_nodes":
        values["number"] = chance.randrange(0, 200)
    else:
        values[key] = chance.randrange(-2, 200)
        if chance.random() < 0.5 and table in ("ledger", "ledger_payloads"):
            for name in ("ledger", "ledger_payloads"):
                _try(db, f"UPDATE {name} SET seq = -seq - 1000 WHERE seq >= ?", (values[key],))
                _try(db, f"UPDATE {name} SET seq = -seq - 1000 + 1 WHERE seq <= -1000", ())
    names = ", ".join(values)
    marks = ", ".join("?" for _ in values)
    _try(db, f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))


def empty_in_silence(db: Db, chance: random.Random, original: Original) -> None:
    """Erase a payload without saying so."""
    size = ledger.head(db).size
    _try(
        db,
        "UPDATE ledger_payloads SET subject = NULL, salt = NULL, body = NULL WHERE seq = ?",
        (chance.randrange(size),),
    )


# ---------------------------------------------------------------- the whole log


def rewrite(db: Db, chance: random.Random, original: Original) -> None:
    """Change an entry and hash everything anew, so that the tree fits; the checkpoints stay."""
    _change_entry(db, chance)
    _hash_anew(db)


def rewrite_without_later_checkpoints(db: Db, chance: random.Random, original: Original) -> None:
    """As `rewrite`, and take out every checkpoint behind the change, with the entry that tells of it."""
    seq = _change_entry(db, chance)
    with db.write() as tx:
        tx.execute("DELETE FROM checkpoints WHERE size > ?", (seq,))
        tx.execute("UPDATE ledger SET kind = 'captured' WHERE kind = 'checkpoint' AND seq >= ?", (seq,))
    _hash_anew(db)


def rewrite_with_another_key(db: Db, chance: random.Random, original: Original) -> None:
    """As `rewrite`, and sign every checkpoint with keys of the intruder's own, entered as the log's."""
    _change_entry(db, chance)
    mine = tuple(Signer(name=one.name, seed=chance.randbytes(32)) for one in original.signers)
    with db.write() as tx:
        rows = tx.execute("SELECT entry FROM checkpoint_keys ORDER BY entry").fetchall()
        for row, one in zip(rows, mine, strict=True):
            _enter(tx, row["entry"], one)
    _hash_anew(db)
    _sign_anew(db, mine)


def rewrite_with_the_old_key(db: Db, chance: random.Random, original: Original) -> None:
    """As `rewrite`, with the key that was rotated out: a key of the intruder's own comes after it."""
    _change_entry(db, chance)
    mine = Signer(name=original.signers[0].name, seed=chance.randbytes(32))
    with db.write() as tx:
        (last,) = tx.execute("SELECT max(entry) AS entry FROM checkpoint_keys").fetchall()
        _enter(tx, last["entry"], mine)
    _hash_anew(db)
    _sign_anew(db, (original.signers[0], mine))


def sign_on_with_the_old_key(db: Db, chance: random.Random, original: Original) -> None:
    """As `rewrite`, and the key that was rotated out signs what came after it."""
    _change_entry(db, chance)
    _hash_anew(db)
    _sign_anew(db, (original.signers[0], original.signers[0]))


def rewrite_with_the_key(db: Db, chance: random.Random, original: Original) -> None:
    """As `rewrite`, and sign every checkpoint anew with the very keys."""
    _change_entry(db, chance)
    _hash_anew(db)
    _sign_anew(db, original.signers)


def cut_with_the_key(db: Db, chance: random.Random, original: Original) -> None:
    """Take the end off the log, as an older backup would, and everything fits."""
    size = chance.randrange(1, ledger.head(db).size)
    with db.write() as tx:
        for sql in (
            "DELETE FROM checkpoints WHERE size > ?",
            "DELETE FROM checkpoint_keys WHERE entry >= ?",
            "DELETE FROM ledger_payloads WHERE seq >= ?",
            "DELETE FROM ledger WHERE seq >= ?",
        ):
            tx.execute(sql, (size,))
    _hash_anew(db)


MUTATIONS: tuple[Callable[[Db, random.Random, Original], None], ...] = (
    flip,
    flip,
    flip,
    swap,
    drop,
    insert,
    empty_in_silence,
    rewrite,
    rewrite_without_later_checkpoints,
    rewrite_with_another_key,
    rewrite_with_the_old_key,
    sign_on_with_the_old_key,
    rewrite_with_the_key,
    cut_with_the_key,
)


def _change_entry(db: Db, chance: random.Random) -> int:
    """Change what one entry tells, so that its commitment still fits; return its number."""
    kept = [row["seq"] for row in db.rows("SELECT seq FROM ledger_payloads WHERE body IS NOT NULL")]
    seq = chance.choice(kept)
    with db.write() as tx:
        match chance.randrange(4):
            case 0:
                tx.execute("UPDATE ledger SET at = at + 1000 WHERE seq = ?", (seq,))
            case 1:
                tx.execute("UPDATE ledger SET kind = 'call_ended' WHERE seq = ?", (seq,))
            case 2:
                body = b'{"actor":"nobody","payload":{}}'
                tx.execute("UPDATE ledger_payloads SET body = ? WHERE seq = ?", (body, seq))
            case _:
                tx.execute("UPDATE ledger_payloads SET subject = subject || 'x' WHERE seq = ?", (seq,))
    return int(seq)


def _hash_anew(db: Db) -> None:
    """Make commitments, leaves, nodes and head fit what the entries say."""
    with db.write() as tx:
        rows = tx.execute(
            "SELECT seq, at, kind, commitment, subject, salt, body"
            " FROM ledger JOIN ledger_payloads USING (seq)"
            " ORDER BY seq"
        ).fetchall()
        tx.execute("DELETE FROM ledger_nodes")
        level = []
        for row in rows:
            commitment = row["commitment"]
            if row["salt"] is not None:
                commitment = ledger.commit(row["salt"], row["subject"].encode(), row["body"])
            leaf = ledger.leaf_hash(row["seq"], row["at"], row["kind"].encode(), commitment)
            tx.execute(
                "UPDATE ledger SET commitment = ?, leaf = ? WHERE seq = ?", (commitment, leaf, row["seq"])
            )
            level.append(leaf)
        peaks: list[bytes] = []
        number = 0
        while level:
            if len(level) & 1:
                peaks.insert(0, level[-1])
            level = [
                hashlib.sha256(b"\x01" + left + right).digest()
                for left, right in zip(level[::2], level[1::2], strict=False)
            ]
            number += 1
            tx.executemany(
                "INSERT INTO ledger_nodes (level, number, hash) VALUES (?, ?, ?)",
                [(number, place, node) for place, node in enumerate(level)],
            )
        tx.execute(
            "UPDATE ledger_head SET size = ?, peaks = ?, root = ?",
            (len(rows), b"".join(peaks), ledger.root_of(peaks)),
        )


def _enter(tx: Tx, entry: int, key: Signer) -> None:
    """Have an entry take another key into use."""
    body = json.dumps({"actor": "init", "payload": {"vkey": key.key.text}}).encode()
    tx.execute("UPDATE ledger_payloads SET body = ? WHERE seq = ?", (body, entry))
    tx.execute("UPDATE checkpoint_keys SET vkey = ? WHERE entry = ?", (key.key.text, entry))


def _sign_anew(db: Db, signers: tuple[Signer, ...]) -> None:
    """Sign every checkpoint over the tree as it is now, each by the key that signs that size."""
    from store.logbook import ledger_nodes, log_keys, proofs  # noqa: PLC0415 - an intruder's tools, too

    nodes, spans = ledger_nodes.nodes(db), log_keys.spans_in(db)
    with db.write() as tx:
        for row in tx.execute("SELECT size FROM checkpoints").fetchall():
            first, *others = (
                one for one, span in zip(signers, spans, strict=True) if span.covers(row["size"])
            )
            root = proofs.root_at(nodes, row["size"])
            note = first.sign(Checkpoint(origin=first.name, size=row["size"], root=root).text)
            for other in others:
                note = other.cosign(note)
            tx.execute("UPDATE checkpoints SET note = ? WHERE size = ?", (note, row["size"]))


def _some_row(db: Db, chance: random.Random) -> tuple[str, str, sqlite3.Row]:
    """Choose a table and a row of it; return also the condition that finds it."""
    table = chance.choice(list(COLUMNS))
    row = chance.choice(db.rows(f"SELECT * FROM {table}"))
    return table, _where(table, row), row


def _where(table: str, row: sqlite3.Row) -> str:
    if table == "ledger_nodes":
        return f"level = {row['level']} AND number = {row['number']}"
    return f"{KEYS[table]} = {row[KEYS[table]]}"


def _try(db: Db, sql: str, params: tuple[object, ...]) -> None:
    """Write, and leave it where even SQLite itself refuses, such as one number twice."""
    try:
        with db.write() as tx:
            tx.execute(sql, params)
    except sqlite3.IntegrityError:
        return
