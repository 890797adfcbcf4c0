"""What is told about a call to somebody who has nothing to do with it: nothing, and always the same.

Told freely to who held the call, and to who wears a role that decides something about such calls under the
policy that its caller was told of. Anybody else gets one sentence, whether there is such a call or not,
flagged, held, gone or never recorded; what really stood in the way is on the ledger only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
    try:
        yield
    except (AccessRefused, NotFound, StateConflict) as error:
        call_id = _call_of(archive.db, about)
        told: dict[str, Json] = {"action": action, "person": by.id, "result": "refused", "rule": error.text}
        knows = _may_know(archive, call_id, by)
        with archive.db.write() as tx:
            at = archive.clock.now()
            ledger.append(tx, Kind.ACCESS_REFUSED, at, actor=by.actor, subject=call_id or "", payload=told)
        if knows:
            raise
        raise NotFound(NO_SUCH) from error


def _call_of(db: Db, about: str) -> CallId | None:
    row = recordings.find_recording(db, RecordingId(about))
    if row is not None:
        return row.call_id
    found = db.rows("SELECT call_id FROM calls WHERE call_id = ?", (about,))
    return CallId(found[0]["call_id"]) if found else None


def _may_know(archive: Archive, call_id: CallId | None, by: Caseworker) -> bool:
    """Return whether somebody has to do with a call; as many queries for one that is not there."""
    db, now = archive.db, archive.clock.now()
    if by.id in people.agents_of_call(db, call_id or CallId("")):
        return True
    for row in recordings.of_call(db, call_id or CallId("")):
        policy = _promised(db, row.policy_hash)
        if policy is not None:
            person = people.in_policy(db, by.id, policy.name)
            if worn(policy, person, _roles(policy), now, held=False) is not None:
                return True
    return False


def _promised(db: Db, policy_hash: str) -> Policy | None:
    try:
        return versions.promised_to(db, policy_hash)
    except NotFound:
        return None


def _roles(policy: Policy) -> tuple[str, ...]:
    """Return the roles that decide something about calls, each once."""
    holds = (role for reason in policy.hold_reasons.values() for role in reason.decided_by)
    return tuple(dict.fromkeys((*deciding(policy), *holds)))
