"""Everything that holds something of a recording, as one value that is handed around."""

from __future__ import annotations

from dataclasses import dataclass

from policy.clock import Clock, Randomness
from store.db import Db
from store.files import backup_mark
from store.files.epochs import EpochFolder
from store.files.plaintext import Plaintext
from store.files.vault import Vault


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
            EpochFolderExposed: If others may enter the epoch folder.
            DestructionIncomplete: If a destroyed epoch key cannot be removed.
        """
        sealed = self.db.rows("SELECT 1 FROM recordings WHERE state = 'sealed' LIMIT 1")
        self.vault.prepare(holds_some=bool(sealed))
        self.epochs.prepare()
        for folder in (self.vault.folder, self.epochs.path):
            backup_mark.put(folder)
