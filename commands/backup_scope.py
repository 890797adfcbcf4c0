"""What a backup is about: its folder, and which versions of which policies allow it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from policy.config import Config
from policy.errors import ConfigError
from policy.load import Policies
from policy.retention import BackupMode
from store.db import Db
from store.records import versions

OWN_PLACES = ("policies", "prompts", "spool", "marks", "vault", "epochs")


def allowed(db: Db, policies: Policies) -> Mapping[str, bool]:
    """Return, by content hash, whether recordings made under a policy version may be in a backup.

    Both the version that a recording was made under and the one beside the config file have to
    say `vault`; a version that cannot be read allows nothing.
    """
    found: dict[str, bool] = {}
    for version in versions.all_versions(db):
        now = policies.by_name.get(version.name)
        try:
            then = versions.as_policy(version)
        except ConfigError:
            found[version.content_hash] = False
            continue
        modes = (then.backups.mode, None if now is None else now.backups.mode)
        found[version.content_hash] = modes == (BackupMode.VAULT, BackupMode.VAULT)
    return found


def must_be_apart(config: Config, folder: Path) -> None:
    """Do nothing where a backup lies apart from what it copies.

    Raises:
        ConfigError: If the one lies in the other: a backup of itself, or keys beside what they open.
    """
    real = folder.resolve()
    for place in _places(config):
        if real.is_relative_to(place) or place.is_relative_to(real):
            raise ConfigError(
                f"{folder}: must lie apart from what is copied, got a place that holds or lies in {place}",
                hint="name a folder on another disk, best on another machine",
            )


def _places(config: Config) -> Iterable[Path]:
    yield config.path("database").resolve().parent
    for name in OWN_PLACES:
        yield config.path(name).resolve()
    if config.backup.epochs_mirror is not None:
        yield Path(config.backup.epochs_mirror).resolve()
