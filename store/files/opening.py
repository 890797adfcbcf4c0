"""Opening an installation's archive, for the daemon and for offline commands alike."""

from __future__ import annotations

from policy.clock import Clock, Randomness
from policy.config import Config
from store.db import Db
from store.files.archive import Archive
from store.files.epochs import EpochFolder
from store.files.plaintext import Plaintext
from store.files.vault import Vault
from store.files.vault_folder import VaultFolder
from store.files.vault_host import VaultHost


def vault_of(config: Config, *, kept_up: bool = False) -> Vault:
    """Return the vault of an installation: a folder here, or the vault host; nothing is connected yet.

    Args:
        config: The installation.
        kept_up: Whether somebody calls `VaultHost.keep_up`.
    """
    if config.vault.command:
        return VaultHost(config.vault.command, kept_up=kept_up)
    return VaultFolder(folder=config.path("vault"))


def open_archive(
    config: Config, *, clock: Clock, randomness: Randomness, vault: Vault | None = None
) -> Archive:
    """Open database, vault, epoch folder and spool; the database belongs to the calling thread.

    Args:
        config: The installation.
        clock: For every step.
        randomness: For keys and salts.
        vault: As somebody opened it already.

    Raises:
        Unavailable: If the database cannot be opened.
        IntegrityError: If it is none, or damaged.
    """
    return Archive(
        db=Db.open(config.path("database"), clock=clock, randomness=randomness),
        vault=vault_of(config) if vault is None else vault,
        epochs=EpochFolder(path=config.path("epochs"), randomness=randomness),
        plaintext=Plaintext(folders=(config.path("spool"),)),
        clock=clock,
        randomness=randomness,
    )
