"""Everything that holds something of a recording, as one value that is handed around."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from policy.clock import Clock, Randomness
from policy.errors import Unavailable
from store.db import Db
from store.files import backup_mark
from store.files.epochs import EpochFolder
from store.files.plaintext import Plaintext
from store.files.vault import Vault
from store.files.vault_folder import VaultFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Database, sealed files, epoch keys and what is not sealed yet.

    Attributes:
        db: Rows and ledger.
        vault: Sealed files.
        epochs: Epoch keys.
        plaintext: Unsealed bytes.
        clock: Asked for the time of every step.
        randomness: For keys and salts.
    """

    db: Db
    vault: Vault
    epochs: EpochFolder
    plaintext: Plaintext
    clock: Clock
    randomness: Randomness

    def prepare(self) -> None:
        """Make or check the folders. Once at every start, before anything else.

        Raises:
            Unavailable: If the vault is not where the database expects it, or cannot be marked.
                A vault host that is away is no error: everything else is prepared, and it is asked again.
            EpochFolderExposed: If others may enter the epoch folder.
            DestructionIncomplete: If a destroyed epoch key cannot be removed.
        """
        sealed = self.db.rows("SELECT 1 FROM recordings WHERE state = 'sealed' LIMIT 1")
        try:
            self.vault.prepare(holds_some=bool(sealed))
        except Unavailable:
            if not self.vault.elsewhere:
                raise
        self.epochs.prepare()
        for folder in self.kept_from_backups:
            backup_mark.put(folder)

    @property
    def kept_from_backups(self) -> tuple[Path, ...]:
        """Folders of this machine that carry the mark by which backup programs pass them over."""
        vault = (self.vault.folder,) if isinstance(self.vault, VaultFolder) else ()
        return (*vault, self.epochs.path)

    def close(self) -> None:
        """Let go of database and vault."""
        self.vault.close()
        self.db.close()
