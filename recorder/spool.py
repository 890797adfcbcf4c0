"""The spool: where Asterisk writes plaintext, and where it has to vanish from.

    <32 hex>-caller.wav     <32 hex>-agent.wav          the two legs, while the call lasts and just after
    ....wav.withdrawn                                   said stop: gone as soon as anybody sees it
    <32 hex>.flac           <32 hex>.flac.partial       both legs in one file, until it is sealed

A leg is complete once its writer closed it. The kernel tells (CLOSE_WRITE); where it cannot, because nobody
watched at the time, the header tells: Asterisk writes the length into it when it closes the file.
"""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from asyncinotify import Inotify, Mask

from policy.errors import NotFound
from policy.vocabulary import RecordingId
from recorder import wav

log = logging.getLogger(__name__)

WITHDRAWN_SUFFIX = ".withdrawn"
POLL_S = 0.1

_RECORDING_ID = re.compile(r"[0-9a-f]{32}")
_OURS = re.compile(r"([0-9a-f]{32})(?:-(caller|agent)\.wav(?:\.withdrawn)?|\.flac(?:\.partial)?)")


def is_recording_id(text: str) -> bool:
    """Tell whether a text can be the name of a recording, and so stand in a path (I10)."""
    return _RECORDING_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Legs:
    """Where the two sides of one call are written."""

    caller: Path
    agent: Path

    def __iter__(self) -> Iterator[Path]:
        yield self.caller
        yield self.agent


class Spool:
    """One folder, in which only names of our own making count.

    Args:
        floor_bytes: Free space below which no new recording may start.
    """

    def __init__(self, folder: Path, *, floor_bytes: int) -> None:
        self._folder = folder
        self._floor_bytes = floor_bytes
        self._closed: set[str] = set()
        self._stirred = asyncio.Event()

    def has_room(self) -> bool:
        """Tell whether a new recording may start."""
        return shutil.disk_usage(self._folder).free >= self._floor_bytes

    def legs(self, recording_id: RecordingId) -> Legs:
        """Return where Asterisk writes a recording.

        Raises:
            NotFound: If this cannot be the name of a recording.
        """
        _check(recording_id)
        return Legs(
            caller=self._folder / f"{recording_id}-caller.wav",
            agent=self._folder / f"{recording_id}-agent.wav",
        )

    def flac(self, recording_id: RecordingId) -> Path:
        """Return where both legs wait in one file for being sealed."""
        _check(recording_id)
        return self._folder / f"{recording_id}.flac"

    def paths(self, recording_id: RecordingId) -> tuple[Path, ...]:
        """Return everything that lies here of one recording, under whatever name."""
        legs = tuple(self.legs(recording_id))
        flac = self.flac(recording_id)
        names = (*legs, *map(_withdrawn, legs), flac, flac.with_name(f"{flac.name}.partial"))
        return tuple(path for path in names if path.exists())

    def everything(self) -> Mapping[RecordingId, tuple[Path, ...]]:
        """Return all that lies here, by recording; what is not of our making is left out."""
        found: defaultdict[RecordingId, list[Path]] = defaultdict(list)
        for path in sorted(self._folder.iterdir()):
            if (ours := _OURS.fullmatch(path.name)) is not None:
                found[RecordingId(ours[1])].append(path)
        return {recording_id: tuple(paths) for recording_id, paths in found.items()}

    def is_withdrawn(self, recording_id: RecordingId) -> bool:
        """Tell whether somebody renamed a leg because somebody said stop."""
        return any(path.name.endswith(WITHDRAWN_SUFFIX) for path in self.paths(recording_id))

    def mark_withdrawn(self, recording_id: RecordingId) -> None:
        """Rename the legs that are there; the writer keeps its inode and notices nothing (I6).

        Raises:
            OSError: If a leg could not be renamed; the other one is renamed all the same.
        """
        failed: OSError | None = None
        for leg in self.legs(recording_id):
            try:
                leg.rename(_withdrawn(leg))
            except FileNotFoundError:
                continue
            except OSError as error:
                failed = error
        if failed is not None:
            raise failed

    def unmark_withdrawn(self, recording_id: RecordingId) -> None:
        """Give the legs their names back: taken back, and kept closed; their tape has stopped.

        Raises:
            OSError: If a leg could not be renamed.
        """
        for leg in self.legs(recording_id):
            try:
                _withdrawn(leg).rename(leg)
            except FileNotFoundError:
                continue

    def remove(self, recording_id: RecordingId) -> tuple[Path, ...]:
        """Unlink everything that lies here of one recording, and return what it was."""
        paths = self.paths(recording_id)
        for path in paths:
            path.unlink(missing_ok=True)
        self.forget(recording_id)
        return paths

    def forget(self, recording_id: RecordingId) -> None:
        """Forget which legs were seen closing."""
        self._closed -= {leg.name for leg in self.legs(recording_id)}

    def sizes(self, recording_id: RecordingId) -> tuple[int, int]:
        """Return the bytes of the caller's and the agent's leg; -1 where there is none."""
        caller, agent = (_size(leg) for leg in self.legs(recording_id))
        return caller, agent

    def is_closed(self, recording_id: RecordingId) -> bool:
        """Tell whether the writer has closed both legs, as far as one can see."""
        return all(leg.name in self._closed or wav.was_closed(leg) for leg in self.legs(recording_id))

    async def wait_closed(self, recording_id: RecordingId, *, within_s: float) -> bool:
        """Wait until the writer has closed both legs; return whether it did in time."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + within_s
        while not self.is_closed(recording_id):
            left_s = until_s - loop.time()
            if left_s <= 0:
                return False
            await self._stir(min(left_s, POLL_S))
        return True

    async def watch(self, closed: Callable[[RecordingId], None]) -> None:
        """Notice every leg that is closed; ends only by cancellation.

        Args:
            closed: Called with the recording whose leg it is; must only note it.

        Raises:
            OSError: If the kernel allows no watch; then the headers have to do.
        """
        with Inotify() as inotify:
            inotify.add_watch(self._folder, Mask.CLOSE_WRITE | Mask.ONLYDIR)
            async for event in inotify:
                if event.name is not None:
                    self._noticed(event.name.name, closed)
                self._stirred.set()
                self._stirred = asyncio.Event()

    def _noticed(self, name: str, closed: Callable[[RecordingId], None]) -> None:
        ours = _OURS.fullmatch(name)
        if ours is None or ours[2] is None:
            return
        recording_id = RecordingId(ours[1])
        if self.paths(recording_id):  # a leg without a name is told of as well, and nobody forgets it
            self._closed.add(name.removesuffix(WITHDRAWN_SUFFIX))
        closed(recording_id)

    async def _stir(self, at_most_s: float) -> None:
        try:
            async with asyncio.timeout(at_most_s):
                await self._stirred.wait()
        except TimeoutError:
            return


def _withdrawn(leg: Path) -> Path:
    return leg.with_name(leg.name + WITHDRAWN_SUFFIX)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def _check(recording_id: str) -> None:
    if not is_recording_id(recording_id):
        raise NotFound(f'no recording "{recording_id[:40]}", expected 32 hexadecimal digits')
