"""Alarms: what a person has to look at, once for each cause, until it is over or put aside.

Theory of operation

An alarm that repeats is the same alarm. A row stands for a kind and a cause: its text without what
differs each time (ids, numbers, moments). The row counts, and names the latest call. The ledger has
the first time, and then at most one entry a day for as long as it repeats. One that was over by
itself and is back within that day takes its row up again; one that a person settled is new.

What an alarm is about (a recording, a prompt `policy/language/name`, else the call) is remembered
beside its row. When the last of these is in order again the alarm is over: see `over`, and
`policy/alarm_kinds.py` for what ends which kind.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from policy.alarm_kinds import Ending, ended_by, ends_with_its_subject
from policy.clock import from_ms, maybe_from_ms, to_iso, to_ms
from policy.errors import NotFound
from policy.vocabulary import CallId
from store.db import Db, Tx
from store.logbook import ledger
from store.logbook.ledger import Json, Kind

TOLD_AGAIN_AFTER: Final = timedelta(days=1)
DAEMON: Final = "daemon"

_RECORDING: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_PROMPT: Final = re.compile(r"([a-z0-9-]+/[a-z]{2}/[a-z_]+): ")
_VARYING: Final = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"  # a recording
    r"|\d{4}-\d\d-\d\dT[0-9:.]+Z?"  # a moment
    r"|\d{9,}\.\d+"  # a call
    r"|(?<![\w-])-?\d+(?:\.\d+)*(?![\w-])"  # a number that is no part of a name
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRow:
    """One alarm.

    Attributes:
        kind: A short word such as `clock_suspect`.
        text: One line for a person, of the last time; no number and no name of a caller.
        call_id: The call it was about the last time, if any.
        raised_at: First time.
        last_at: Last time.
        times: How often it was raised.
        cleared_at: When it was over or settled, or None while it stands.
        settled_by: Who put it aside, or None.
        about: What has to be in order for it to be over: recordings, prompts, calls; empty for a kind
            that does not end by that.
    """

    alarm_id: int
    kind: str
    text: str
    call_id: CallId | None
    raised_at: datetime
    last_at: datetime
    times: int
    cleared_at: datetime | None = None
    settled_by: str | None = None
    about: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Return the alarm as a program gets it."""
        return {
            "alarm_id": self.alarm_id,
            "kind": self.kind,
            "text": self.text,
            "call_id": self.call_id,
            "raised_at": to_iso(self.raised_at),
            "last_at": to_iso(self.last_at),
            "times": self.times,
            "cleared_at": None if self.cleared_at is None else to_iso(self.cleared_at),
            "settled_by": self.settled_by,
            "about": list(self.about),
        }


def cause_of(text: str) -> str:
    """Return an alarm's text without what differs each time that the same thing is wrong."""
    return _VARYING.sub("#", text)


def raise_alarm(tx: Tx, kind: str, text: str, *, call_id: CallId | None = None, at: datetime) -> bool:
    """Raise an alarm; one that stands already, of the same kind and cause, is only counted.

    Returns:
        Whether it is new; then it is on the ledger, too.
    """
    at_ms, cause = to_ms(at), cause_of(text)
    told_before_ms = to_ms(at - TOLD_AGAIN_AFTER)
    known = tx.execute(
        "SELECT alarm_id, told_at, times FROM alarms WHERE kind = ? AND cause = ? AND settled_by IS NULL"
        " AND (cleared_at IS NULL OR told_at > ?) ORDER BY alarm_id DESC LIMIT 1",
        (kind, cause, told_before_ms),
    ).fetchone()
    if known is None:
        alarm_id = tx.execute(
            "INSERT INTO alarms (kind, cause, text, call_id, raised_at, last_at, told_at, is_told)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
            (kind, cause, text, call_id, at_ms, at_ms, at_ms),
        ).lastrowid
        times = 1
    else:
        alarm_id, times = known["alarm_id"], known["times"] + 1
        tx.execute(
            "UPDATE alarms SET times = ?, last_at = ?, text = ?, call_id = ?, cleared_at = NULL"
            " WHERE alarm_id = ?",
            (times, at_ms, text, call_id, alarm_id),
        )
    if ends_with_its_subject(kind):
        _remember(tx, alarm_id, _about(text, call_id))
    if known is None or known["told_at"] <= told_before_ms:
        tx.execute("UPDATE alarms SET told_at = ?, is_told = 1 WHERE alarm_id = ?", (at_ms, alarm_id))
        told: dict[str, Json] = {"alarm": kind, "text": text, "times": times}
        ledger.append(tx, Kind.ALARM, at, actor=DAEMON, subject=call_id or "", payload=told)
    return known is None


