"""One owner of the truth at a time: the daemon, or one offline command."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from policy.errors import StateConflict, Unavailable


@contextmanager
def sole_owner(database: Path) -> Iterator[None]:
    """Hold the lock beside the database for the length of a block.

    The kernel drops the lock when its holder dies, however it dies.

    Raises:
        StateConflict: If another process holds it.
        Unavailable: If the lock file cannot be made.
    """
    path = database.with_name(database.name + ".lock")
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"{path}: cannot be made: {error.strerror}") from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(file, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise StateConflict(
                f"{path}: held by process {holder}",
                hint="a daemon or another offline command is at work on this installation",
            ) from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)
