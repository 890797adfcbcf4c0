"""Taking a recording back, in the one order that holds whatever fails (I6).

    renamed   the legs are called `.withdrawn`: whoever starts next destroys them, Asterisk or not
    stopped   by the tape's own id; asked again until it holds or the channel is gone (I7)
    noted     committed, also when the stop did not come through in time
    gone      key and bytes destroyed with a receipt (I4); the writer may keep an inode without a name
    ghosts    looked for until 5 s after the stop held: a tape stopped right after its start can still
              create its files (fact 8)

Where the note says that the recording is kept closed instead (an incident or a hold is open, and the
policy restricts), it stops, gets its names back once the stop held, and is finished like a call that
ended. A tape that does not stop would go on under its name, so then it is destroyed after all.

The same order serves a recording that has to go for another reason; then there is nobody to note.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat

from policy.errors import ConsentlineError, NotFound, StateConflict, Unavailable
from policy.vocabulary import CallId, ErasedBecause, RecordingId, RecordingState, TakenBack, WithdrawnBy
from recorder.background import Background
from recorder.bell import Bell
from recorder.ports import AlarmKind, Delays, Register, StopOutcome, Tape
from recorder.spool import Spool

log = logging.getLogger(__name__)

CLOSED_WITHIN_S = 2.0
"""How long a tape may take to stop whose recording is kept, closed."""
STOP_PATIENCE_S = 0.2
"""How long the note waits for the stop; the promise is 500 ms for all of it."""
TAPE_RUNS_ON_AFTER_S = 5.0
GHOST_WATCH_S = 5.0
GHOST_LOOK_EVERY_S = 0.1


def stop_delays() -> Iterator[float]:
    """Yield seconds between two attempts to stop a tape: at first it may just be about to start."""
    yield from repeat(0.02, 50)
    yield from repeat(0.1, 100)
    yield from repeat(0.5)


def note_delays() -> Iterator[float]:
    """Yield seconds between two attempts to note and destroy."""
    yield from (0.2, 0.5, 1.0, 2.0)
    yield from repeat(5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """What was done, each step in milliseconds since it was asked for.

    Attributes:
        by: Who said stop; None when it went for another reason.
        stopped_ms: None when the tape had not stopped by then, and is asked on in the background, or when
            there was no call any more.
        noted_ms: None when there was nobody to note.
        gone_ms: Until key and bytes were gone, or it was closed.
        taken_back: Which of both.
    """

    recording_id: RecordingId
    because: ErasedBecause
    by: WithdrawnBy | None
    renamed_ms: float
    stopped_ms: float | None
    noted_ms: float | None
    gone_ms: float
    taken_back: TakenBack = TakenBack.ERASED


class Withdrawals:
    """Carries withdrawals out.

    Args:
        delays: Between two attempts to stop a tape.
        retry_delays: Between two attempts to note and destroy when the store failed.
        closed_late: Told of a recording that was closed instead, after the store had failed first.
    """

    def __init__(
        self,
        *,
        spool: Spool,
        tape: Tape,
        register: Register,
        bell: Bell,
        background: Background,
        delays: Delays = stop_delays,
        retry_delays: Delays = note_delays,
        closed_late: Callable[[RecordingId], object] = lambda _: None,
    ) -> None:
        self._spool = spool
        self._tape = tape
        self._register = register
        self._bell = bell
        self._background = background
        self._delays = delays
        self._retry_delays = retry_delays
        self._closed_late = closed_late

    async def carry_out(
        self,
        recording_id: RecordingId,
        call_id: CallId | None,
        *,
        because: ErasedBecause,
        by: WithdrawnBy | None,
        finishing: asyncio.Task[object] | None = None,
    ) -> Withdrawal:
        """Do it all, and return when key and bytes are gone, or the recording is closed.

        Args:
            call_id: The channel that may still be taped; None: the call is over, or unknown here.
            finishing: What turns the capture into a sealed file at this moment, if anything.

        Raises:
            NotFound: If there is no such recording.
            StateConflict: If it cannot be withdrawn any more.
            ConsentlineError: If the store failed; it is tried again in the background.
        """
        loop = asyncio.get_running_loop()
        began_s = loop.time()

        def since_ms() -> float:
            return round((loop.time() - began_s) * 1000, 3)

        await self._rename(recording_id, call_id)  # I6: before anything that can fail or wait
        renamed_ms = since_ms()
        if finishing is not None:
            finishing.cancel()
        stop: asyncio.Task[StopOutcome] | None = None
        stopped_ms: float | None = None
        if call_id is None and finishing is None:
            call_id = await self._call_of(recording_id)
        if call_id is not None:
            stop = self._background.start(self.stop(call_id, recording_id), name=f"stop {recording_id}")
            await asyncio.wait({stop}, timeout=STOP_PATIENCE_S)
            stopped_ms = since_ms() if stop.done() else None
        if finishing is not None:
            await asyncio.wait({finishing})
        try:
            taken_back = await self._note(recording_id, by)  # I6: whatever became of the stop
            noted_ms = None if by is None else since_ms()
            taken_back = await self._end(recording_id, because, taken_back, stop)
        except (NotFound, StateConflict):
            raise
        except ConsentlineError as error:
            await self._bell.ring(AlarmKind.WITHDRAWAL_UNFINISHED, f"{recording_id}: {error.text}", call_id)
            again = self._note_again(recording_id, because, by, stop)
            self._background.start(again, name=f"withdraw {recording_id} again")
            raise
        gone_ms = since_ms()
        if taken_back is TakenBack.ERASED:
            self._background.start(self._watch_ghosts(recording_id, stop), name=f"ghosts {recording_id}")
        return Withdrawal(
            recording_id=recording_id,
            because=because,
            by=by,
            renamed_ms=renamed_ms,
            stopped_ms=stopped_ms,
            noted_ms=noted_ms,
            gone_ms=gone_ms,
            taken_back=taken_back,
        )

    async def _call_of(self, recording_id: RecordingId) -> CallId | None:
        """Return the call of a tape that may run without having been told of, or that is about to."""
        try:
            rows = await self._register.rows((recording_id,))
        except ConsentlineError:
            return None  # the note comes next, and says what is wrong
        running = (row for row in rows if row.state is RecordingState.RECORDING)
        return next((row.call_id for row in running if row.recording_id == recording_id), None)

    async def _rename(self, recording_id: RecordingId, call_id: CallId | None) -> None:
        try:
            self._spool.mark_withdrawn(recording_id)
        except OSError as error:
            text = f"{recording_id}: the spool file could not be renamed: {error.strerror}"
            await self._bell.ring(AlarmKind.WITHDRAWAL_UNFINISHED, text, call_id)

    async def _note(self, recording_id: RecordingId, by: WithdrawnBy | None) -> TakenBack:
        if by is None:
            return TakenBack.ERASED
        return await self._register.note_withdrawal(recording_id, by)

    async def _end(
        self,
        recording_id: RecordingId,
        because: ErasedBecause,
        taken_back: TakenBack,
        stop: asyncio.Task[StopOutcome] | None,
    ) -> TakenBack:
        """Destroy it, or give it its names back; return which."""
        if taken_back is TakenBack.RESTRICTED:
            if await self._stopped(stop):
                self._unmark(recording_id)
                return taken_back
            because = ErasedBecause.CONTROLLER_LOST  # I9: what it holds from now on was not permitted
        await self._register.destroy(recording_id, because, self._spool.paths(recording_id))
        return TakenBack.ERASED

    def _unmark(self, recording_id: RecordingId) -> None:
        try:
            self._spool.unmark_withdrawn(recording_id)
        except OSError as error:
            raise Unavailable(f"{recording_id}: its names could not be given back: {error}") from error

    async def _stopped(self, stop: asyncio.Task[StopOutcome] | None) -> bool:
        """Return whether nothing is written under a name that is given back."""
        if stop is None:
            return True
        await asyncio.wait({stop}, timeout=CLOSED_WITHIN_S)
        return stop.done() and not stop.cancelled() and stop.exception() is None

    async def _note_again(
        self,
        recording_id: RecordingId,
        because: ErasedBecause,
        by: WithdrawnBy | None,
        stop: asyncio.Task[StopOutcome] | None,
    ) -> None:
        for delay_s in self._retry_delays():
            await asyncio.sleep(delay_s)
            try:
                taken_back = await self._note(recording_id, by)
                taken_back = await self._end(recording_id, because, taken_back, stop)
            except ConsentlineError as error:
                log.warning("withdraw %s again: %s", recording_id, error)
            else:
                if taken_back is TakenBack.RESTRICTED:
                    self._closed_late(recording_id)
                else:
                    await self._watch_ghosts(recording_id, stop)
                return

    async def stop(self, call_id: CallId, recording_id: RecordingId) -> StopOutcome:
        """Ask until the tape cannot run any more (I7: the one thing that is asked again)."""
        loop = asyncio.get_running_loop()
        patience_ends_s = loop.time() + TAPE_RUNS_ON_AFTER_S
        told = False
        for delay_s in self._delays():
            problem = "it has not started yet"
            try:
                outcome = await self._tape.stop(call_id, recording_id)
                if outcome.holds:
                    await self._unname(call_id, recording_id, outcome)
                    return outcome
            except Unavailable as error:
                problem = error.text
            if not told and loop.time() > patience_ends_s:
                told = True
                text = f"the tape could not be stopped: {problem}"
                await self._bell.ring(AlarmKind.TAPE_RUNS_ON, text, call_id)
            await asyncio.sleep(delay_s)
        raise AssertionError("delays must never end")

    async def _unname(self, call_id: CallId, recording_id: RecordingId, outcome: StopOutcome) -> None:
        """Have the next agent not be told that this call is recorded; harmless when it fails."""
        if outcome is StopOutcome.CHANNEL_GONE:
            return
        try:
            await self._tape.unname(call_id, recording_id)
        except Unavailable as error:
            log.warning("call %s still names recording %s: %s", call_id, recording_id, error)

    async def _watch_ghosts(self, recording_id: RecordingId, stop: asyncio.Task[StopOutcome] | None) -> None:
        """Unlink what still appears, until long enough after the tape cannot run any more (fact 8)."""
        loop = asyncio.get_running_loop()
        until_s: float | None = None
        while until_s is None or loop.time() < until_s:
            if until_s is None and (stop is None or stop.done()):
                until_s = loop.time() + GHOST_WATCH_S
            for ghost in self._spool.remove(recording_id):
                log.info("ghost %s -> removed", ghost.name)
            await asyncio.sleep(GHOST_LOOK_EVERY_S)