def clear(tx: Tx, kind: str, *, at: datetime, actor: str = DAEMON) -> int:
    """Clear every standing alarm of a kind, and say so on the ledger if it has the alarm.

    Returns:
        How many there were.
    """
    found = tx.execute("SELECT * FROM alarms WHERE kind = ? AND cleared_at IS NULL", (kind,)).fetchall()
    for row in found:
        _clear_row(tx, row, at, actor)
    return len(found)


def over(tx: Tx, ending: Ending, *, at: datetime, about: str | None = None) -> int:
    """Clear what this shows to be over (`policy/alarm_kinds.py`).

    Args:
        tx: The transaction in which it is seen.
        ending: What happened.
        at: When.
        about: The recording, prompt or call in order again; alarms that are about others too stand
            until those are. None: all of these kinds.

    Returns:
        How many alarms were cleared.
    """
    kinds = ended_by(ending)
    if about is None:
        return sum(clear(tx, kind, at=at) for kind in kinds)
    found = tx.execute(
        "SELECT alarms.* FROM alarm_subjects JOIN alarms USING (alarm_id)"
        " WHERE subject = ? AND cleared_at IS NULL",
        (about,),
    )
    cleared = 0
    for row in [row for row in found.fetchall() if row["kind"] in kinds]:
        tx.execute("DELETE FROM alarm_subjects WHERE alarm_id = ? AND subject = ?", (row["alarm_id"], about))
        others = tx.execute("SELECT 1 FROM alarm_subjects WHERE alarm_id = ?", (row["alarm_id"],))
        if others.fetchone() is None:
            _clear_row(tx, row, at, DAEMON)
            cleared += 1
    return cleared


def over_but(tx: Tx, ending: Ending, *, still: Collection[str], at: datetime) -> int:
    """As `over`, for everything that these kinds are about and that is not still wrong."""
    kinds = ended_by(ending)
    found = tx.execute(
        "SELECT DISTINCT kind, subject FROM alarm_subjects JOIN alarms USING (alarm_id)"
        " WHERE cleared_at IS NULL"
    )
    healed = {row["subject"] for row in found.fetchall() if row["kind"] in kinds} - set(still)
    return sum(over(tx, ending, at=at, about=subject) for subject in sorted(healed))


def settle(tx: Tx, alarm_ids: Sequence[int] | None, *, at: datetime, actor: str) -> tuple[AlarmRow, ...]:
    """Put alarms aside on a person's word, which goes on the ledger; one that stands no more is left so.

    Args:
        tx: The transaction.
        alarm_ids: Which; None: all that stand.
        at: When.
        actor: Who says so.

    Returns:
        The alarms named, as they are now.

    Raises:
        NotFound: If there is no alarm of one of these numbers; then nothing is settled.
    """
    if alarm_ids is None:
        standing_ids = tx.execute("SELECT alarm_id FROM alarms WHERE cleared_at IS NULL ORDER BY alarm_id")
        alarm_ids = [row["alarm_id"] for row in standing_ids.fetchall()]
    wanted = list(dict.fromkeys(alarm_ids))
    for alarm_id in wanted:
        row = _find(tx, alarm_id)
        if row["cleared_at"] is None:
            tx.execute("UPDATE alarms SET settled_by = ? WHERE alarm_id = ?", (actor, alarm_id))
            _clear_row(tx, row, at, actor, settled=True)
    return tuple(_alarm(_find(tx, alarm_id)) for alarm_id in wanted)


