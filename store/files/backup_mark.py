"""A mark that has backup programs pass a folder over: the vault and the epoch keys carry it.

`tar`, `borg` and `restic` take it with `--exclude-caches`; others with `--exclude-if-present CACHEDIR.TAG`.
What may be copied of the vault is copied by `consentline backup`, never by a program that knows no terms.

Source: Cache Directory Tagging Specification 0.6, bford.info/cachedir.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from policy.errors import Unavailable

NAME: Final = "CACHEDIR.TAG"
_SIGNATURE: Final = b"Signature: 8a477f597d28d172789f06886806bc55"
_TEXT: Final = (
    _SIGNATURE + b"\n# Not for backups: see docs/backups.md of Consentline, and use `consentline backup`.\n"
)


def put(folder: Path) -> None:
    """Mark a folder; again is harmless.

    Raises:
        Unavailable: If it cannot be written.
    """
    if is_there(folder):
        return
    try:
        (folder / NAME).write_bytes(_TEXT)
    except OSError as error:
        raise Unavailable(f"{folder / NAME}: cannot be written: {error.strerror}") from error


def is_there(folder: Path) -> bool:
    """Return whether backup programs are told to pass a folder over."""
    try:
        with (folder / NAME).open("rb") as file:
            return file.read(len(_SIGNATURE)) == _SIGNATURE
    except OSError:
        return False
