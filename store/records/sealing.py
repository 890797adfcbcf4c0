"""Sealing: from plaintext in the spool to a sealed file and the row that says so (I2).

The order is the promise. Key and file first, the row last: a crash in between leaves a file
that no envelope opens, and plaintext that is still there to be sealed again. Plaintext goes
only afterwards, and the recorder removes it (I3).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from policy.alarm_kinds import Ending
from policy.errors import NotFound, StateConflict, Unavailable
from policy.vocabulary import RecordingId, RecordingState
from store.files import container
from store.files.archive import Archive
from store.files.vault import Written
from store.keyring import envelopes, reading_keys
from store.keyring.envelopes import EnvelopeRow
from store.keyring.reading_keys import SealedTo
from store.keyring.shares import Purpose
from store.records import alarms, recordings
from store.records.recordings import RecordingRow, SealedFile, Verdict
from store.steps import Step, straight_on

FLAC: Final = "audio/flac"


def seal(
    archive: Archive,
    recording_id: RecordingId,
    audio: Path,
    *,
    content_type: str = FLAC,
    step: Step = straight_on,
) -> RecordingRow:
    """Seal a captured recording; when this returns, `sealed` is committed (I2).

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
    row = recordings.get_recording(archive.db, recording_id)
    if recordings.verdict(row.state, RecordingState.SEALED) is Verdict.REFUSE:
        raise StateConflict(f"recording {recording_id}: is {row.state.value}, so it cannot be sealed")
    if row.state is RecordingState.SEALED:
        return row
    to = reading_keys.sealed_to(archive.db, row.policy, Purpose.RECORDING)
    if to is None:
        raise NotFound(
            f"policy {row.policy}: has no reading key to seal to",
            hint=f"stop the daemon and make it with: consentline init --policy {row.policy}",
        )
    try:
        made, written = _write(archive, row, audio, to, step)
    except OSError as error:
        raise Unavailable(f"recording {recording_id}: cannot be sealed: {error}") from error
    file = SealedFile(size_bytes=written.size_bytes, sha256=written.sha256, content_type=content_type)
    step("commit sealed")
    with archive.db.write() as tx:
        now = archive.clock.now()
        recordings.sealed(tx, recording_id, now, file)  # I2: re-read above, told only here
        envelopes.put(tx, made)
        alarms.over(tx, Ending.SEALED, at=now, about=recording_id)
    step("sealed")
    return recordings.get_recording(archive.db, recording_id)


def _write(
    archive: Archive, row: RecordingRow, audio: Path, to: SealedTo, step: Step
) -> tuple[tuple[EnvelopeRow, ...], Written]:
    step("have an epoch key")
    epoch_key = archive.epochs.current(row.epoch)
    secret = archive.randomness.token(container.KEY_BYTES)
    salt = archive.randomness.token(container.SALT_BYTES)
    with audio.open("rb") as plaintext:
        written = archive.vault.write(row.recording_id, plaintext, key=secret, salt=salt, step=step)
    made = envelopes.make(
        row.recording_id,
        secret,
        to=to,
        epochs=archive.epochs,
        key=epoch_key,
        randomness=archive.randomness,
    )
    # Once from the key as it lies on the disk, before anybody lets the plaintext go (I3).
    for envelope in made:
        envelopes.unwrap(envelope, archive.epochs)
    return made, written