def forget_call(tx: Tx, call_id: CallId) -> None:
    """Erase what alarms tell of a call, on its term: a standing one stays, without it."""
    tx.execute("DELETE FROM alarm_subjects WHERE subject = ?", (call_id,))
    tx.execute("DELETE FROM alarms WHERE call_id = ? AND cleared_at IS NOT NULL", (call_id,))
    tx.execute("UPDATE alarms SET call_id = NULL, text = cause WHERE call_id = ?", (call_id,))


def standing(db: Db) -> tuple[AlarmRow, ...]:
    """Return the alarms that stand, the one that was last raised last."""
    subjects: dict[int, list[str]] = {}
    for row in db.rows("SELECT alarm_id, subject FROM alarm_subjects ORDER BY subject"):
        subjects.setdefault(row["alarm_id"], []).append(row["subject"])
    found = db.rows("SELECT * FROM alarms WHERE cleared_at IS NULL ORDER BY last_at, alarm_id")
    return tuple(replace(_alarm(row), about=tuple(subjects.get(row["alarm_id"], ()))) for row in found)


def standing_kinds(db: Db) -> tuple[str, ...]:
    """Return the kind of each alarm that stands; also from a database that is yet to be migrated."""
    found = db.rows("SELECT kind FROM alarms WHERE cleared_at IS NULL ORDER BY kind")
    return tuple(row["kind"] for row in found)


def _about(text: str, call_id: CallId | None) -> str | None:
    recording = _RECORDING.search(text)
    if recording is not None:
        return recording[0]
    prompt = _PROMPT.match(text)
    return call_id if prompt is None else prompt[1]


def _remember(tx: Tx, alarm_id: int | None, subject: str | None) -> None:
    if alarm_id is not None and subject is not None:
        tx.execute(
            "INSERT OR IGNORE INTO alarm_subjects (subject, alarm_id) VALUES (?, ?)", (subject, alarm_id)
        )


def _clear_row(tx: Tx, row: sqlite3.Row, at: datetime, actor: str, *, settled: bool = False) -> None:
    """Clear one that stands; the ledger is told by whom, unless it says already that it was over today."""
    alarm_id = row["alarm_id"]
    tx.execute("DELETE FROM alarm_subjects WHERE alarm_id = ?", (alarm_id,))
    tx.execute("UPDATE alarms SET cleared_at = ?, is_told = 0 WHERE alarm_id = ?", (to_ms(at), alarm_id))
    if row["is_told"] or settled:
        told: dict[str, Json] = {"alarm": row["kind"], "times": row["times"], "settled": settled}
        ledger.append(tx, Kind.ALARM_CLEARED, at, actor=actor, subject="", payload=told)


def _find(tx: Tx, alarm_id: int) -> sqlite3.Row:
    row: sqlite3.Row | None = tx.execute("SELECT * FROM alarms WHERE alarm_id = ?", (alarm_id,)).fetchone()
    if row is None:
        raise NotFound(f"no alarm {alarm_id}", hint="their numbers: consentline alarms")
    return row


def _alarm(row: sqlite3.Row) -> AlarmRow:
    return AlarmRow(
        alarm_id=row["alarm_id"],
        kind=row["kind"],
        text=row["text"],
        call_id=row["call_id"],
        raised_at=from_ms(row["raised_at"]),
        last_at=from_ms(row["last_at"]),
        times=row["times"],
        cleared_at=maybe_from_ms(row["cleared_at"]),
        settled_by=row["settled_by"],
    )
