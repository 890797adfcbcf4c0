"""What a changed policy means for calls already made: what was promised, or sooner; never longer.

A new version takes effect for new calls by itself. For calls already made it takes effect only when
somebody says so, after seeing what would go sooner, and only where it is shorter: recordings by
`retention.recording`, the data about calls by `retention.call_data`. A decision that a named person
made about one recording, an extension or a hold, stands. Destruction itself stays purge's.

Done a page at a time, so that no withdrawal waits behind a year of calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policy import rules, terms
from policy.clock import from_ms, to_iso, to_ms
from policy.model import Policy
from policy.vocabulary import CallId, RecordingId
from store.db import Db
from store.files.archive import Archive
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.retention import keeping

PAGE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Sooner:
    """One recording that a changed policy lets go sooner.

    Attributes:
        promised_at: The end that it was promised.
        sooner_at: The end that it would have; in the past: at once.
        due_at: When it has to be gone now, by whatever keeps it.
    """

    recording_id: RecordingId
    call_id: CallId
    promised_at: datetime
    sooner_at: datetime
    due_at: datetime

    def to_json(self) -> dict[str, Json]:
        """Return the row as a program gets it."""
        return {
            "recording_id": self.recording_id,
            "call_id": self.call_id,
            "promised_at": to_iso(self.promised_at),
            "sooner_at": to_iso(self.sooner_at),
            "due_at": to_iso(self.due_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some recordings, and where the next page begins.

    Attributes:
        after: What to ask the next page with; None: there is none.
    """

    sooner: tuple[Sooner, ...]
    after: int | None


def look(db: Db, policy: Policy, *, after: int = 0, limit: int = 10 * PAGE) -> Page:
    """Return which recordings would go sooner under a policy, a page of them; changes nothing.

    Args:
        db: Where they are.
        policy: The version that is in force now.
        after: From the page before.
        limit: At most so many are looked at.
    """
    found = db.rows(
        "SELECT rowid, recording_id, call_id, started_at, promised_at, due_at FROM recordings"
        " WHERE policy = ? AND intended_at IS NULL AND rowid > ? ORDER BY rowid LIMIT ?",
        (policy.name, after, limit),
    )
    sooner = []
    for row in found:
        promised_at = from_ms(row["promised_at"])
        sooner_at = terms.due_after_change(promised_at, policy, from_ms(row["started_at"]))
        if to_ms(sooner_at) < row["promised_at"]:
            sooner.append(
                Sooner(
                    recording_id=row["recording_id"],
                    call_id=row["call_id"],
                    promised_at=promised_at,
                    sooner_at=sooner_at,
                    due_at=from_ms(row["due_at"]),
                )
            )
    return Page(sooner=tuple(sooner), after=found[-1]["rowid"] if len(found) == limit else None)


def shorten(archive: Archive, policy: Policy, page: Sequence[Sooner], *, actor: str) -> int:
    """Give a page of recordings the shorter end; again is harmless, and nothing is ever lengthened.

    Returns:
        How many were shortened; one that went meanwhile, or was shortened before, is passed over.
    """
    going = {
        RecordingId(row["recording_id"])
        for one in page
        for row in archive.db.rows(
            "SELECT recording_id FROM recordings WHERE recording_id = ? AND intended_at IS NULL",
            (one.recording_id,),
        )
    }
    promises = {one.recording_id: one.sooner_at for one in page if one.recording_id in going}
    return keeping.promise_less(archive, promises, actor=actor, because=rule_of(policy))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPage:
    """Some calls whose data a changed policy lets go sooner, and where the next page begins.

    Attributes:
        ends: When the data of each would have to be gone, in Unix milliseconds.
        after: What to ask the next page with; None: there is none.
    """

    ends: Mapping[CallId, int]
    after: int | None


def look_at_calls(db: Db, policy: Policy, *, after: int = 0, limit: int = 10 * PAGE) -> CallPage:
    """Return whose call data would go sooner under a policy, a page of them; changes nothing."""
    found = db.rows(
        "SELECT rowid, call_id, started_at, data_due_at FROM calls"
        " WHERE policy = ? AND data_erased_at IS NULL AND rowid > ? ORDER BY rowid LIMIT ?",
        (policy.name, after, limit),
    )
    ends = {}
    for row in found:
        due_at = to_ms(rules.call_data_due_at(policy, from_ms(row["started_at"])))
        if due_at < row["data_due_at"]:
            ends[CallId(row["call_id"])] = due_at
    return CallPage(ends=ends, after=found[-1]["rowid"] if len(found) == limit else None)


def shorten_call_data(archive: Archive, policy: Policy, page: CallPage, *, actor: str) -> int:
    """Give the data about some calls the shorter end; evidence still outlasts its recording.

    Returns:
        How many calls.
    """
    if not page.ends:
        return 0
    with archive.db.write() as tx:
        shortened = sum(
            tx.execute(
                "UPDATE calls SET data_due_at = :end WHERE call_id = :call AND data_due_at > :end",
                {"end": due_at, "call": call_id},
            ).rowcount
            for call_id, due_at in page.ends.items()
        )
        told: dict[str, Json] = {
            "because": f"{policy.name}: retention.call_data = {policy.retention.call_data}",
            "version": policy.content_hash,
            "calls": shortened,
        }
        now = archive.clock.now()
        ledger.append(tx, Kind.PROMISE_SHORTENED, now, actor=actor, subject="", payload=told)
    return shortened


def rule_of(policy: Policy) -> str:
    """Return why a shortened recording is due, in words."""
    source = f" ({policy.retention.source})" if policy.retention.source else ""
    term = policy.retention.recording
    return f"{policy.name}: retention.recording = {term}{source}, version {policy.content_hash[:12]}"
