"""What `doctor` looks at on disk: who may enter, and on what kind of file system it lies."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from commands.doctor.diagnosis import Check, note, ok, problem
from policy.config import Config
from policy.errors import ConsentlineError
from store.files.vault_host import VaultHost

MOUNTS = Path("/proc/self/mounts")

_MEMORY = frozenset({"tmpfs", "ramfs"})
_STALLING = re.compile(r"nfs\d?|fuse.*|cifs|smb\d?|smbfs|9p|ceph|glusterfs|afs|sshfs|lustre")
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One line of /proc/self/mounts."""

    point: Path
    kind: str


def mounts(text: str) -> tuple[Mount, ...]:
    """Return what is mounted where. Source: proc(5); a space stands as `\\040`."""
    fields = [line.split() for line in text.splitlines() if line.strip()]
    return tuple(
        Mount(point=Path(_OCTAL.sub(lambda code: chr(int(code[1], 8)), words[1])), kind=words[2])
        for words in fields
    )


def storage_checks(config: Config, config_path: Path, mounted: tuple[Mount, ...]) -> list[Check]:
    """Return a check for each place that holds something."""
    checks = [
        *_spool(config.path("spool"), mounted),
        *_vault(config, mounted),
        _closed("epoch keys", config.path("epochs"), stat.S_IRWXG | stat.S_IRWXO),
        _closed("database", config.path("database"), stat.S_IRWXG | stat.S_IRWXO),
        _closed("marks", config.path("marks"), stat.S_IRWXO),
        _closed("config file", config_path, stat.S_IRWXO | stat.S_IWGRP),
    ]
    if config.path("epochs").is_relative_to(config.path("vault")):
        found = "the epoch keys lie inside the vault: a copy of one is a copy of both"
        checks.append(problem("epoch keys: apart", found, "move paths.epochs, and keep it out of backups"))
    return checks


def _vault(config: Config, mounted: tuple[Mount, ...]) -> Iterator[Check]:
    if config.vault.command:
        yield _vault_host(config)
        return
    yield _closed("vault", config.path("vault"), stat.S_IRWXG | stat.S_IRWXO)
    kind = _kind(config.path("vault"), mounted)
    if _STALLING.fullmatch(kind):
        found = f"{kind}: a server that hangs delays sealing, purging and callers"
        yield note("vault: file system", found, "a vault host keeps nobody waiting: docs/vault-host.md")


def _vault_host(config: Config) -> Check:
    host = VaultHost(config.vault.command)
    try:
        host.keep_up()
        room_bytes = host.room_bytes() or 0
    except ConsentlineError as error:
        return problem("vault host", error.text, error.hint)
    finally:
        host.close()
    shown = f"{config.vault.command[0]} ... {config.vault.command[-1]}: {room_bytes // 1_000_000} MB free"
    if room_bytes < config.recording.vault_floor_bytes:
        found = f"{shown}, and below {config.recording.vault_floor_bytes} bytes no recording starts"
        return problem("vault host", found, "make room there, or lower recording.vault_floor_bytes")
    return ok("vault host", shown)


def _spool(spool: Path, mounted: tuple[Mount, ...]) -> Iterator[Check]:
    yield _closed("spool", spool, stat.S_IRWXO)
    kind = _kind(spool, mounted)
    if _STALLING.fullmatch(kind):
        found = f"{spool} is on {kind}: when it stalls, the whole PBX stalls"
        yield problem("spool: file system", found, "move paths.spool to memory-backed storage")
    elif kind in _MEMORY:
        yield ok("spool: file system", f"{kind}: plaintext stays in memory")
    else:
        found = f"{spool} is on {kind or 'an unknown file system'}: plaintext touches a disk"
        yield note("spool: file system", found, "a tmpfs such as /dev/shm keeps it in memory")
    pipes = [path.name for path in _entries(spool) if stat.S_ISFIFO(path.lstat().st_mode)]
    if pipes:
        found = f"{', '.join(pipes[:3])}: writing to a pipe can stall the whole PBX"
        yield problem("spool: no pipes", found, "remove it")


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []  # `_closed` has said that it cannot be looked at


def _closed(name: str, path: Path, forbidden: int) -> Check:
    """Return whether a place is there and shut to those it does not concern."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return problem(name, f"{path}: {error.strerror}", "run: consentline init")
    shown = f"{path}: mode {stat.S_IMODE(mode):04o}"
    if mode & forbidden:
        who = "others may" if forbidden == stat.S_IRWXO else "group or others may"
        wanted = stat.S_IMODE(mode) & ~forbidden
        return problem(name, f"{shown}, {who} enter", f"chmod {wanted:04o} {path}")
    return ok(name, shown)


def _kind(path: Path, mounted: tuple[Mount, ...]) -> str:
    """Return the kind of file system that a path lies on, or an empty text."""
    real = path.resolve()
    under = [mount for mount in mounted if real.is_relative_to(mount.point)]
    # Of two mounts on one point the later one is seen.
    return (
        max(enumerate(under), key=lambda pair: (len(pair[1].point.parts), pair[0]))[1].kind if under else ""
    )
