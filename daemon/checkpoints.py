"""Keeping the ledger's checkpoints: made when they are due, brought to every target, missed when they wait.

Making is a job among the others, quick and in the store thread. Bringing is a task of its own:
a target that hangs costs neither a purge nor a call its time. What is not delivered waits in
the database, in order, for as long as it takes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from daemon.checkpoint_targets import deliver
from daemon.metrics import Metrics
from daemon.register import Register
from policy.alarm_kinds import Ending
from policy.clock import to_local
from policy.config import Target
from policy.errors import ConsentlineError
from policy.vocabulary import RecordingId
from publish.words import Language
from store.files.archive import Archive
from store.logbook import checkpoints, key_rotation, signing_key
from store.logbook.checkpoints import Because, Signed
from store.logbook.key_rotation import Rotated
from store.logbook.notes import Signer
from store.proof import declarations, receipts

logger = logging.getLogger(__name__)

ALARM: Final = "checkpoint_target_behind"
BEHIND_AFTER: Final = timedelta(minutes=15)
AGAIN_AFTER_S: Final = 60.0


class CheckpointKeeper:
    """Makes checkpoints and brings them to the targets.

    Args:
        key_path: File of the signing key.
        targets: Where they go.
        register: Over the archive; its alarms tell of a target that stays behind.
        metrics: Told how many wait.
    """

    def __init__(
        self, *, key_path: Path, targets: Sequence[Target], register: Register, metrics: Metrics
    ) -> None:
        self._key_path = key_path
        self._targets = tuple(targets)
        self._register = register
        self._archive = register.archive
        self._run = register.thread.run
        self._metrics = metrics
        self._something_new = asyncio.Event()

    async def keep(self) -> None:
        """Make a checkpoint where one is due; a job calls this each minute.

        Raises:
            ConsentlineError: If none can be signed.
        """

        def work() -> Signed | None:
            at = self._archive.clock.now()
            signer = self.signer()
            because = checkpoints.wanted(self._archive.db, at)
            if because is None:
                return None
            return checkpoints.make(self._archive.db, signer, because=because, at=at)

        if await self._run(work) is not None:
            self._something_new.set()

    def signer(self) -> Signer:
        """Return the signing key, made if there never was one; in the store thread.

        Raises:
            ConsentlineError: If it cannot be had.
        """
        return prepared_signer(self._archive, self._key_path)

    async def checkpoint(self) -> str:
        """Make a checkpoint now, and return its note.

        Raises:
            ConsentlineError: If none can be signed.
        """

        def work() -> str:
            at, signer = self._archive.clock.now(), self.signer()
            return checkpoints.make(self._archive.db, signer, because=Because.ASKED, at=at).note

        return await self._signed(work)

    async def rotate_key(self, actor: str) -> Rotated:
        """Have a new key sign from now on; errors as those of `store.logbook.key_rotation.rotate`."""
        try:
            return await self._run(lambda: rotate_key(self._archive, self._key_path, actor=actor))
        finally:
            self._something_new.set()

    async def receipt(self, recording_id: RecordingId, language: Language) -> str:
        """Return the signed receipt of a recording; errors as those of `receipts.give`."""
        return await self._signed(lambda: receipts.give(self._archive, self.signer(), recording_id, language))

    async def declaration(
        self, *, policy: str | None, since: datetime, until: datetime, language: Language
    ) -> str:
        """Return the signed declaration of a period; errors as those of `declarations.declare`."""

        def work() -> str:
            return declarations.declare(
                self._archive, self.signer(), policy=policy, since=since, until=until, language=language
            )

        return await self._signed(work)

    async def _signed(self, work: Callable[[], str]) -> str:
        """Do something in the store thread that may make a checkpoint, and have that brought out."""
        try:
            return await self._run(work)
        finally:
            self._something_new.set()

    async def run(self) -> None:
        """Bring what waits to the targets, for ever."""
        while True:
            self._something_new.clear()
            for target in self._targets:
                await self._serve(target)
            try:
                await asyncio.wait_for(self._something_new.wait(), AGAIN_AFTER_S)
            except TimeoutError:
                continue

    async def _serve(self, target: Target) -> None:
        """Bring one target all that it lacks, and note how far it came; nothing that fails here ends more."""
        try:
            why = await self._bring(target)
            left = await self._run(lambda: checkpoints.count_waiting(self._archive.db, target.name))
            self._metrics.checkpoints_waiting(target.name, left)
            if why is not None:
                await self._tell_behind(target, why)
            else:
                await self._tell_recovery()
        except ConsentlineError as error:
            logger.error("checkpoint target %s: %s", target.name, error.text)
        except Exception:  # a bug here costs no call and no other target anything
            logger.exception("checkpoint target %s broke", target.name)

    async def _bring(self, target: Target) -> str | None:
        """Deliver what waits; return why it does not go on, or None when nothing waits any more."""
        try:
            while waiting := await self._run(lambda: checkpoints.waiting(self._archive.db, target.name)):
                for signed in waiting:
                    await asyncio.to_thread(deliver, target, signed)
                    await self._run(partial(note_delivered, self._archive, target, signed))
        except ConsentlineError as error:
            logger.warning("%s", error.text)
            return error.text
        return None

    async def _tell_behind(self, target: Target, why: str) -> None:
        oldest = await self._run(lambda: checkpoints.waiting(self._archive.db, target.name, limit=1))
        now = self._archive.clock.now()
        if oldest and is_behind(oldest[0], now):
            since = to_local(oldest[0].made_at)
            await self._register.alarm(ALARM, f"{why}; checkpoints wait since {since}", None)

    async def _tell_recovery(self) -> None:
        names = [target.name for target in self._targets]

        def count() -> int:
            return sum(checkpoints.count_waiting(self._archive.db, name) for name in names)

        if not await self._run(count):
            await self._register.over(Ending.DELIVERED)


def is_behind(oldest: Signed, now: datetime) -> bool:
    """Tell whether a target that lacks this checkpoint is behind."""
    return now - oldest.made_at >= BEHIND_AFTER


def prepared_signer(archive: Archive, key_path: Path) -> Signer:
    """Return the signing key of an installation, made if there never was one.

    Raises:
        ConsentlineError: If it cannot be had.
    """
    return signing_key.prepare(
        key_path, archive.db, archive.randomness, at=archive.clock.now(), actor="daemon"
    )


def rotate_key(archive: Archive, key_path: Path, *, actor: str) -> Rotated:
    """Have a new key sign from now on; errors as those of `store.logbook.key_rotation.rotate`."""
    at = archive.clock.now()
    return key_rotation.rotate(key_path, archive.db, archive.randomness, at=at, actor=actor)


def rotated_to_json(done: Rotated) -> dict[str, str | int]:
    """Return a rotation as the command line prints it."""
    return {
        "vkey": done.new.text,
        "from_size": done.size,
        "old_vkey": done.old.text,
        "checkpoint": done.note,
    }


def note_delivered(archive: Archive, target: Target, signed: Signed) -> None:
    """Remember that a target has this checkpoint and all before it."""
    with archive.db.write() as tx:
        checkpoints.note_delivered(tx, target.name, signed.size, archive.clock.now())


def make_and_bring(
    archive: Archive, key_path: Path, targets: Sequence[Target], because: Because | None = None
) -> Sequence[str]:
    """Make a checkpoint where one is due, or for a reason given, and bring it out; without a daemon.

    Returns:
        One line for each target that did not take what waits for it.

    Raises:
        ConsentlineError: If none can be signed.
    """
    at = archive.clock.now()
    signer = prepared_signer(archive, key_path)
    because = because or checkpoints.wanted(archive.db, at)
    if because is not None:
        checkpoints.make(archive.db, signer, because=because, at=at)
    return bring(archive, targets)


def bring(archive: Archive, targets: Sequence[Target]) -> Sequence[str]:
    """Bring what waits to every target, without a daemon; return a line for each that did not take it."""
    problems: list[str] = []
    for target in targets:
        try:
            while waiting := checkpoints.waiting(archive.db, target.name):
                for signed in waiting:
                    deliver(target, signed)
                    note_delivered(archive, target, signed)
        except ConsentlineError as error:
            problems.append(error.text)
    return problems
