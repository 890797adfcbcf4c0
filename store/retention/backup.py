"""The copy of an installation that obeys it: what may be in a backup, and nothing that was erased.

Theory of operation

A backup is a folder, elsewhere, that is brought up to date and never grows a history: what is gone
here goes there with the next run. In it are

    consentline.db       a snapshot in one read; rows, ledger, slots (each under its person's passphrase)
    vault/3f/....sealed  the sealed files of policies with backups.mode = "vault", and of no other
    files/...            config file, policies, prompts, Asterisk's snippets

and never the epoch keys, the spool or the marks. So the folder alone opens nothing. With the mirror
of the epoch keys (`store/files/mirror.py`) it opens what that mirror still has a key for: an erased
recording's key is gone there too.

A recording is copied when the version of the policy that it was made under allows it, and the one
served now does as well. In doubt it is not.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from policy.errors import NotFound, StateConflict, Unavailable
from policy.vocabulary import RecordingId, RecordingState
from store.db import Db
from store.files.vault import Stamp, Vault, sync_folder
from store.files.vault_folder import VaultFolder
from store.records import recordings
from store.records.recordings import RecordingRow

MARKER: Final = ".consentline-backup"
DATABASE: Final = "consentline.db"
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What brings the copies of sealed files up to date.

    Attributes:
        to_copy: Sealed here, allowed, and not there, or there as it was before a part was erased.
        to_remove: There, and gone here, no longer allowed, or as it was before a part was erased.
        kept_out: Sealed here, and allowed in no backup.
    """

    to_copy: tuple[RecordingId, ...]
    to_remove: tuple[RecordingId, ...]
    kept_out: tuple[RecordingId, ...]


