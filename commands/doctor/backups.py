"""What `doctor` finds about backups: is what may be copied copied, and is nothing else?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from commands.backup_scope import allowed
from commands.doctor.diagnosis import Check, note, ok, problem
from policy.clock import SystemClock, SystemRandomness
from policy.config import Config
from policy.errors import ConsentlineError
from policy.load import Policies
from policy.retention import BackupMode
from store.db import Db
from store.files import backup_mark, mirror
from store.files.epochs import EpochFolder
from store.files.opening import vault_of
from store.retention import backup

STALE_AFTER = timedelta(days=2)
TOOLS = (
    "rsnapshot.conf",
    "borgmatic/config.yaml",
    "borgmatic.d",
    "restic",
    "resticprofile",
    "backup.d",
    "duply",
    "timeshift/timeshift.json",
    "cron.daily",
    "cron.weekly",
    "cron.d",
)
"""Below /etc: where backup programs say what they copy."""

_LARGEST_BYTES = 1_000_000
_COMMENT = re.compile(r"^\s*[#;]")
_PATH = re.compile(r"(?<![\w./-])(/[\w./-]*)")
_COPIES = re.compile(r"backup|borg|restic|rsync|duplicity|\btar\b|^\s*-\s*$", re.IGNORECASE)
"""A line that copies, its paths taken out; the last is an entry of borgmatic's `source_directories`."""


def backup_checks(config: Config, policies: Policies, *, etc: Path = Path("/etc")) -> list[Check]:
    """Return what is to be known of backups.

    Args:
        config: The installation.
        policies: Those beside the config file.
        etc: Where backup programs say what they copy.
    """
    return [
        *_policies(config, policies),
        *_marks(config),
        *_mirror(config),
        *_folder(config, policies),
        *_other_programs(config, etc),
    ]


def _policies(config: Config, policies: Policies) -> Iterator[Check]:
    for policy in policies.by_name.values():
        name = f"backups {policy.name}"
        if policy.backups.mode is BackupMode.NONE:
            yield ok(name, "none: `consentline backup` leaves its recordings out")
        elif config.backup.epochs_mirror is None:
            found = "vault, and the epoch keys are mirrored nowhere: a lost disk loses every recording"
            yield problem(name, found, "set backup.epochs_mirror, see docs/backups.md")
        elif config.backup.folder is None:
            found = "vault, and the config file names no backup.folder: nothing looks after it"
            yield note(name, found, "set backup.folder, and run: consentline backup")
        else:
            yield ok(name, f"vault: copied to {config.backup.folder}")


def _marks(config: Config) -> Iterator[Check]:
    for name in ("epochs",) if config.vault.command else ("vault", "epochs"):
        folder = config.path(name)
        if backup_mark.is_there(folder):
            yield ok(
                f"backup mark: {name}", f"{folder / backup_mark.NAME}: ordinary backups are told to skip it"
            )
        else:
            found = f"{folder}: holds no {backup_mark.NAME}, so an ordinary backup takes it along"
            yield problem(f"backup mark: {name}", found, "start the daemon, which puts it there")


def _mirror(config: Config) -> Iterator[Check]:
    name = "epoch keys: mirror"
    if config.backup.epochs_mirror is None:
        return
    there = Path(config.backup.epochs_mirror)
    epochs = EpochFolder(path=config.path("epochs"), randomness=SystemRandomness())
    try:
        plan = mirror.look(epochs, replace(epochs, path=there))
        same_disk = there.stat().st_dev == epochs.path.stat().st_dev
        mode = there.stat().st_mode & 0o777
    except ConsentlineError as error:
        yield problem(name, error.text, error.hint)
        return
    except OSError as error:
        yield problem(name, f"{error.filename}: cannot be looked at: {error.strerror}", "run doctor as root")
        return
    if same_disk:
        yield problem(
            f"{name}: apart", f"{there} is on the disk of the epoch keys", "mount another host there"
        )
    if mode & 0o077:
        yield problem(f"{name}: closed", f"{there}: mode {mode:04o}, others may enter", f"chmod 700 {there}")
    if plan.to_destroy:
        found = f"{len(plan.to_destroy)} keys were destroyed here and are still there"
        yield problem(f"{name}: obeys", found, "is the daemon running? see: consentline alarms")
    if plan.to_copy:
        yield note(
            f"{name}: in step", f"{len(plan.to_copy)} keys are not there yet", "it follows each minute"
        )
    if plan.lost_here:
        found = f"{len(plan.lost_here)} keys are there only: this disk lost them"
        yield problem(f"{name}: nothing lost", found, "copy them back, see docs/backups.md")
    if not plan.to_destroy and not plan.to_copy and not plan.lost_here:
        yield ok(f"{name}: in step", str(there))


def _folder(config: Config, policies: Policies) -> Iterator[Check]:
    name = "backup"
    if config.backup.folder is None:
        return
    copy = backup.Backup(folder=Path(config.backup.folder))
    try:
        with (
            closing(Db.open_to_read(config.path("database"), clock=SystemClock())) as db,
            closing(vault_of(config)) as vault,
        ):
            plan = backup.look(db, copy, vault, allowed=allowed(db, policies))
        taken_at = datetime.fromtimestamp((copy.folder / backup.DATABASE).stat().st_mtime, UTC)
    except ConsentlineError as error:
        yield problem(name, error.text, error.hint)
        return
    except OSError as error:
        yield problem(name, f"{copy.folder}: {error.strerror}", "run: consentline backup")
        return
    if plan.to_remove:
        found = (
            f"{copy.folder}: {len(plan.to_remove)} recordings there are gone or changed here, or may not be"
        )
        yield problem(f"{name}: obeys", found, "run: consentline backup")
    else:
        yield ok(f"{name}: obeys", f"{copy.folder} holds nothing that is gone here")
    age = SystemClock().now() - taken_at
    told = f"{copy.folder}: taken {age.days} days ago"
    yield note(f"{name}: age", told, "run it every day") if age > STALE_AFTER else ok(f"{name}: age", told)


def _other_programs(config: Config, etc: Path) -> Iterator[Check]:
    """Yield what backup programs of this machine take along that they must not."""
    kept_out = [config.path(name).resolve() for name in ("epochs", "vault")]
    covering = []
    for path in _conf_files(etc):
        text = _text(path)
        copying = (line for line in _lines(text) if _COPIES.search(_PATH.sub("", line)))
        named = {Path(found) for line in copying for found in _PATH.findall(line)}
        for place in kept_out:
            if any(place.is_relative_to(one) for one in named - {Path("/")}) and not _told_to_skip(
                text, place
            ):
                covering.append(f"{path} takes {place}")
    if covering:
        found = "; ".join(covering[:4])
        yield note("backup programs", found, "have it skip folders with CACHEDIR.TAG, see docs/backups.md")
    else:
        yield ok("backup programs", f"none of those known below {etc} names these folders")


def _conf_files(etc: Path) -> Iterator[Path]:
    for name in TOOLS:
        place = etc / name
        yield from sorted(path for path in place.glob("*") if path.is_file()) if place.is_dir() else [place]


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_BYTES).decode(errors="replace")
    except OSError:
        return ""


def _lines(text: str) -> Iterable[str]:
    return (line for line in text.splitlines() if not _COMMENT.match(line) and "exclude" not in line.lower())


def _told_to_skip(text: str, place: Path) -> bool:
    skipped = [line for line in text.splitlines() if not _COMMENT.match(line) and "exclude" in line.lower()]
    return any("caches" in line or backup_mark.NAME in line or str(place) in line for line in skipped)
