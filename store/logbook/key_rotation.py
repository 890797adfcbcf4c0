"""Another key for the log: the old one vouches for it, and signs nothing more.

    file        the new key's, beside the old one's: PATH.new, durable
    database    one transaction: the entry that takes the new key into use, the checkpoint that both sign
    file        PATH.new takes the old key's place; the old private half is gone from here

Cut off before the transaction, nothing has happened: the next run makes another key. Cut off
behind it, the new key is in use and its file lies beside: the next run, or whoever wants to
sign next, puts it into its place (`store/logbook/signing_key.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from policy.clock import Randomness
from policy.errors import IntegrityError, StateConflict
from store.db import Db
from store.logbook import checkpoints, log_keys, signing_key
from store.logbook.notes import VerifierKey
from store.steps import Step, straight_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What a rotation came to.

    Attributes:
        old: Signs up to this size of the log, and nothing more.
        new: Signs from that size on.
        size: Entries under the checkpoint that both signed.
        note: That checkpoint.
    """

    old: VerifierKey
    new: VerifierKey
    size: int
    note: str


def rotate(
    path: Path,
    db: Db,
    randomness: Randomness,
    *,
    at: datetime,
    actor: str,
    step: Step = straight_on,
) -> Rotated:
    """Have a new key sign from now on; one that was cut off is finished instead.

    Args:
        path: File of the key in use.
        db: The log.
        randomness: For the new key.
        at: When, for the ledger.
        actor: Who has it done.
        step: Where a test stops it.

    Raises:
        StateConflict: If no key was made yet.
        NotFound: If the key in use has lost its file: nobody could vouch for another.
        IntegrityError: If the file holds another key, or the log is not what was signed.
        Unavailable: If the file or the database cannot be written.
    """
    in_use = log_keys.key_in_use(db)
    if in_use is None:
        raise StateConflict("ledger: has no signing key yet, so there is none to rotate")
    if not signing_key.finish(path, in_use):
        old = signing_key.load(path, in_use)
        step("make the new key")
        new = signing_key.make_successor(path, old.name, randomness)
        step("vouch for it")
        checkpoints.hand_over(db, old, new, at=at, actor=actor)
        step("put it into its place")
        signing_key.finish(path, new.key)
    return _last(db)


def _last(db: Db) -> Rotated:
    *_, before, now = log_keys.spans_in(db)
    signed = checkpoints.covering(db, now.first - 1)
    if signed is None:
        raise IntegrityError(f"ledger: the checkpoint that vouches for {now.key.text} is missing")
    return Rotated(old=before.key, new=now.key, size=signed.size, note=signed.note)
