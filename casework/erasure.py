"""Erasing a whole recording before its term, for somebody who may: judged, on the ledger, then destroyed."""

from __future__ import annotations

from policy.errors import ConsentlineError, NotFound
from policy.vocabulary import ErasedBecause
from store.access import accesses, door, release
from store.access.accesses import Ending
from store.access.door import Question
from store.files.archive import Archive
from store.retention import destruction
from store.retention.destruction import Doom, Receipt


def erase(
    archive: Archive, question: Question, recording: str, *, because: ErasedBecause = ErasedBecause.REQUEST
) -> Receipt:
    """Erase a whole recording by the one path of destruction.

    Raises:
        ConsentlineError: As `store.access.door.decide` and `store.retention.destruction.destroy` say.
    """
    at = archive.clock.now()
    passed = door.decide(archive, question, recording, at)
    access_id, _ = door.open_access(archive, question, passed, at)
    doom = Doom(recording_id=passed.facts.row.recording_id, because=because)
    try:
        receipt = destruction.destroy(archive, doom)
    except ConsentlineError as problem:
        release.failed(archive, access_id, problem)
        raise
    with archive.db.write() as tx:
        accesses.end_access(tx, access_id, Ending.COMPLETE, at=archive.clock.now(), actor=question.actor)
    if receipt is None:
        raise NotFound(door.NO_SUCH)
    return receipt
