"""Receipts: a signed proof that one recording is gone, for whoever holds nothing but the vkey.

    <text that a person reads>                              publish/receipt.py
    <empty line>
    c2sp.org/tlog-proof@v1                                  source: c2sp.org/tlog-proof
    extra <base64 of JSON: what the entry's leaf is made of>
    index <number of the entry>
    <base64 of each hash from the leaf to the root>
    <empty line>
    <the checkpoint with its signature>
    <empty line>
    — <signature over everything above>

No receipt is written before key, vault and spool were looked at again. What is proven is that
the destruction is an entry of the signed log; that the entry is true rests on the check of
absence that came before it (I4), and on the one that comes before the receipt.

On its term the payload of the entry is erased, with the salt that ties it to its leaf: from
then on no receipt can be made. One that was made before keeps proving.
"""

from __future__ import annotations

import json
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policy.clock import from_ms
from policy.errors import ConfigError, DestructionIncomplete, IntegrityError, StateConflict
from policy.model import Policy
from policy.vocabulary import ErasedBecause, RecordingId
from publish.receipt import Copied, Erasure, HandedOut, receipt_text
from publish.words import Language
from store.db import Db
from store.files.archive import Archive
from store.files.epochs import epoch_of_name
from store.logbook import checkpoints, ledger, ledger_nodes, ledger_search, notes, proofs
from store.logbook.checkpoints import Because, Checkpoint, Signed
from store.logbook.ledger import Entry, Kind
from store.logbook.ledger_search import Wanted
from store.logbook.notes import NoteMalformed, Signer, VerifierKey
from store.records import recordings, versions
from store.records.recordings import RecordingRow
from store.retention import destruction

_PROOF: Final = "c2sp.org/tlog-proof@v1"
_LARGEST_PROOF: Final = 64
_COPYING: Final = ("export", "hand_over")


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What a receipt proves.

    Attributes:
        at: When the recording was gone, by the ledger.
        entry: The entry that says so.
        checkpoint: That it was proven against.
    """

    recording_id: str
    at: datetime
    because: str
    entry: int
    checkpoint: Checkpoint


def give(archive: Archive, signer: Signer, recording_id: RecordingId, language: Language) -> str:
    """Return the receipt of a recording that is gone; it is on the ledger that it was given.

    Raises:
        NotFound: If there is no such recording.
        StateConflict: If it is not erased, or its entry has expired.
        DestructionIncomplete: If something of it is there; then there is no receipt.
        IntegrityError: If the ledger does not hold.
    """
    row = recordings.get_recording(archive.db, recording_id)
    if row.erased_at is None or row.erased_because is None:
        raise StateConflict(
            f"recording {recording_id}: is {row.state.value}, so there is nothing to prove",
            hint="a receipt can be had once it is erased: consentline recordings",
        )
    checked_at = must_be_absent(archive, recording_id)
    entry = _entry_of(archive.db, recording_id)
    # By the key in use: whoever is to believe the receipt needs one key only.
    signed = checkpoints.covering(archive.db, entry.seq, signer.key)
    at = archive.clock.now()
    if signed is None:
        signed = checkpoints.make(archive.db, signer, because=Because.ASKED, at=at)
    erasure = _erasure(archive, row, entry, signed=signed, checked_at=checked_at, key=signer.key)
    receipt = signer.sign(f"{receipt_text(erasure, language)}\n{_proof_text(archive.db, entry.seq, signed)}")
    told = {"language": language.value, "absence_checked": True, "sha256": notes.digest_of(receipt)}
    with archive.db.write() as tx:
        ledger.append(tx, Kind.RECEIPT_GIVEN, at, actor="daemon", subject=recording_id, payload=told)
    return receipt


def confirm(receipt: str, key: VerifierKey) -> Confirmed:
    """Return what a receipt proves, on any machine, with nothing but the key.

    Raises:
        NoteMalformed: If it is no receipt.
        NoteUnsigned: If this key did not sign it.
        SignatureWrong: If it is not what the key signed.
        IntegrityError: If its entry is not under its checkpoint, or tells of something else.
    """
    text = notes.open_note(receipt, key)
    words, found, proof = text.partition(f"\n{_PROOF}\n")
    if not found:
        raise NoteMalformed("receipt: holds no proof")
    head, _, note = proof.partition("\n\n")
    lines = head.split("\n")
    if len(lines) < 2 or len(lines) > _LARGEST_PROOF:
        raise NoteMalformed("receipt: its proof must have the lines extra and index")
    extra, index = _extra(lines[0]), _index(lines[1])
    checkpoint = checkpoints.open_checkpoint(note, key)
    subject, leaf, payload, at_ms = _leaf(extra, index)
    size, root = checkpoint.size, checkpoint.root
    hashes = [_hash(line) for line in lines[2:]]
    if not proofs.check_inclusion(leaf, index=index, size=size, proof=hashes, root=root):
        raise IntegrityError(f"receipt: entry {index} is not under its checkpoint of {size} entries")
    if extra["kind"] != Kind.DESTROYED.value or payload.get("absence_checked") is not True:
        raise IntegrityError(f"receipt: entry {index} tells of no destruction that was checked")
    if f" {subject}\n" not in words:
        raise IntegrityError("receipt: its words are about another recording than its entry")
    return Confirmed(
        recording_id=subject,
        at=from_ms(at_ms),
        because=str(payload.get("because")),
        entry=index,
        checkpoint=checkpoint,
    )


def is_receipt(text: str) -> bool:
    """Tell whether a text has the form of a receipt; whether it proves anything is `confirm`'s to say."""
    return f"\n{_PROOF}\n" in text


