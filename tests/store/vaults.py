"""Vaults for the tests: a folder, and the same folder behind a command, as a vault host."""

from __future__ import annotations

import sys
from pathlib import Path

from store.files.vault_folder import VaultFolder

SERVE = """
import sys
from pathlib import Path
from store.files.vault_folder import VaultFolder
from store.files.vault_serve import serve
serve(VaultFolder(folder=Path(sys.argv[1])), sys.stdin.buffer, sys.stdout.buffer)
"""
"""What `consentline vault serve` does, without the command line's own time."""


def served(folder: Path) -> tuple[str, ...]:
    """Return the command that answers for a folder."""
    return (sys.executable, "-c", SERVE, str(folder))


def made(folder: Path) -> VaultFolder:
    """Return a new vault in a folder."""
    vault = VaultFolder(folder=folder)
    vault.prepare(holds_some=False)
    return vault
