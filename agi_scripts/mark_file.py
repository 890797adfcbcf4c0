"""A durable file in the folder of marks; standard library only."""

from __future__ import annotations

import os
from pathlib import Path


def write(marks: Path, name: str, text: str) -> None:
    """Write a mark that the daemon sees whole or not at all, and that outlives a crash of the machine.

    Raises:
        OSError: If it cannot be written.
    """
    final = marks / name
    unfinished = final.with_name(f"{name}.new")
    with unfinished.open("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(final)
    folder = os.open(marks, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
