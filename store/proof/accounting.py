"""Accounting: is what the ledger tells what there is? What was destroyed is absent, what is here is told of.

For each recording: if it was erased there is an entry that says so, no key (envelope) and no
file in the vault; if it is sealed there is an entry that names its hash, an envelope, and a
file of its size, whose bytes are those that were sealed where they are to be read. And the other
way round: no file, and no entry, without its recording.

The daemon may be at work meanwhile: what looks wrong is looked at once more, alone, before it
is told. Payloads that expired tell no recording any more; then the numbers have to agree.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from policy.errors import NotFound
from policy.vocabulary import RecordingId
from store.db import Db
from store.files.vault import Vault
from store.logbook.ledger import Kind
from store.logbook.ledger_check import MOST_BREAKS, Break

SLICE: Final = 2048
_TELLING: Final = (Kind.SEALED, Kind.DESTROYED)
_COLUMNS: Final = (
    "rowid AS at, recording_id, state, sealed_bytes, sealed_sha256, erased_at,"
    " EXISTS (SELECT 1 FROM envelopes e WHERE e.recording_id = r.recording_id) AS has_key"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounted:
    """What the accounting came to.

    Attributes:
        kept: Recordings that are sealed, and there.
        erased: Recordings that are gone, and told so.
        read: Sealed files whose bytes were compared.
        breaks: What does not agree.
    """

    kept: int
    erased: int
    read: int
    breaks: tuple[Break, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """One recording, as database, ledger and vault know it.

    Attributes:
        told_destroyed: The entry that says so, or None.
        told_sha256: Hash of the sealed file by the ledger's last word, or None.
        file_bytes: Size of its file in the vault, or None where there is none.
        file_sha256: Of its bytes; None where they were not to be read, or there are none.
        looked: Whether the vault could be looked into.
    """

    recording_id: RecordingId
    state: str
    erased: bool
    has_key: bool
    sealed_bytes: int | None
    sealed_sha256: str | None
    told_destroyed: int | None
    told_sha256: str | None
    file_bytes: int | None
    file_sha256: str | None
    looked: bool


def account(db: Db, vault: Vault | None, *, contents: bool = False) -> Accounted:
    """Compare ledger, recordings and vault.

    Args:
        db: The database.
        vault: Sealed files; None: what lies in the vault is not looked at, only the rest.
        contents: Whether every sealed file is read, in bounded memory, and not only looked for.

    Raises:
        Unavailable: If the database or the vault cannot be read.
    """
    if vault is not None:
        vault.must_be_there()
    kept = erased = read = 0
    breaks: list[Break] = []
    silent: list[RecordingId] = []
    look = _Look(db=db, vault=vault, contents=contents)
    for facts in look.at_all():
        if _wrong(facts):
            breaks += _looked_at_again(look, facts.recording_id)
        if facts.erased and facts.told_destroyed is None:
            silent.append(facts.recording_id)
        kept += facts.state == "sealed"
        erased += facts.erased
        read += facts.file_sha256 is not None
        if len(breaks) >= MOST_BREAKS:
            break
    breaks += _silent(db, silent)
    breaks += _without_a_row(db)
    breaks += _strangers(db, vault)
    return Accounted(kept=kept, erased=erased, read=read, breaks=tuple(breaks[:MOST_BREAKS]))


def _wrong(facts: _Facts) -> list[str]:
    """Return what does not agree about one recording, each in words."""
    found: list[str] = []
    if facts.told_destroyed is not None and not facts.erased:
        found.append(f"was destroyed by entry {facts.told_destroyed}, but its row says {facts.state}")
    if facts.erased:
        if facts.has_key:
            found.append("is erased, but its key is there")
        if facts.file_bytes is not None:
            found.append("is erased, but its file is in the vault")
        return found
    told = facts.told_sha256
    if told is not None and facts.sealed_sha256 is not None and told != facts.sealed_sha256:
        found.append("its hash is not the one on the ledger")
    if facts.state == "sealed":
        if not facts.has_key:
            found.append("is sealed, but no key of it is there")
        if not facts.looked:
            return found
        if facts.file_bytes is None:
            found.append("is sealed, but its file is not in the vault")
        elif facts.file_bytes != facts.sealed_bytes:
            found.append(f"its file has {facts.file_bytes} bytes, sealed were {facts.sealed_bytes}")
        elif facts.file_sha256 not in (None, facts.sealed_sha256):
            found.append("its file's bytes are not those that were sealed")
    elif facts.file_bytes is not None and facts.state in ("purged", "empty"):
        found.append(f"is {facts.state}, but its file is in the vault")
    return found


def _looked_at_again(look: _Look, recording_id: RecordingId) -> Iterator[Break]:
    for facts in look.at_one(recording_id):
        for text in _wrong(facts):
            yield Break(seq=facts.told_destroyed, text=f"recording {recording_id}: {text}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """How recordings are looked at."""

    db: Db
    vault: Vault | None
    contents: bool

    def at_all(self) -> Iterator[_Facts]:
        after = -1
        while True:
            rows = self.db.rows(
                f"SELECT {_COLUMNS} FROM recordings r WHERE rowid > ? ORDER BY rowid LIMIT ?",  # noqa: S608
                (after, SLICE),
            )
            if not rows:
                return
            after = rows[-1]["at"]
            yield from self._at(rows)

    def at_one(self, recording_id: RecordingId) -> Iterator[_Facts]:
        sql = f"SELECT {_COLUMNS} FROM recordings r WHERE recording_id = ?"  # noqa: S608 - own words
        yield from self._at(self.db.rows(sql, (recording_id,)))

    def _at(self, rows: Sequence[sqlite3.Row]) -> Iterator[_Facts]:
        ids = [str(row["recording_id"]) for row in rows]
        destroyed, hashes = _told(self.db, ids)
        stamps = {} if self.vault is None else self.vault.stamps(RecordingId(one) for one in ids)
        for row in rows:
            recording_id = RecordingId(str(row["recording_id"]))
            sealed_bytes, sealed_sha256 = row["sealed_bytes"], row["sealed_sha256"]
            stamp = stamps.get(recording_id)
            file_bytes = None if stamp is None else stamp.size_bytes
            reads = self.contents and file_bytes is not None and row["state"] == "sealed"
            yield _Facts(
                recording_id=recording_id,
                state=str(row["state"]),
                erased=row["erased_at"] is not None,
                has_key=bool(row["has_key"]),
                sealed_bytes=sealed_bytes if isinstance(sealed_bytes, int) else None,
                sealed_sha256=sealed_sha256 if isinstance(sealed_sha256, str) else None,
                told_destroyed=destroyed.get(recording_id),
                told_sha256=hashes.get(recording_id),
                file_bytes=file_bytes,
                file_sha256=_file_sha256(self.vault, recording_id) if reads else None,
                looked=self.vault is not None,
            )


def _told(db: Db, ids: Sequence[str]) -> tuple[dict[str, int], dict[str, str]]:
    """Return what the ledger says of these recordings: destroyed by which entry, and their last hash."""
    found = db.rows(
        "SELECT p.seq, p.subject, l.kind, CAST(p.body AS TEXT) AS body FROM json_each(?) wanted"
        " JOIN ledger_payloads p ON p.subject = wanted.value AND p.subject <> ''"
        " JOIN ledger l ON l.seq = p.seq ORDER BY p.seq",
        (json.dumps(ids),),
    )
    destroyed = {row["subject"]: row["seq"] for row in found if row["kind"] == Kind.DESTROYED.value}
    hashes = {row["subject"]: told for row in found if (told := _sha256_in(row["body"])) is not None}
    return destroyed, hashes


def _sha256_in(body: str) -> str | None:
    """Return the hash of a sealed file that an entry tells, whatever its kind; the last one counts."""
    if '"sealed_sha256"' not in body:
        return None
    try:
        told = json.loads(body)["payload"]["sealed_sha256"]
    except (ValueError, KeyError, TypeError):
        return None
    return told if isinstance(told, str) else None


def _silent(db: Db, silent: Sequence[RecordingId]) -> Iterator[Break]:
    """Where the ledger tells of fewer destructions than there are, name those that it does not tell of."""
    found = db.rows(
        "SELECT count(*) AS expired FROM ledger JOIN ledger_payloads USING (seq)"
        " WHERE kind = ? AND subject IS NULL",
        (Kind.DESTROYED.value,),
    )
    expired = int(found[0]["expired"])
    if len(silent) == expired:
        return
    if expired == 0:
        for recording_id in silent:
            text = f"recording {recording_id}: is erased, and no entry says so"
            yield Break(seq=None, text=text)
    else:
        text = f"{len(silent)} recordings are erased without an entry, {expired} such entries have expired"
        yield Break(seq=None, text=text)


def _without_a_row(db: Db) -> Iterator[Break]:
    kinds = ", ".join(f"'{kind.value}'" for kind in _TELLING)
    found = db.rows(
        "SELECT l.seq, l.kind, p.subject FROM ledger l JOIN ledger_payloads p USING (seq)"  # noqa: S608
        f" WHERE l.kind IN ({kinds}) AND p.subject IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM recordings WHERE recording_id = p.subject) LIMIT ?",
        (MOST_BREAKS,),
    )
    for row in found:
        text = f"entry {row['seq']}: {row['kind']}, but there is no recording {row['subject']}"
        yield Break(seq=row["seq"], text=text)


def _strangers(db: Db, vault: Vault | None) -> Iterator[Break]:
    if vault is None:
        return
    for recording_id in vault.ids():
        if not db.rows("SELECT 1 FROM recordings WHERE recording_id = ?", (recording_id,)):
            yield Break(seq=None, text=f"{vault.place(recording_id)}: a sealed file of no known recording")


def _file_sha256(vault: Vault | None, recording_id: RecordingId) -> str | None:
    try:
        return None if vault is None else vault.sha256(recording_id)
    except NotFound:
        return None  # it went this moment, and is looked at again where it should not have
    except OSError as error:
        return f"cannot be read: {error.strerror}"
