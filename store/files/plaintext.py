"""Where a recording's unsealed bytes may lie: the spool, and whatever folder they were set aside in.

Every such file's name begins with its recording's id, which is how all of them are found
again, renamed to `.withdrawn` or not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from policy.vocabulary import RecordingId
from store.files.vault import sync_folder

WITHDRAWN_SUFFIX: Final = ".withdrawn"
_NAME: Final = re.compile(r"([0-9a-f]{32})[-.].*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plaintext:
    """The folders in which unsealed bytes may lie. Blocking.

    Attributes:
        folders: A folder that is not there holds nothing.
    """

    folders: tuple[Path, ...]

    def found(self) -> dict[RecordingId, tuple[Path, ...]]:
        """Return every file by the recording whose name it bears; foreign files are passed over."""
        by_id: dict[RecordingId, tuple[Path, ...]] = {}
        for folder in self.folders:
            for name in _names(folder):
                if match := _NAME.fullmatch(name):
                    recording_id = RecordingId(match[1])
                    by_id[recording_id] = (*by_id.get(recording_id, ()), folder / name)
        return by_id

    def of(self, recording_id: RecordingId, also: Iterable[Path] = ()) -> tuple[Path, ...]:
        """Return the files of one recording that are there now.

        Args:
            recording_id: The recording.
            also: Paths outside the folders.
        """
        there = [
            folder / name
            for folder in self.folders
            for name in _names(folder)
            if (match := _NAME.fullmatch(name)) and match[1] == recording_id
        ]
        there += [path for path in also if os.path.lexists(path) and path not in there]
        return tuple(there)

    def unlink(self, recording_id: RecordingId, also: Iterable[Path] = ()) -> int:
        """Remove the files of one recording; durable on return.

        Returns:
            How many there were.

        Raises:
            OSError: If one is there and cannot be removed.
        """
        paths = self.of(recording_id, also)
        for path in paths:
            with suppress(FileNotFoundError):
                path.unlink()
        for folder in {path.parent for path in paths}:
            sync_folder(folder)
        return len(paths)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names are wanted, and hundreds of calls a second
    except FileNotFoundError:
        return []
