"""What is told about a call to somebody who has nothing to do with it: nothing, and always the same.

Told freely to who held the call, and to who wears a role that decides something about such calls under the
policy that its caller was told of. Anybody else gets one sentence, whether there is such a call or not,
flagged, held, gone or never recorded; what stood in the way is on the ledger only.

It is judged before anything else is looked at, in the same queries for a call that is not there as for one
that is not theirs: where there is none, the newest policy stands in for that of the call, and what comes
of it is thrown away. `python -m bench.door_answers` prints how the times compare.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from casework.incidents import deciding
from casework.ruling import Caseworker, worn
from policy.errors import AccessRefused, NotFound, StateConflict
from policy.model import Policy
from policy.vocabulary import CallId, RecordingId
from store.access.door import NO_SUCH
from store.db import Db
from store.files.archive import Archive
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.persons import people
from store.records import recordings, versions

_LONGEST_NAMED: Final = 64


@contextmanager
def discretion(archive: Archive, by: Caseworker, about: str, *, action: str) -> Iterator[None]:
    """Turn what a decision stumbles over into one sentence, for who may know no more.

    Args:
        archive: Where the calls are.
        by: Who asks.
        about: A call id or a recording id, or whatever was typed.
        action: What they ask, as the ledger has it, such as `assess`.

    Raises:
        NotFound: In the same words, whatever it was.
        ConsentlineError: As it came, if they may know, or it is no answer about the call.
    """
    seen = _look(archive, by, about)
    if seen.rule is not None:
        _note(archive, by, seen, action, seen.rule)
        raise NotFound(NO_SUCH)
    try:
        yield
    except (AccessRefused, NotFound, StateConflict) as error:
        _note(archive, by, seen, action, error.text)
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What somebody has to do with a call.

    Attributes:
        call_id: The call, if there is one.
        rule: Why they may know nothing of it; None: they may.
    """

    call_id: CallId | None
    rule: str | None


def _look(archive: Archive, by: Caseworker, about: str) -> _Seen:
    """Judge it: as many queries whatever there is, and none left out because of what an earlier one found."""
    db, now = archive.db, archive.clock.now()
    call_id = _call_of(db, about)
    held = by.id in people.agents_of_call(db, call_id or CallId(""))
    promised, newest = versions.of_recordings(db, call_id or CallId("")), versions.newest_hash(db)
    stand_in = () if newest is None else (newest,)
    decides = [_decides(db, policy_hash, by, now) for policy_hash in promised or stand_in]
    if call_id is None:
        return _Seen(call_id=None, rule=f"no call {about[:_LONGEST_NAMED]}")
    if held or (promised and any(decides)):
        return _Seen(call_id=call_id, rule=None)
    return _Seen(call_id=call_id, rule=f"{by.id} neither held the call nor decides on such calls")


def _note(archive: Archive, by: Caseworker, seen: _Seen, action: str, rule: str) -> None:
    told: dict[str, Json] = {"action": action, "person": by.id, "result": "refused", "rule": rule}
    with archive.db.write() as tx:
        at, subject = archive.clock.now(), seen.call_id or ""
        ledger.append(tx, Kind.ACCESS_REFUSED, at, actor=by.actor, subject=subject, payload=told)


def _call_of(db: Db, about: str) -> CallId | None:
    row = recordings.find_recording(db, RecordingId(about))
    found = db.rows("SELECT call_id FROM calls WHERE call_id = ?", (about,))
    if row is not None:
        return row.call_id
    return CallId(found[0]["call_id"]) if found else None


def _decides(db: Db, policy_hash: str, by: Caseworker, now: datetime) -> bool:
    policy = _promised(db, policy_hash)
    if policy is None:
        return False
    person = people.in_policy(db, by.id, policy.name)
    return worn(policy, person, _roles(policy), now, held=False) is not None


def _promised(db: Db, policy_hash: str) -> Policy | None:
    try:
        return versions.promised_to(db, policy_hash)
    except NotFound:
        return None


def _roles(policy: Policy) -> tuple[str, ...]:
    """Return the roles that decide something about calls, each once."""
    holds = (role for reason in policy.hold_reasons.values() for role in reason.decided_by)
    return tuple(dict.fromkeys((*deciding(policy), *holds)))
