"""What was on the host at a moment: recordings by their state then, and the data about calls.

Rows say when each thing came and went, so a past moment can be told as long as the data of its calls are
kept; what is gone since is counted where a row is left of it, and named as such.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policy.clock import from_ms, to_ms
from policy.vocabulary import PolicyName
from store.db import Db, Value

_THERE: Final = "r.policy = :policy AND r.started_at <= :at AND (r.erased_at IS NULL OR r.erased_at > :at)"
_CALL_THERE: Final = (
    "c.policy = :policy AND c.started_at <= :at AND (c.data_erased_at IS NULL OR c.data_erased_at > :at)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """Recordings that were there.

    Attributes:
        open: Not sealed yet: plaintext in the spool, readable by whoever had the host.
        sealed: Encrypted to keys of roles, of which the host has public halves only.
        lost: Of which there were no bytes, without anybody's doing: they may be anywhere.
        gone_since: Of all of these, how many are erased by now.
        keyless: Sealed ones of which no envelope is left, so that nobody opens them any more.
        talked_ms: How long they are together, where that is still known.
    """

    open: int
    sealed: int
    lost: int
    gone_since: int
    keyless: int
    talked_ms: int
    oldest_at: datetime | None
    newest_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Calls whose data were there.

    Attributes:
        lines: Different numbers among those whose tag is still kept.
        withheld: Calls without a number.
        gone_since: Calls whose data are erased by now: their numbers cannot be told any more.
        agents: People who held any of the calls.
    """

    calls: int
    lines: int
    withheld: int
    gone_since: int
    agents: int
    oldest_at: datetime | None
    newest_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One number's calls."""

    masked: str | None
    tag: bytes | None
    calls: int
    recordings: int
    first_at: datetime
    last_at: datetime


def sound(db: Db, policy: PolicyName, at: datetime) -> Sound:
    """Return what there was of sound."""
    (row,) = db.rows(
        "SELECT count(*) FILTER (WHERE r.lost_at IS NULL"  # noqa: S608 - our own words
        "  AND (r.sealed_at IS NULL OR r.sealed_at > :at)) AS open,"
        " count(*) FILTER (WHERE r.sealed_at <= :at) AS sealed,"
        " count(*) FILTER (WHERE r.lost_at IS NOT NULL) AS lost,"
        " count(*) FILTER (WHERE r.erased_at IS NOT NULL) AS gone,"
        " count(*) FILTER (WHERE r.sealed_at <= :at AND r.erased_at IS NULL AND NOT EXISTS"
        "  (SELECT 1 FROM envelopes e WHERE e.recording_id = r.recording_id)) AS keyless,"
        " coalesce(sum(r.duration_ms), 0) AS talked, min(r.started_at) AS oldest, max(r.started_at) AS newest"
        f" FROM recordings r WHERE {_THERE}",
        _values(policy, at),
    )
    return Sound(
        open=row["open"],
        sealed=row["sealed"],
        lost=row["lost"],
        gone_since=row["gone"],
        keyless=row["keyless"],
        talked_ms=row["talked"],
        oldest_at=_moment(row["oldest"]),
        newest_at=_moment(row["newest"]),
    )


def data(db: Db, policy: PolicyName, at: datetime) -> Data:
    """Return what there was of calls."""
    values = _values(policy, at)
    (row,) = db.rows(
        "SELECT count(*) AS calls, count(DISTINCT c.caller_tag) AS lines,"  # noqa: S608 - our own words
        " count(*) FILTER (WHERE c.data_erased_at IS NULL AND c.caller_tag IS NULL) AS withheld,"
        " count(*) FILTER (WHERE c.data_erased_at IS NOT NULL) AS gone,"
        f" min(c.started_at) AS oldest, max(c.started_at) AS newest FROM calls c WHERE {_CALL_THERE}",
        values,
    )
    (agents,) = db.rows(
        "SELECT count(DISTINCT s.person_id) AS agents FROM call_agents s"  # noqa: S608
        f" JOIN calls c USING (call_id) WHERE {_CALL_THERE}",
        values,
    )
    return Data(
        calls=row["calls"],
        lines=row["lines"],
        withheld=row["withheld"],
        gone_since=row["gone"],
        agents=agents["agents"],
        oldest_at=_moment(row["oldest"]),
        newest_at=_moment(row["newest"]),
    )


def lines(db: Db, policy: PolicyName, at: datetime) -> Iterator[Line]:
    """Yield each number whose calls were there, by its first call; those without a tag as one."""
    found = db.rows(
        "SELECT c.caller_masked AS masked, c.caller_tag AS tag, count(*) AS calls,"  # noqa: S608
        " min(c.started_at) AS first, max(c.started_at) AS last,"
        " sum((SELECT count(*) FROM recordings r WHERE r.call_id = c.call_id"
        f"  AND {_THERE})) AS recordings FROM calls c WHERE {_CALL_THERE}"
        " GROUP BY c.caller_tag ORDER BY first, tag",
        _values(policy, at),
    )
    for row in found:
        yield Line(
            masked=row["masked"] if row["tag"] is not None else None,
            tag=row["tag"],
            calls=row["calls"],
            recordings=row["recordings"],
            first_at=from_ms(row["first"]),
            last_at=from_ms(row["last"]),
        )


def _values(policy: PolicyName, at: datetime) -> dict[str, Value]:
    return {"policy": policy, "at": to_ms(at)}


def _moment(unix_ms: int | None) -> datetime | None:
    return None if unix_ms is None else from_ms(unix_ms)
