"""Sealing: from plaintext in the spool to a sealed file and the row that says so (I2).

The order is the promise. File and key first, the row last: a crash in between leaves a file
that no envelope opens, and plaintext that is still there to be sealed again. Plaintext goes
only afterwards, and the recorder removes it (I3).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from policy.alarm_kinds import Ending
from policy.errors import NotFound, StateConflict, Unavailable
from policy.vocabulary import RecordingId, RecordingState
from store.files import container
from store.files.archive import Archive
from store.files.vault import Vault, Written, never
from store.keyring import envelopes, reading_keys
from store.keyring.envelopes import EnvelopeRow
from store.keyring.reading_keys import SealedTo
from store.keyring.shares import Purpose
from store.records import alarms, recordings
from store.records.recordings import RecordingRow, SealedFile, Verdict
from store.steps import Step, straight_on

FLAC: Final = "audio/flac"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What one sealing takes, before anything is written.

    Attributes:
        to: Whom it is sealed to.
        secret: The key of the recording; in memory only until it is wrapped.
    """

    recording_id: RecordingId
    to: SealedTo
    secret: bytes = field(repr=False)
    salt: bytes


def seal(
    archive: Archive,
    recording_id: RecordingId,
    audio: Path,
    *,
    content_type: str = FLAC,
    step: Step = straight_on,
) -> RecordingRow:
    """Seal a captured recording; when this returns, `sealed` is committed (I2).

    The three parts of it, `begin`, `write` and `commit`, are for a vault on another machine: what needs the
    database is quick, and what takes long needs no database.

    Args:
        archive: Where to.
        recording_id: A recording in state `captured`; a sealed one is left as it is.
        audio: The plaintext, which is read and left alone.
        content_type: What it is.
        step: For crash tests.

    Returns:
        The row as committed.

    Raises:
        NotFound: If there is no such recording, or its policy has no reading keys.
        StateConflict: If it still runs, or its end was decided.
        IntegrityError: If what was written is not what is read again.
        Unavailable: If the vault is not there, a disk is full or fails, or the audio cannot be read.
    """
    begun = begin(archive, recording_id)
    if begun is None:
        return recordings.get_recording(archive.db, recording_id)
    written = write(archive.vault, begun, audio, step=step)
    return commit(archive, begun, written, content_type=content_type, step=step)


def begin(archive: Archive, recording_id: RecordingId) -> Begun | None:
    """Return what sealing a recording takes; None: it is sealed. Errors as those of `seal`."""
    row = recordings.get_recording(archive.db, recording_id)
    if recordings.verdict(row.state, RecordingState.SEALED) is Verdict.REFUSE:
        raise StateConflict(f"recording {recording_id}: is {row.state.value}, so it cannot be sealed")
    if row.state is RecordingState.SEALED:
        return None
    to = reading_keys.sealed_to(archive.db, row.policy, Purpose.RECORDING)
    if to is None:
        raise NotFound(
            f"policy {row.policy}: has no reading key to seal to",
            hint=f"stop the daemon and make it with: consentline init --policy {row.policy}",
        )
    return Begun(
        recording_id=recording_id,
        to=to,
        secret=archive.randomness.token(container.KEY_BYTES),
        salt=archive.randomness.token(container.SALT_BYTES),
    )


def write(
    vault: Vault,
    begun: Begun,
    audio: Path,
    *,
    abandoned: Callable[[], bool] = never,
    step: Step = straight_on,
) -> Written:
    """Write the sealed file, and return what was read again (I2); needs no database. Errors as for `seal`."""
    try:
        with audio.open("rb") as plaintext:
            return vault.write(
                begun.recording_id,
                plaintext,
                key=begun.secret,
                salt=begun.salt,
                step=step,
                abandoned=abandoned,
            )
    except OSError as error:
        raise Unavailable(f"recording {begun.recording_id}: cannot be sealed: {error}") from error


def commit(
    archive: Archive,
    begun: Begun,
    written: Written,
    *,
    content_type: str = FLAC,
    step: Step = straight_on,
) -> RecordingRow:
    """Commit `sealed` of what was written; what was taken back meanwhile goes. Errors as those of `seal`."""
    recording_id = begun.recording_id
    row = recordings.get_recording(archive.db, recording_id)
    if recordings.verdict(row.state, RecordingState.SEALED) is not Verdict.MOVE:
        with suppress(OSError, Unavailable):  # the next sweep finds it
            archive.vault.unlink(recording_id)
        raise StateConflict(f"recording {recording_id}: is {row.state.value} by now, so it cannot be sealed")
    stamp = archive.vault.stamps((recording_id,)).get(recording_id)
    if stamp is None or stamp.size_bytes != written.size_bytes:  # a sweep came in between
        raise Unavailable(f"recording {recording_id}: what was sealed is not in the vault any more")
    try:
        made = _envelopes(archive, row, begun, step)
    except OSError as error:
        raise Unavailable(f"recording {recording_id}: cannot be sealed: {error}") from error
    file = SealedFile(size_bytes=written.size_bytes, sha256=written.sha256, content_type=content_type)
    step("commit sealed")
    with archive.db.write() as tx:
        now = archive.clock.now()
        recordings.sealed(tx, recording_id, now, file)  # I2: re-read before, told only here
        envelopes.put(tx, made)
        alarms.over(tx, Ending.SEALED, at=now, about=recording_id)
    step("sealed")
    return recordings.get_recording(archive.db, recording_id)


def _envelopes(archive: Archive, row: RecordingRow, begun: Begun, step: Step) -> tuple[EnvelopeRow, ...]:
    step("have an epoch key")
    made = envelopes.make(
        row.recording_id,
        begun.secret,
        to=begun.to,
        epochs=archive.epochs,
        key=archive.epochs.current(row.epoch),
        randomness=archive.randomness,
    )
    # Once from the key as it lies on the disk, before anybody lets the plaintext go (I3).
    for envelope in made:
        envelopes.unwrap(envelope, archive.epochs)
    return made
