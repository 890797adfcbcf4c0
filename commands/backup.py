"""`consentline backup`: a copy that obeys the policies, brought up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option, show

if TYPE_CHECKING:
    from policy.config import Config
    from store.files.vault import Vault
    from store.retention import backup as store_backup

COLUMNS = ("what", "done", "count", "bytes")


@click.command()
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of the backup, apart from the installation; else backup.folder of the config file.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@json_option
@pass_invocation
def backup(invocation: Invocation, folder: Path | None, dry_run: bool, as_json: bool) -> None:
    """Bring the backup of this installation up to date; what is erased here goes there, too.

    Copies the database in one moment, the config file, the policies and the prompts. Of the
    sealed recordings it copies those whose policy says backups.mode = "vault", and removes
    from the backup those that are gone. Never the epoch keys, the spool or the marks: without
    the mirror of the epoch keys (docs/backups.md) no recording in it can be opened.

    \b
    Example:
      consentline backup --to /mnt/second/consentline
    """
    from contextlib import closing

    from commands.backup_scope import allowed, must_be_apart
    from policy.clock import SystemClock
    from store.db import Db
    from store.files.opening import vault_of
    from store.retention import backup as store_backup

    config, policies = invocation.config(), invocation.policies()
    named = folder or (None if config.backup.folder is None else Path(config.backup.folder))
    if named is None:
        raise click.UsageError("--to: must name the folder, for the config file has no backup.folder")
    must_be_apart(config, named)
    copy, vault = store_backup.Backup(folder=named.absolute()), vault_of(config)
    with closing(vault), closing(Db.open_to_read(config.path("database"), clock=SystemClock())) as db:
        may = allowed(db, policies)
        planned = store_backup.look(db, copy, vault, allowed=may)
        rows = _as_planned(planned)
        if not dry_run:
            copy.prepare()
            rows = _done(config, copy, vault, planned, config_path=invocation.config_path)
            # What was erased meanwhile goes before this ends; its key is gone already.
            copy.remove(store_backup.look(db, copy, vault, allowed=may).to_remove)
    show(rows, COLUMNS, as_json=as_json, title="backup")
    if planned.kept_out:
        click.echo(f"{len(planned.kept_out)} recordings are in no backup, as their policies say", err=True)
    if named.exists() and named.stat().st_dev == config.path("database").stat().st_dev:
        click.echo(f"{named}: is on the disk that it is a backup of", err=True)


def _as_planned(planned: store_backup.Plan) -> list[dict[str, object]]:
    return [
        _row("recordings", "to remove", len(planned.to_remove)),
        _row("recordings", "to copy", len(planned.to_copy)),
        _row("recordings", "kept out", len(planned.kept_out)),
    ]


def _done(
    config: Config,
    copy: store_backup.Backup,
    vault: Vault,
    planned: store_backup.Plan,
    *,
    config_path: Path,
) -> list[dict[str, object]]:
    """Remove first, so that a backup that is cut off holds nothing longer for it."""
    removed = copy.remove(planned.to_remove)
    database_bytes = copy.snapshot(config.path("database"))
    sealed = copy.copy_sealed(vault, planned.to_copy)
    rows = [
        _row("recordings", "removed", removed),
        _row("database", "copied", 1, database_bytes),
        _row("recordings", "copied", *sealed),
        _row("recordings", "kept out", len(planned.kept_out)),
    ]
    files = (
        ("consentline.toml", config_path),
        ("policies", config.path("policies")),
        ("prompts", config.path("prompts")),
        ("asterisk", config_path.absolute().parent / "asterisk"),
    )
    return rows + [
        _row(name, "copied", *copy.copy_files(name, source)) for name, source in files if source.exists()
    ]


def _row(what: str, done: str, count: int, size_bytes: int | None = None) -> dict[str, object]:
    return {"what": what, "done": done, "count": count, "bytes": size_bytes}
