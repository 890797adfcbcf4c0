"""Opening an installation's archive, for the daemon and for offline commands alike."""

from __future__ import annotations

from policy.clock import Clock, Randomness
from policy.config import Config
from store.db import Db
from store.files.archive import Archive
from store.files.epochs import EpochFolder
from store.files.plaintext import Plaintext
from store.files.vault import Vault


def open_archive(config: Config, *, clock: Clock, randomness: Randomness) -> Archive:
    """Open database, vault, epoch folder and spool; the database belongs to the calling thread.

    Raises:
        Unavailable: If the database cannot be opened.
        IntegrityError: If it is none, or damaged.
    """
    return Archive(
        db=Db.open(config.path("database"), clock=clock, randomness=randomness),
        vault=Vault(folder=config.path("vault")),
        epochs=EpochFolder(path=config.path("epochs"), randomness=randomness),
        plaintext=Plaintext(folders=(config.path("spool"),)),
        clock=clock,
        randomness=randomness,
    )