def must_be_absent(archive: Archive, recording_id: RecordingId) -> datetime:
    """Look for key, sealed file and plaintext of a recording, and return when.

    Raises:
        DestructionIncomplete: If something of it is there.
        Unavailable: If the vault or the database cannot be reached.
    """
    left = destruction.left(archive, recording_id)
    if left:
        raise DestructionIncomplete(
            f"recording {recording_id}: there is no receipt, still there: {', '.join(left)}",
            hint="run: consentline sweep",
        )
    return archive.clock.now()


def policy_of(db: Db, row: RecordingRow) -> Policy | None:
    """Return the policy under which a recording was made, or None where it is not kept or readable."""
    version = versions.version(db, row.policy_hash)
    if version is None:
        return None
    try:
        return versions.as_policy(version)
    except ConfigError:
        return None


def _entry_of(db: Db, recording_id: RecordingId) -> Entry:
    wanted = Wanted(kinds=(Kind.DESTROYED.value,), subject=recording_id)
    for entry in ledger_search.search(db, wanted):
        return entry
    raise StateConflict(
        f"recording {recording_id}: what the ledger told of its end has expired on its term",
        hint="a receipt that was made before still proves it",
    )


def _erasure(
    archive: Archive,
    row: RecordingRow,
    entry: Entry,
    *,
    signed: Signed,
    checked_at: datetime,
    key: VerifierKey,
) -> Erasure:
    policy, payload = policy_of(archive.db, row), entry.payload or {}
    removed = payload.get("removed")
    return Erasure(
        organisation=None if policy is None else policy.identity.organisation,
        policy=row.policy,
        policy_hash=row.policy_hash,
        recording_id=row.recording_id,
        call_id=row.call_id,
        started_at=row.started_at,
        erased_at=row.erased_at or entry.at,
        because=row.erased_because or ErasedBecause.GHOST,
        withdrawn_by=row.withdrawn_by,
        rule=row.due_rule,
        due_at=row.due_at,
        was_sealed=row.sealed_at is not None,
        removed=tuple(str(one) for one in removed) if isinstance(removed, list) else (),
        checked_at=checked_at,
        copies=tuple(_copies(archive.db, row.recording_id)),
        backups=None if policy is None else policy.backups.mode,
        blind_at=_blind_at(archive, row),
        entry=entry.seq,
        checkpoint_size=signed.size,
        checkpoint_at=signed.made_at,
        vkey=key.text,
    )


