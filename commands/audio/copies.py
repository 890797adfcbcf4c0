"""Copies that are handed out: a folder, or one ZIP under AES-256; whole or not at all (I5).

    hidden beside the target  ->  written, synced, hashed  ->  told to the daemon  ->  renamed

Under its name nothing stands before the ledger has the digest of it. Names tell nothing about
anybody: `recording.wav` and `manifest.json`, in a folder each where there are several.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

from commands.audio.rendering import FORMATS, Audio, AudioFormat, encode, stream_wav
from commands.audio.scratch import Scratch
from policy.clock import SystemRandomness
from policy.errors import ConsentlineError, StateConflict, Unavailable

MANIFEST: Final = "manifest.json"
AUDIO: Final = "recording"
BLOCK_BYTES: Final = 1024 * 1024
_PRIVATE: Final = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """One finished file.

    Attributes:
        kind: `audio`, `data`, `manifest`, `zip` or `sealed`.
    """

    kind: str
    name: str
    size_bytes: int
    sha256: str

    def to_json(self) -> dict[str, str | int]:
        """Return what the daemon is told of it; no name."""
        return {"kind": self.kind, "bytes": self.size_bytes, "sha256": self.sha256}


class Target(Protocol):
    """Where a copy goes."""

    def add_audio(self, audio: Audio, wanted: AudioFormat, *, folder: str = "") -> Digest:
        """Write the audio, in a folder of the copy."""

    def add_data(self, name: str, data: Mapping[str, Any]) -> Digest:
        """Write data beside it, as JSON."""

    def add_manifest(self, manifest: Mapping[str, Any], *, folder: str = "") -> None:
        """Write the manifest, after the audio that it is about."""

    def add_text(self, name: str, text: str) -> Digest:
        """Write a text beside them."""

    def finish(self) -> tuple[Digest, ...]:
        """Make all of it durable, still hidden, and return the digests of what is handed out."""

    def publish(self) -> tuple[Path, ...]:
        """Give it its name, and return what was made."""


def is_zip(target: Path) -> bool:
    """Return whether a target is to be a ZIP."""
    return target.suffix.lower() == ".zip"


def refuse_target(target: Path) -> None:
    """Refuse a target that cannot be made, before anything is asked or opened.

    Raises:
        StateConflict: If something is there.
        Unavailable: If the folder around it is not there.
    """
    taken = target.exists() if is_zip(target) else (target.is_dir() and any(target.iterdir()))
    if taken or (target.exists() and not target.is_dir()):
        must = "must not be there" if is_zip(target) else "must be empty or not there"
        raise StateConflict(f"{target}: {must}, holds something", hint="name another --to")
    _must_have_parent(target)


@contextmanager
def new_target(target: Path, zip_passphrase: str | None) -> Iterator[Target]:
    """Give a place to write a copy to; it is gone at the end unless it was published.

    Args:
        target: A folder, or a name that ends in `.zip`.
        zip_passphrase: Of the ZIP; not the person's own.

    Raises:
        Unavailable: If nothing can be written there.
    """
    absolute = target.absolute()
    with in_words(), _hidden_folder(absolute) as hidden:
        if zip_passphrase is None:
            yield _Folder(target=absolute, hidden=hidden / "copy")
        else:
            made = _Zip(target=absolute, hidden=hidden / "copy.zip", passphrase=zip_passphrase)
            try:
                yield made
            finally:
                made.close()


def refuse_file(target: Path) -> None:
    """Refuse a file that is there, before anything is asked or opened.

    Raises:
        StateConflict: If it is.
        Unavailable: If the folder around it is not there.
    """
    if target.exists():
        raise StateConflict(f"{target}: must not be there", hint="name another --to")
    _must_have_parent(target)


@contextmanager
def new_file(target: Path) -> Iterator[NewFile]:
    """Give a file beside its name; it is gone at the end unless it was published.

    Raises:
        Unavailable: If nothing can be written there.
    """
    absolute = target.absolute()
    with in_words(), _hidden_folder(absolute) as hidden:
        path = hidden / "copy"
        with _created(path) as stream:
            yield NewFile(target=absolute, hidden=path, stream=stream)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file that has no name yet.

    Attributes:
        stream: What is written to it.
    """

    target: Path
    hidden: Path
    stream: BinaryIO

    def finish(self, kind: str) -> Digest:
        """Make it durable, and return what it is."""
        self.stream.flush()
        sync(self.hidden)
        return digest_of(self.hidden, kind, self.target.name)

    def publish(self) -> None:
        """Give it its name, unless something has it by now."""
        os.link(self.hidden, self.target)
        sync(self.target.parent)


@contextmanager
def in_words() -> Iterator[None]:
    """Turn what the disk says into our errors."""
    try:
        yield
    except ConsentlineError:
        raise
    except OSError as error:
        where = error.filename or "copy"
        raise Unavailable(f"{where}: cannot be written: {error.strerror or error}") from error


def sync(path: Path) -> None:
    """Make a file or folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_of(path: Path, kind: str, name: str) -> Digest:
    """Return what a finished file is."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Digest(kind=kind, name=name, size_bytes=path.stat().st_size, sha256=sha256)


