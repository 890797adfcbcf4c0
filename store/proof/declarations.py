"""The *verklaring van vernietiging*: what was destroyed in a period, run by run, looked for again, signed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

from policy.clock import from_ms, to_iso, to_ms
from policy.errors import StateConflict
from policy.vocabulary import ErasedBecause, RecordingId, WithdrawnBy
from publish.destruction import HEADS, Gone, Period, Run, declaration
from publish.words import Language
from store.db import Db
from store.files.archive import Archive
from store.logbook import checkpoints, ledger, ledger_search, notes
from store.logbook.checkpoints import Because, Checkpoint
from store.logbook.ledger import Json, Kind
from store.logbook.ledger_search import Wanted
from store.logbook.notes import NoteMalformed, Signer, VerifierKey
from store.proof import receipts
from store.records import recordings
from store.retention import destruction


def gone_in(db: Db, *, policy: str | None, since: datetime, until: datetime) -> tuple[Gone, ...]:
    """Return the recordings that went from one moment to before another, in the order in which they went.

    Args:
        db: The database.
        policy: Only those made under it; None: all.
        since: That moment included.
        until: That moment not.
    """
    found = db.rows(
        "SELECT recording_id, policy, started_at, due_at, due_rule, erased_because, withdrawn_by, erased_at,"
        " lateness_ms, (SELECT p.seq FROM ledger_payloads p JOIN ledger l USING (seq)"
        "  WHERE p.subject = recording_id AND p.subject <> '' AND l.kind = :kind) AS entry"
        " FROM recordings WHERE erased_at >= :since AND erased_at < :until"
        " AND (:policy IS NULL OR policy = :policy) ORDER BY erased_at, recording_id",
        {"kind": Kind.DESTROYED.value, "since": to_ms(since), "until": to_ms(until), "policy": policy},
    )
    return tuple(
        Gone(
            recording_id=row["recording_id"],
            policy=row["policy"],
            started_at=from_ms(row["started_at"]),
            due_at=from_ms(row["due_at"]),
            rule=row["due_rule"],
            because=ErasedBecause(row["erased_because"]),
            withdrawn_by=None if row["withdrawn_by"] is None else WithdrawnBy(row["withdrawn_by"]),
            erased_at=from_ms(row["erased_at"]),
            lateness_ms=row["lateness_ms"] or 0,
            entry=row["entry"],
        )
        for row in found
    )


def to_rows(gone: tuple[Gone, ...]) -> list[dict[str, Json]]:
    """Return one row a recording, as a program gets it."""
    return [
        {
            "run_at": to_iso(one.erased_at),
            "recording_id": one.recording_id,
            "policy": one.policy,
            "started_at": to_iso(one.started_at),
            "due_at": to_iso(one.due_at),
            "rule": one.rule,
            "because": one.because.value,
            "withdrawn_by": None if one.withdrawn_by is None else one.withdrawn_by.value,
            "lateness_ms": one.lateness_ms,
            "entry": one.entry,
        }
        for one in gone
    ]


def declare(
    archive: Archive,
    signer: Signer,
    *,
    policy: str | None,
    since: datetime,
    until: datetime,
    language: Language,
) -> str:
    """Return the signed declaration; each recording in it was looked for again, and is named if it is there.

    Raises:
        StateConflict: If the period has not ended yet.
        Unavailable: If the vault or the database cannot be reached.
    """
    at = archive.clock.now()
    if until > at:
        raise StateConflict(f"period: must have ended, ends {to_iso(until)}, it is {to_iso(at)}")
    archive.vault.must_be_there()
    gone = gone_in(archive.db, policy=policy, since=since, until=until)
    signed = checkpoints.make(archive.db, signer, because=Because.ASKED, at=at)
    period = Period(
        organisation=_organisation(archive.db, gone, policy),
        policy=policy,
        since=since,
        until=until,
        made_at=at,
        runs=tuple(
            Run(at=moment, gone=tuple(group))
            for moment, group in groupby(gone, key=lambda one: one.erased_at)
        ),
        unfinished=tuple(_unfinished(archive.db, policy)),
        still_there=tuple(_still_there(archive, gone)),
        epoch_keys=tuple(_epoch_keys(archive.db, since, until)),
        entries=signed.size,
        vkey=signer.key.text,
    )
    text = signer.sign(f"{declaration(period, language)}\n{signed.note}")
    told = {"policy": policy, "sha256": notes.digest_of(text)}
    with archive.db.write() as tx:
        ledger.append(tx, Kind.DECLARATION_GIVEN, at, actor="daemon", subject="", payload=told)
    return text


def confirm(text: str, key: VerifierKey) -> Checkpoint:
    """Return the state of the ledger under which a declaration was signed, on any machine.

    Raises:
        NoteMalformed: If it is no declaration.
        NoteUnsigned: If this key did not sign it.
        SignatureWrong: If it is not what the key signed.
    """
    inner = notes.open_note(text, key)
    for head in HEADS:
        if inner.startswith(f"{head}\n"):
            _, _, rest = inner.rpartition("\n\n" + key.name + "\n")
            return checkpoints.open_checkpoint(f"{key.name}\n{rest}", key)
    raise NoteMalformed("must be a receipt or a declaration of destruction")


def _organisation(db: Db, gone: tuple[Gone, ...], policy: str | None) -> str | None:
    if policy is None or not gone:
        return None
    row = recordings.find_recording(db, RecordingId(gone[-1].recording_id))
    kept = None if row is None else receipts.policy_of(db, row)
    return None if kept is None else kept.identity.organisation


def _still_there(archive: Archive, gone: tuple[Gone, ...]) -> Iterator[str]:
    for one in gone:
        left = destruction.left(archive, RecordingId(one.recording_id))
        if left:
            yield f"{one.recording_id}: {', '.join(left)}"


def _unfinished(db: Db, policy: str | None) -> Iterator[str]:
    found = db.rows(
        "SELECT recording_id FROM recordings WHERE intended_at IS NOT NULL AND erased_at IS NULL"
        " AND (:policy IS NULL OR policy = :policy) ORDER BY recording_id",
        {"policy": policy},
    )
    for row in found:
        yield row["recording_id"]


def _epoch_keys(db: Db, since: datetime, until: datetime) -> Iterator[str]:
    wanted = Wanted(kinds=(Kind.EPOCH_ENDED.value,), since=since, until=until)
    for entry in ledger_search.search(db, wanted):
        if entry.payload is not None:
            yield str(entry.payload["epoch_key"])
