"""`consentline vault serve`: the vault host's side, run by ssh for the PBX."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER")
def serve(folder: Path) -> None:
    """Answer for the vault in FOLDER, over standard input and output, until the other side goes.

    Not run by hand: it is the forced command of the PBX's key in `authorized_keys` on the
    vault host (docs/vault-host.md). It takes, re-reads, hands back and removes sealed files;
    it has no key and needs no config file. In authorized_keys:
    command="consentline vault serve FOLDER",restrict ssh-ed25519 AAAA...

    \b
    Example:
      consentline vault serve /srv/consentline/vault
    """
    from store.files import vault_serve
    from store.files.vault_folder import VaultFolder

    if sys.stdin.isatty():
        raise click.UsageError("is spoken to by a daemon, not by a person: see docs/vault-host.md")
    vault_serve.serve(VaultFolder(folder=folder.absolute()), sys.stdin.buffer, sys.stdout.buffer)