@dataclass(slots=True, kw_only=True)
class _Folder:
    target: Path
    hidden: Path
    _digests: list[Digest] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hidden.mkdir(mode=0o700)

    def add_audio(self, audio: Audio, wanted: AudioFormat, *, folder: str = "") -> Digest:
        path = self._in(folder) / f"{AUDIO}.{wanted.extension}"
        if wanted is FORMATS["wav"]:
            with _created(path) as file:
                for piece in stream_wav(audio):
                    file.write(piece)
        else:
            with _UntilFull(path) as whole:  # some of libsndfile's formats pass over a full disk
                encode(audio, cast(BinaryIO, whole), wanted)
                whole.must_have_taken_it()
        self._digests.append(digest_of(path, "audio", str(path.relative_to(self.hidden))))
        return self._digests[-1]

    def add_data(self, name: str, data: Mapping[str, Any]) -> Digest:
        return self._add("data", self.hidden / name, _written(data))

    def add_manifest(self, manifest: Mapping[str, Any], *, folder: str = "") -> None:
        self._add("manifest", self._in(folder) / MANIFEST, _written(manifest))

    def add_text(self, name: str, text: str) -> Digest:
        return self._add("data", self.hidden / name, text.encode())

    def _add(self, kind: str, path: Path, content: bytes) -> Digest:
        with _created(path) as file:
            file.write(content)
        self._digests.append(digest_of(path, kind, str(path.relative_to(self.hidden))))
        return self._digests[-1]

    def _in(self, folder: str) -> Path:
        path = self.hidden / folder
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def finish(self) -> tuple[Digest, ...]:
        for path in self.hidden.rglob("*"):
            sync(path)
        sync(self.hidden)
        return tuple(self._digests)

    def publish(self) -> tuple[Path, ...]:
        self.hidden.rename(self.target)
        sync(self.target.parent)
        return tuple(self.target / digest.name for digest in self._digests)


@dataclass(slots=True, kw_only=True)
class _Zip:
    """AES-256 as WinZip has it, by pyzipper: 7-Zip, WinZip and macOS's Archive Utility open it."""

    target: Path
    hidden: Path
    passphrase: str = field(repr=False)
    _raw: _UntilFull = field(init=False, repr=False)
    _file: io.BufferedWriter = field(init=False, repr=False)
    _zip: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        import pyzipper

        self._raw = _UntilFull(self.hidden)
        self._file = io.BufferedWriter(self._raw, buffer_size=BLOCK_BYTES)
        self._zip = pyzipper.AESZipFile(
            self._file, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES
        )
        self._zip.setpassword(self.passphrase.encode())

    def add_audio(self, audio: Audio, wanted: AudioFormat, *, folder: str = "") -> Digest:
        return self._add("audio", _inside(folder, f"{AUDIO}.{wanted.extension}"), _encoded(audio, wanted))

    def add_data(self, name: str, data: Mapping[str, Any]) -> Digest:
        return self._add("data", name, [_written(data)])

    def add_manifest(self, manifest: Mapping[str, Any], *, folder: str = "") -> None:
        self._add("manifest", _inside(folder, MANIFEST), [_written(manifest)])

    def add_text(self, name: str, text: str) -> Digest:
        return self._add("data", name, [text.encode()])

    def finish(self) -> tuple[Digest, ...]:
        self.close()
        self._raw.must_have_taken_it()
        sync(self.hidden)
        return (digest_of(self.hidden, "zip", self.target.name),)

    def close(self) -> None:
        self._zip.close()
        self._file.close()

    def publish(self) -> tuple[Path, ...]:
        os.link(self.hidden, self.target)  # unlike a rename it never replaces what came meanwhile
        sync(self.target.parent)
        return (self.target,)

    def _add(self, kind: str, name: str, pieces: Iterable[bytes]) -> Digest:
        sha256, size_bytes = hashlib.sha256(), 0
        with self._zip.open(name, "w", force_zip64=True) as entry:
            for piece in pieces:
                entry.write(piece)
                self._raw.must_have_taken_it()
                sha256.update(piece)
                size_bytes += len(piece)
        return Digest(kind=kind, name=name, size_bytes=size_bytes, sha256=sha256.hexdigest())


class _UntilFull(io.RawIOBase):
    """A file that keeps in mind that the disk is full, and takes what comes after that for nothing.

    A ZIP that is not closed closes itself when it goes, wherever that is, by writing its directory; on
    a full disk that would fail a second time, where nobody can catch it. So it is told here instead.

    Attributes:
        failure: What the disk said first, or None.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = io.FileIO(
            os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE), "w"
        )
        self.failure: OSError | None = None

    def writable(self) -> bool:
        """Return that it is."""
        return True

    def seekable(self) -> bool:
        """Return that it is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place, and return it."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def must_have_taken_it(self) -> None:
        """Do nothing where the disk took everything.

        Raises:
            OSError: If it did not.
        """
        if self.failure is not None:
            raise self.failure

    def write(self, data: Any) -> int:
        """Write as long as the disk takes it; return how much was given."""
        if self.failure is None:
            try:
                return self._file.write(data)
            except OSError as error:
                self.failure = error
        return len(data)

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._file.close()


def _encoded(audio: Audio, wanted: AudioFormat) -> Iterator[bytes]:
    """Yield the file of a format; all but WAV look back while they are written, out of everybody's sight."""
    if wanted is FORMATS["wav"]:
        yield from stream_wav(audio)
        return
    with Scratch(SystemRandomness()) as scratch:
        encode(audio, cast(BinaryIO, scratch), wanted)
        scratch.seek(0)
        while piece := scratch.read(BLOCK_BYTES):
            yield piece


def _must_have_parent(target: Path) -> None:
    parent = target.absolute().parent
    if not parent.is_dir():
        raise Unavailable(f"{parent}: must be a folder, got none", hint="make it first")


def _inside(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _written(manifest: Mapping[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()


def _created(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
    return cast(BinaryIO, os.fdopen(descriptor, "wb"))


@contextmanager
def _hidden_folder(target: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield folder
    finally:
        with suppress(OSError):
            shutil.rmtree(folder)
