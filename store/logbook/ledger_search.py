"""Looking through the ledger: by kind, subject, person and time; in order, in bounded memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from policy.clock import to_ms
from store.db import Db
from store.logbook import ledger
from store.logbook.ledger import Entry

SLICE: Final = 2048
_FOREVER_MS: Final = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries; everything has to fit.

    Attributes:
        kinds: Any of these; empty: all.
        subject: About this recording or call.
        person: Done by this person or login, or about this person.
        since: From then on, that moment included.
        until: Before then.
        from_seq: From this entry on.
        limit: At most so many.
    """

    kinds: Collection[str] = ()
    subject: str | None = None
    person: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    from_seq: int = 0
    limit: int | None = None


def search(db: Db, wanted: Wanted) -> Iterator[Entry]:
    """Yield what is wanted, oldest first; no read transaction stays open meanwhile."""
    found = (entry for entry in _entries(db, wanted) if _fits(entry, wanted))
    yield from islice(found, wanted.limit)


def _entries(db: Db, wanted: Wanted) -> Iterator[Entry]:
    start, size = wanted.from_seq, ledger.head(db).size
    while start < size:
        # By the index where a subject is named, else a slice of the log.
        end = size if wanted.subject is not None else start + SLICE
        found = db.rows(
            "SELECT seq, at, kind, subject, body FROM ledger JOIN ledger_payloads USING (seq)"
            " WHERE seq >= :start AND seq < :end AND at >= :since AND at < :until"
            " AND (:subject IS NULL OR (subject = :subject AND subject <> '')) ORDER BY seq",
            {
                "start": start,
                "end": end,
                "since": -_FOREVER_MS if wanted.since is None else to_ms(wanted.since),
                "until": _FOREVER_MS if wanted.until is None else to_ms(wanted.until),
                "subject": wanted.subject,
            },
        )
        yield from (ledger.entry_of(row) for row in found)
        start = end


def _fits(entry: Entry, wanted: Wanted) -> bool:
    if wanted.kinds and entry.kind not in wanted.kinds:
        return False
    if wanted.person is None:
        return True
    who = {f"person:{wanted.person}", f"login:{wanted.person}"}
    by = entry.actor is not None and not who.isdisjoint(entry.actor.split(" "))
    return by or (entry.payload is not None and entry.payload.get("person") == wanted.person)
