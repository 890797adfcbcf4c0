"""`consentline vault make`: an empty vault, on the host that is to keep the sealed recordings."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER")
def make(folder: Path) -> None:
    """Make FOLDER a vault, on the vault host, once; a vault stays as it is.

    The folder is closed to everybody else and marked: a folder that is not marked, such as the
    place where a disk was to be mounted, is never taken for the vault. Needs no config file.

    \b
    Example:
      consentline vault make /srv/consentline/vault
    """
    from policy.errors import StateConflict
    from store.files import backup_mark
    from store.files.vault_folder import VaultFolder

    vault = VaultFolder(folder=folder.absolute())
    if folder.is_dir() and any(folder.iterdir()):
        vault.must_be_there()
        raise StateConflict(f"{folder}: is a vault already", hint="serve it with: consentline vault serve")
    vault.prepare(holds_some=False)
    folder.chmod(0o700)
    backup_mark.put(vault.folder)
    click.echo(f"{vault.folder}: is a vault", err=True)
