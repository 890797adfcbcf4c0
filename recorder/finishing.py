"""From two closed legs to a sealed recording, so that a crash at any step loses nothing.

    captured    committed: the call is over, this is all there is
    flac        beside the plaintext, in the spool; what was paused is silence in it
    sealed      committed by the store, once the sealed file was read back (I2)
    plaintext   unlinked (I3)

What cannot be sealed stays where it is, is quarantined with an alarm, and is tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from enum import Enum

from policy.errors import ConsentlineError
from policy.vocabulary import CallId, ErasedBecause, RecordingId, RecordingState
from recorder.bell import Bell
from recorder.beside import beside
from recorder.finalise import measure_legs, write_flac
from recorder.ports import AlarmKind, Alarms, Register
from recorder.silence import to_silence
from recorder.spool import Spool
from recorder.wav import CaptureDamaged

log = logging.getLogger(__name__)


class Finished(Enum):
    """What became of a capture."""

    SEALED = "sealed"
    EMPTY = "empty"
    LOST = "lost"
    QUARANTINED = "quarantined"


class Finisher:
    """Finishes captures whose writer is gone; needs no Asterisk."""

    def __init__(self, *, spool: Spool, register: Register, alarms: Alarms) -> None:
        self._spool = spool
        self._register = register
        self._bell = Bell(alarms)
        self._finishing_captured = asyncio.Lock()

    async def finish(
        self, recording_id: RecordingId, call_id: CallId | None, *, spoke: bool = True
    ) -> Finished:
        """Finish one capture; running again after a crash at any step is safe.

        If it is cancelled, no thread of its own touches the spool any more once it has ended.

        Args:
            spoke: Whether the caller may have spoken with somebody; if not, no files are no loss.
        """
        try:
            finished = await self._finish(recording_id, call_id, spoke)
        except (ConsentlineError, OSError) as error:
            finished = await self._quarantine(recording_id, call_id, error)
        log.info("capture %s -> %s", recording_id, finished.value)
        return finished

    async def finish_captured(self, busy: Collection[RecordingId] = ()) -> dict[RecordingId, Finished]:
        """Finish every recording that was captured and not sealed, but for the busy ones.

        This is all that `consentline finalise` does, with or without a daemon.
        """
        async with self._finishing_captured:  # an operator may ask while the daemon is at it
            rows = await self._register.rows(())
            return {
                row.recording_id: await self.finish(row.recording_id, row.call_id)
                for row in rows
                if row.state is RecordingState.CAPTURED and row.recording_id not in busy
            }

    async def _finish(self, recording_id: RecordingId, call_id: CallId | None, spoke: bool) -> Finished:
        measured = await asyncio.to_thread(measure_legs, self._spool.legs(recording_id))
        if measured is None and not spoke:
            return await self._empty(recording_id)
        if measured is None:
            problem = "neither leg was ever written"
            await self._register.lost(recording_id, problem)
            self._spool.forget(recording_id)
            await self._bell.ring(AlarmKind.CAPTURE_LOST, f"{recording_id}: {problem}", call_id)
            return Finished.LOST
        await self._register.captured(recording_id, duration_ms=measured.duration_ms)
        if measured.empty:
            return await self._empty(recording_id)
        if measured.uneven:
            text = f"{recording_id}: the legs differ in length, the shorter one ends in silence"
            await self._bell.ring(AlarmKind.LEGS_UNEVEN, text, call_id)
        flac = self._spool.flac(recording_id)
        pauses = await self._register.pauses(recording_id)
        silent = await asyncio.to_thread(to_silence, measured, pauses)
        await beside(lambda gone: write_flac(measured, flac, silent=silent, abandoned=gone))
        await self._register.seal(recording_id, flac)
        self._spool.remove(recording_id)  # I3: `sealed` is committed
        return Finished.SEALED

    async def _empty(self, recording_id: RecordingId) -> Finished:
        await self._register.destroy(recording_id, ErasedBecause.EMPTY, self._spool.paths(recording_id))
        self._spool.forget(recording_id)
        return Finished.EMPTY

    async def _quarantine(
        self, recording_id: RecordingId, call_id: CallId | None, error: Exception
    ) -> Finished:
        """Keep the plaintext and tell the operator."""
        damaged = isinstance(error, CaptureDamaged)
        kind = AlarmKind.CAPTURE_DAMAGED if damaged else AlarmKind.SEALING_FAILED
        problem = error.text if isinstance(error, ConsentlineError) else f"{type(error).__name__}: {error}"
        await self._bell.ring(kind, f"{recording_id}: {problem}", call_id)
        try:
            if damaged:
                await self._register.captured(recording_id, duration_ms=0)
            self._spool.flac(recording_id).unlink(missing_ok=True)
            await self._register.quarantine(recording_id, self._spool.paths(recording_id), problem)
        except ConsentlineError as again:
            log.error("quarantine %s: %s; the plaintext stays in the spool", recording_id, again)
        return Finished.QUARANTINED
