"""Opening one recording for one person, in that person's own process (I5).

    here      passphrase -> slot -> own private half -> the daemon's challenge, opened
    daemon    ledger entry committed, then: shares, grants, manifest; and the sealed bytes
    here      own private half -> grants -> shares of a whole path -> the recording's key
              -> every chunk authenticated into a nameless file -> audio in a folder beside
              -> manifest -> synced -> renamed

Until the rename nothing stands under the wanted name; a process killed before it leaves a
hidden folder, and the decrypted FLAC, having no name, is gone with the process.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from commands import keyring
from commands.audio import SEALED_TYPE, AudioFormat, convert
from commands.records import Row
from policy.clock import Clock, to_iso
from policy.errors import IntegrityError, StateConflict, Unavailable
from policy.vocabulary import RecordingId
from store import shares
from store.container import open_stream, recording_context
from store.key_wire import GrantWire, ShareWire, parse
from store.shares import Share

MANIFEST = "manifest.json"
BLOCK_BYTES = 1024 * 1024


class Archive(Protocol):
    """Where released recordings come from: the daemon."""

    def ask_object(self, method: str, path: str, question: Row | None = None) -> Row:
        """Ask what is answered with one object; for the proof of the passphrase."""

    def export(self, *, recording_id: str, proof: Row) -> Row:
        """Have the access put on the ledger, and return shares, grants and manifest (I5)."""

    def sealed(self, recording_id: str, into: BinaryIO) -> None:
        """Copy the sealed bytes of a recording into a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be opened, for whom, and what becomes of it.

    Attributes:
        person: Whose keys open it.
        folder: Made by the export.
    """

    recording_id: str
    person: str
    folder: Path
    audio_format: AudioFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class _Released:
    shares: tuple[Share, ...]
    grants: tuple[GrantWire, ...]
    manifest: Mapping[str, Any]


def refuse_target(folder: Path) -> None:
    """Refuse a folder that holds something, before anything is asked or opened.

    Raises:
        StateConflict: If it does.
        Unavailable: If the folder around it is not there.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise StateConflict(
            f"{folder}: must be empty or not there, holds something", hint="name another --to"
        )
    if not folder.absolute().parent.is_dir():
        raise Unavailable(f"{folder.absolute().parent}: must be a folder, got none", hint="make it first")


def disclose(archive: Archive, wanted: Wanted, passphrase: str, *, clock: Clock) -> tuple[Path, ...]:
    """Export a recording and return the files written: the audio, then the manifest.

    Raises:
        NotFound: If there is no such recording or person, or they have no key.
        WrongPassphrase: If it does not open their slot.
        AccessRefused: If they hold too few keys, or this login may not ask.
        IntegrityError: If sealed file, share, grant or slot is not what it was.
        StateConflict: If the recording is not sealed, or the folder holds something.
        Unavailable: If the daemon cannot be reached, or nothing can be written.
    """
    proven = keyring.prove(archive, wanted.person, passphrase)
    recording_id = RecordingId(wanted.recording_id)
    released = _released(archive.export(recording_id=recording_id, proof=proven.proof))
    holding = proven.keyring.with_grants(released.grants)
    key = holding.open_path(shares.recording(recording_id), released.shares)
    with _new_folder(wanted.folder) as folder:
        audio = folder / f"{recording_id}.{wanted.audio_format.extension}"
        with tempfile.TemporaryFile(dir=folder) as plain, tempfile.TemporaryFile(dir=folder) as sealed:
            archive.sealed(recording_id, sealed)
            sealed.seek(0)
            # All of it authenticates before the first sample gets a name (I5).
            for piece in open_stream(sealed, key, recording_context(recording_id)):
                plain.write(piece)
            plain.seek(0)
            convert(plain, audio, wanted.audio_format)
        manifest = {
            **released.manifest,
            "exported_at": to_iso(clock.now()),
            "exported_for": wanted.person,
            "channels": ["caller", "agent"],
            "files": {audio.name: {"bytes": audio.stat().st_size, "sha256": _sha256(audio)}},
        }
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        (folder / MANIFEST).write_text(text, encoding="utf-8")
    return wanted.folder / audio.name, wanted.folder / MANIFEST


def _released(row: Row) -> _Released:
    """Return the daemon's answer as values.

    Raises:
        Unavailable: If it is not what this version understands.
        IntegrityError: If the sealed file holds something else than it should.
    """
    try:
        released = _Released(
            shares=tuple(parse(ShareWire, one, where="export").share() for one in row["shares"]),
            grants=tuple(parse(GrantWire, one, where="export") for one in row["grants"]),
            manifest=row["manifest"],
        )
        content_type = released.manifest.get("content_type", SEALED_TYPE)
    except (KeyError, TypeError, AttributeError) as error:
        raise Unavailable(
            f"export: the daemon's answer lacks something: {error}",
            hint="the daemon may be of another version; restart it",
        ) from error
    if content_type != SEALED_TYPE:
        raise IntegrityError(f"export: the sealed file must hold {SEALED_TYPE}, holds {content_type}")
    return released


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """Give a private folder beside `target` that takes its name at the end, or goes."""
    target = target.absolute()
    with _in_words():
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        with _in_words():
            yield folder
            for path in folder.iterdir():
                path.chmod(0o600)
                _sync(path)
            _sync(folder)
            folder.rename(target)
            _sync(target.parent)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or "export"
        raise Unavailable(f"{where}: cannot be written: {error.strerror or error}") from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
