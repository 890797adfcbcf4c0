"""The key that signs checkpoints and receipts: made once for an installation, in a file of its own.

The file holds the private half, mode 0600, and lies outside the database: who gets a copy of
the database cannot sign in its name. The public half is in the database and on the ledger.
Whoever has both, file and database, can sign what never was; against that stand the
checkpoints that have left this host.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Final

from policy.clock import Randomness
from policy.errors import IntegrityError, NotFound, Unavailable
from store.db import Db, Tx
from store.files.vault import sync_folder
from store.logbook import ledger
from store.logbook.ledger import Kind
from store.logbook.notes import Signer, VerifierKey

_NAME_BYTES: Final = 8
_MODE: Final = 0o600
_OTHERS: Final = 0o077
_LARGEST_BYTES: Final = 1024


def keys_in(db: Db) -> tuple[VerifierKey, ...]:
    """Return every key that ever signed this log, the first first.

    Raises:
        IntegrityError: If what is stored is no key.
    """
    found = db.rows("SELECT vkey FROM checkpoint_keys ORDER BY entry")
    return tuple(VerifierKey.parse(row["vkey"]) for row in found)


def key_in_use(db: Db) -> VerifierKey | None:
    """Return the key that signs now, or None where none was made yet."""
    known = keys_in(db)
    return known[-1] if known else None


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
    in_use = key_in_use(db)
    if in_use is None:
        # File first: a key that is on the ledger can always sign.
        signer = _load(path) if path.exists() else create(path, randomness)
        with db.write() as tx:
            add(tx, signer.key, at=at, actor=actor)
        return signer
    signer = _load(path)
    if signer.key != in_use:
        raise IntegrityError(f"{path}: must hold the key {in_use.text}, holds {signer.key.text}")
    return signer


def add(tx: Tx, key: VerifierKey, *, at: datetime, actor: str) -> None:
    """Take a key into use; it is on the ledger with its public half."""
    seq = ledger.append(
        tx, Kind.CHECKPOINT_KEY_ADDED, at, actor=actor, subject="", payload={"vkey": key.text}
    )
    tx.execute("INSERT INTO checkpoint_keys (entry, vkey) VALUES (?, ?)", (seq, key.text))


def create(path: Path, randomness: Randomness) -> Signer:
    """Make a key and its file, durable on return.

    Raises:
        Unavailable: If the file is there already, or cannot be written.
    """
    signer = Signer.make(f"consentline/{randomness.token(_NAME_BYTES).hex()}", randomness)
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
