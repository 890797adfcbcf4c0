"""The key that signs checkpoints and receipts: made with the installation, in a file of its own.

The file holds the private half, mode 0600, and lies outside the database: who gets a copy of
the database cannot sign in its name. The public half is in the database and on the ledger.
Whoever has both, file and database, can sign what never was; against that stand the
checkpoints that have left this host. Another one in its place: `store/logbook/key_rotation.py`.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Final

from policy.clock import Randomness
from policy.errors import IntegrityError, NotFound, Unavailable
from store.db import Db
from store.files.vault import sync_folder
from store.logbook import log_keys
from store.logbook.notes import KeyUnusable, Signer, VerifierKey

_NAME_BYTES: Final = 8
_MODE: Final = 0o600
_OTHERS: Final = 0o077
_LARGEST_BYTES: Final = 1024


def prepare(path: Path, db: Db, randomness: Randomness, *, at: datetime, actor: str) -> Signer:
    """Return the signing key, made now where there never was one.

    Args:
        path: Its file.
        db: Says which key is in use.
        randomness: For a new one.
        at: When, for the ledger.
        actor: Who makes it.

    Raises:
        NotFound: If the key in use has lost its file.
        IntegrityError: If the file holds another key, or others may read it.
        Unavailable: If the file cannot be read or written.
    """
    in_use = log_keys.key_in_use(db)
    if in_use is None:
        # File first: a key that is on the ledger can always sign.
        signer = _load(path) if path.exists() else create(path, randomness)
        with db.write() as tx:
            log_keys.add(tx, signer.key, at=at, actor=actor)
        return signer
    finish(path, in_use)
    return load(path, in_use)


def load(path: Path, in_use: VerifierKey) -> Signer:
    """Return the key in use; errors as those of `prepare`."""
    signer = _load(path)
    if signer.key != in_use:
        raise IntegrityError(f"{path}: must hold the key {in_use.text}, holds {signer.key.text}")
    return signer


def finish(path: Path, in_use: VerifierKey) -> bool:
    """Put the key in use into its place where it still lies beside it; the old private half is gone then.

    Returns:
        Whether it lay there: a rotation was cut off, or is being done.

    Raises:
        IntegrityError: If others may read it.
        Unavailable: If it cannot be put there.
    """
    beside = _successor(path)
    if not beside.exists():
        return False
    try:
        if _load(beside).key != in_use:
            return False  # never taken into use
    except KeyUnusable:
        return False  # half written
    try:
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise Unavailable(f"{path}: signing key cannot be put there: {error.strerror}") from error
    return True


def make_successor(path: Path, name: str, randomness: Randomness) -> Signer:
    """Make the key that is to come, beside the one in use; one that never came into use goes.

    Raises:
        Unavailable: If its file cannot be written.
    """
    beside = _successor(path)
    try:
        beside.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable(f"{beside}: cannot be removed: {error.strerror}") from error
    return _write(beside, Signer.make(name, randomness))


def create(path: Path, randomness: Randomness) -> Signer:
    """Make a key and its file, durable on return.

    Raises:
        Unavailable: If the file is there already, or cannot be written.
    """
    return _write(path, Signer.make(f"consentline/{randomness.token(_NAME_BYTES).hex()}", randomness))


def _write(path: Path, signer: Signer) -> Signer:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(signer.private_text + "\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except OSError as error:
        raise Unavailable(f"{path}: signing key cannot be written: {error.strerror}") from error
    return signer


def _successor(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _load(path: Path) -> Signer:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_LARGEST_BYTES)
    except FileNotFoundError as error:
        raise NotFound(
            f"{path}: the signing key of the ledger is gone",
            hint="put it back from where you keep it; checkpoints wait until then",
        ) from error
    except OSError as error:
        raise Unavailable(f"{path}: signing key cannot be read: {error.strerror}") from error
    if mode & _OTHERS:
        raise IntegrityError(f"{path}: others may read the signing key", hint=f"chmod 0600 {path}")
    return Signer.parse(content.decode("utf-8", errors="replace"))