def _blind_at(archive: Archive, row: RecordingRow) -> datetime | None:
    """Return from when no older copy opens: with its epoch for what was due, else at once (re-keyed)."""
    if row.sealed_at is None:
        return None
    if row.erased_because is not ErasedBecause.DUE:
        return row.erased_at
    ends = [epoch_of_name(name).ends_at for name in archive.epochs.names() if _is_of(name, row)]
    return max(ends, default=row.erased_at)


def _is_of(name: str, row: RecordingRow) -> bool:
    return name.startswith(f"{row.epoch.label}.")


def _copies(db: Db, recording_id: RecordingId) -> Iterator[HandedOut]:
    """Yield what was handed out: what entries list under `copies`, and what was released without an end.

    An entry under `copies` has `kind` and `sha256`. An access names itself under `access`, in the
    entry that releases it and in the one that ends it.
    """
    entries = list(ledger_search.search(db, Wanted(subject=recording_id)))
    ended = {
        entry.payload.get("access")
        for entry in entries
        if entry.kind.endswith("_ended") and entry.payload is not None
    }
    for entry in entries:
        payload = entry.payload or {}
        copies = payload.get("copies")
        for copy in copies if isinstance(copies, list) else ():
            if isinstance(copy, dict):
                yield _handed_out(entry, str(copy.get("kind")), copy.get("sha256"))
        released = entry.kind.endswith("_released") and payload.get("action", "export") in _COPYING
        if released and payload.get("access") not in ended and "person" in payload:
            yield _handed_out(entry, "audio", None, copied=Copied.PERHAPS)


def _handed_out(entry: Entry, what: str, sha256: object, *, copied: Copied = Copied.MADE) -> HandedOut:
    person = (entry.payload or {}).get("person")
    return HandedOut(
        at=entry.at,
        by=str(person or entry.actor or "-"),
        entry=entry.seq,
        copied=copied,
        what=what,
        sha256=sha256 if isinstance(sha256, str) else None,
    )


def _proof_text(db: Db, seq: int, signed: Signed) -> str:
    (row,) = db.rows(
        "SELECT at, kind, subject, salt, CAST(body AS TEXT) AS body"
        " FROM ledger JOIN ledger_payloads USING (seq) WHERE seq = ?",
        (seq,),
    )
    extra = {
        "at_ms": row["at"],
        "kind": row["kind"],
        "subject": row["subject"],
        "salt": row["salt"].hex(),
        "body": row["body"],
    }
    proof = proofs.prove_inclusion(ledger_nodes.nodes(db), seq, signed.size)
    lines = [
        _PROOF,
        f"extra {_base64(json.dumps(extra, sort_keys=True).encode())}",
        f"index {seq}",
        *(_base64(one) for one in proof),
    ]
    return "\n".join(lines) + f"\n\n{signed.note}"


def _extra(line: str) -> Mapping[str, object]:
    name, _, data = line.partition(" ")
    try:
        extra = json.loads(b64decode(data, validate=True))
    except ValueError:
        extra = None
    if name != "extra" or not isinstance(extra, dict):
        raise NoteMalformed("receipt: the line extra must hold what the entry is made of")
    return extra


def _leaf(extra: Mapping[str, object], seq: int) -> tuple[str, bytes, Mapping[str, object], int]:
    """Return the subject, the leaf, the payload and the time of the entry that `extra` describes."""
    try:
        subject, kind, body = str(extra["subject"]), str(extra["kind"]), str(extra["body"])
        at_ms = int(str(extra["at_ms"]))
        commitment = ledger.commit(bytes.fromhex(str(extra["salt"])), subject.encode(), body.encode())
        leaf = ledger.leaf_hash(seq, at_ms, kind.encode(), commitment)
        payload = json.loads(body)["payload"]
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise NoteMalformed("receipt: the line extra must hold what the entry is made of") from error
    return subject, leaf, payload, at_ms


def _index(line: str) -> int:
    name, _, number = line.partition(" ")
    if name != "index" or not (number.isascii() and number.isdecimal()) or len(number) > 18:
        raise NoteMalformed("receipt: the line index must hold the number of the entry")
    return int(number)


def _hash(line: str) -> bytes:
    try:
        return b64decode(line, validate=True)
    except ValueError as error:
        raise NoteMalformed("receipt: its proof must be hashes in base64") from error


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