def plan(
    rows: Iterable[RecordingRow],
    *,
    allowed: Mapping[str, bool],
    there: Collection[RecordingId],
    outdated: Collection[RecordingId] = (),
) -> Plan:
    """Return what has to be copied and removed.

    Args:
        rows: Every recording.
        allowed: By content hash of a policy version: whether its recordings may be in a backup.
        there: Whose sealed files are in the backup.
        outdated: Of these, whose are other files here by now.
    """
    sealed = [row for row in rows if row.state is RecordingState.SEALED and not row.half_gone]
    may = {row.recording_id for row in sealed if allowed.get(row.policy_hash, False)}
    return Plan(
        to_copy=tuple(sorted(may - (set(there) - set(outdated)))),
        to_remove=tuple(sorted(set(there) - (may - set(outdated)))),
        kept_out=tuple(row.recording_id for row in sealed if row.recording_id not in may),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A folder that holds a copy. Blocking; every method is safe to repeat.

    Attributes:
        folder: Absolute.
    """

    folder: Path

    @property
    def vault(self) -> VaultFolder:
        """Where the copies of sealed files lie."""
        return VaultFolder(folder=self.folder / "vault")

    def prepare(self) -> None:
        """Make the folder, or make sure that it is one of ours.

        Raises:
            StateConflict: If something else lies there.
            Unavailable: If it cannot be made.
        """
        if (self.folder / MARKER).is_file():
            self._clear_leftovers()
            return
        try:
            self.folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            if any(self.folder.iterdir()):
                raise StateConflict(
                    f"{self.folder}: must be empty or a backup of ours, got something else in it",
                    hint="name a folder of its own",
                )
            self.folder.chmod(_FOLDER_MODE)
            (self.folder / MARKER).touch(mode=_FILE_MODE)
        except OSError as error:
            raise Unavailable(f"{self.folder}: cannot be made: {error.strerror}") from error
        self.vault.prepare(holds_some=False)

    def _clear_leftovers(self) -> None:
        """Remove what a run left that was cut off."""
        try:
            for leftover in self.vault.folder.glob("[0-9a-f][0-9a-f]/.*.tmp"):
                leftover.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"{error.filename}: cannot be removed: {error.strerror}") from error

    def ids(self) -> tuple[RecordingId, ...]:
        """Return the recordings whose sealed files are here; none where there is no backup yet."""
        return tuple(self.vault.ids()) if (self.folder / MARKER).is_file() else ()

    def outdated(self, vault: Vault) -> frozenset[RecordingId]:
        """Return the recordings whose file in the vault is another by now than the one copied here.

        Raises:
            Unavailable: If one of them cannot be looked at.
        """
        try:
            copied = self.ids()
            if not copied:
                return frozenset()
            here, there = self.vault.stamps(copied), vault.stamps(copied)
            return frozenset(one for one, stamp in there.items() if stamp != here.get(one))
        except OSError as error:
            raise Unavailable(f"{error.filename}: cannot be looked at: {error.strerror}") from error

    def snapshot(self, database: Path) -> int:
        """Take a copy of the database as it is in one moment, in the place of the last; return its size.

        Raises:
            Unavailable: If it cannot be read, or the copy cannot be written.
        """
        beside = self.folder / f".{DATABASE}.new"
        try:
            beside.unlink(missing_ok=True)
            os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, _FILE_MODE))
            with (
                closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as source,
                closing(sqlite3.connect(beside)) as target,
            ):
                source.backup(target)
                target.execute("PRAGMA journal_mode = DELETE").fetchall()
            with beside.open("rb") as file:
                os.fsync(file.fileno())
            beside.replace(self.folder / DATABASE)
            sync_folder(self.folder)
            return (self.folder / DATABASE).stat().st_size
        except (OSError, sqlite3.Error) as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise Unavailable(f"{self.folder / DATABASE}: cannot be written: {error}") from error

    def remove(self, recording_ids: Iterable[RecordingId]) -> int:
        """Remove the copies of sealed files; return how many there were.

        Raises:
            Unavailable: If one cannot be removed.
        """
        try:
            return sum(self.vault.unlink(recording_id) for recording_id in recording_ids)
        except OSError as error:
            raise Unavailable(f"{error.filename}: cannot be removed: {error.strerror}") from error

    def copy_sealed(self, vault: Vault, recording_ids: Iterable[RecordingId]) -> tuple[int, int]:
        """Copy sealed files; return how many, and their bytes. One that is gone by now is passed over.

        Raises:
            Unavailable: If one cannot be copied.
        """
        copied, copied_bytes = 0, 0
        for recording_id, stamp in vault.stamps(recording_ids).items():
            target = self.vault.path(recording_id)
            try:
                with vault.open(recording_id) as sealed:
                    target.parent.mkdir(mode=_FOLDER_MODE, exist_ok=True)
                    copied_bytes += _copy(sealed, target, stamp)
                copied += 1
            except NotFound:
                continue
            except OSError as error:
                raise Unavailable(f"{target}: cannot be written: {error.strerror}") from error
        return copied, copied_bytes

    def copy_files(self, name: str, source: Path) -> tuple[int, int]:
        """Copy a file, or a folder of files in the place of the last copy; return how many, and their bytes.

        Raises:
            Unavailable: If it cannot be copied.
        """
        target = self.folder / "files" / name
        try:
            if target.is_dir():
                shutil.rmtree(target)
            files = [path for path in source.rglob("*") if path.is_file()] if source.is_dir() else [source]
            copied_bytes = 0
            for path in files:
                place = target / path.relative_to(source) if source.is_dir() else target
                place.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
                with path.open("rb") as file:
                    copied_bytes += _copy(file, place, Stamp.of(os.fstat(file.fileno())))
            return len(files), copied_bytes
        except OSError as error:
            raise Unavailable(f"{target}: cannot be copied: {error.strerror}") from error


def look(db: Db, backup: Backup, vault: Vault, *, allowed: Mapping[str, bool]) -> Plan:
    """Return what has to be copied and removed, and change nothing."""
    there, outdated = backup.ids(), backup.outdated(vault)
    return plan(recordings.all_recordings(db), allowed=allowed, there=there, outdated=outdated)


def _copy(source: BinaryIO, target: Path, stamp: Stamp) -> int:
    """Copy a file under a temporary name, durable and whole before it has its own; return its size.

    It gets the time of what it is copied from, so that the two have one stamp.
    """
    beside = target.with_name(f".{target.name}.tmp")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as writing:
        shutil.copyfileobj(source, writing)
        writing.flush()
        os.utime(writing.fileno(), ns=(stamp.written_us * 1_000,) * 2)
        os.fsync(writing.fileno())
    beside.replace(target)
    sync_folder(target.parent)
    return target.stat().st_size
