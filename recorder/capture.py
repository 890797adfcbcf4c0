"""Every capture of every live call: confirmed, watched, withdrawn, finished.

    started -> the dialplan was told to start the tape; both files must be there within 500 ms
      bridged -> the caller speaks with somebody; both files must grow
      concluded -> the call goes on without it: stopped, then finished as if it were over
      dropped -> withdrawn, in doubt, or a ghost (recorder/withdrawal.py)
      over    -> hung up: closed, sealed (recorder/finishing.py)

Whatever changes a capture goes through here, on one loop: the first word on its end counts, and a
withdrawal is a word that can still be said while the capture is being sealed, and after.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self, assert_never

from policy.clock import Clock
from policy.errors import ConsentlineError, Unavailable
from policy.vocabulary import (
    CallId,
    ConcludedBecause,
    ErasedBecause,
    RecordingId,
    RecordingState,
    TakenBack,
    WithdrawnBy,
)
from recorder.ami import Heard, LinkDown, LinkUp
from recorder.ami_wire import (
    BridgeEntered,
    BridgeLeft,
    ChannelCreated,
    FullyBooted,
    HungUp,
    MusicStarted,
    Rang,
    Tampered,
    TapeStarted,
    TapeStopped,
)
from recorder.background import Background
from recorder.bell import Bell
from recorder.confirmation import Confirmation
from recorder.finishing import Finished, Finisher
from recorder.foreign import ForeignTapes
from recorder.ports import AlarmKind, Alarms, Delays, Register, Row, StopOutcome, Tape
from recorder.reconcile import Adopt, Drop, Finish, Step, Unlink, Withdraw, plan_reconcile
from recorder.spool import Spool
from recorder.tampering import Tampering
from recorder.withdrawal import Withdrawal, Withdrawals, stop_delays

log = logging.getLogger(__name__)

CLOSED_WITHIN_S = 10.0
UNSTARTED_WITHIN_S = 1.0
CLOSED_GRACE_S = 1.0
"""How long a file may have been closed before Asterisk has to have told of the hang-up (fact 9)."""
UNBRIDGED_GRACE_S = 1.0
CONCLUDED_WITHIN_S = 2.0
"""How long a tape may take to stop while its call goes on; what it holds after that is in doubt."""
DROPPED_REMEMBERED = 256


@dataclass(slots=True, kw_only=True, eq=False)
class Capture:
    """One tape of one live call; changed by `Captures` alone.

    Attributes:
        bridged_at: Since when the caller speaks with somebody; None while waiting.
        bridge_id: In which bridge.
        spoke: Whether that was ever so.
        explaining: Whether a file that closed is being looked into.
        concluding: Stops the tape while the call goes on.
        closing: Whether it is over, and its writer is waited for; nothing of it was touched yet.
    """

    recording_id: RecordingId
    call_id: CallId
    bridged_at: datetime | None = None
    bridge_id: str | None = None
    spoke: bool = False
    explaining: bool = False
    closing: bool = False
    concluding: asyncio.Task[StopOutcome] | None = None
    finishing: asyncio.Task[Finished | None] | None = None
    dropping: asyncio.Task[Withdrawal] | None = None

    @property
    def runs(self) -> bool:
        """Whether nothing has been said about its end."""
        return self.finishing is None and self.dropping is None and self.concluding is None

    @property
    def stops(self) -> bool:
        """Whether its tape is being stopped while the call goes on, and may still run."""
        ended = self.finishing is not None or self.dropping is not None
        return self.concluding is not None and not self.concluding.done() and not ended


class Captures:
    """All captures. An asynchronous context: inside it the spool is watched, leaving it ends all work.

    Args:
        clock: For the moments that are stored.
        delays: Between two attempts to stop a tape.
    """

    def __init__(
        self,
        *,
        spool: Spool,
        tape: Tape,
        register: Register,
        alarms: Alarms,
        clock: Clock,
        delays: Delays = stop_delays,
    ) -> None:
        self._spool = spool
        self._tape = tape
        self._register = register
        self._bell = Bell(alarms)
        self._clock = clock
        self._background = Background(self._faulted)
        self._confirmation = Confirmation(spool=spool, bell=self._bell)
        self._finisher = Finisher(spool=spool, register=register, alarms=alarms)
        self._foreign = ForeignTapes(tape=tape, bell=self._bell, background=self._background)
        self._tampering = Tampering(bell=self._bell, background=self._background, look_again=self._compare)
        self._withdrawals = Withdrawals(
            spool=spool,
            tape=tape,
            register=register,
            bell=self._bell,
            background=self._background,
            delays=delays,
            closed_late=self._go_on_closed,
        )
        self._captures: dict[RecordingId, Capture] = {}
        self._by_call: dict[CallId, Capture] = {}
        self._dropped: dict[RecordingId, asyncio.Task[Withdrawal]] = {}
        self._in_bridges: dict[CallId, str] = {}
        self._linked = True
        self._keys_reach_us = True

    async def __aenter__(self) -> Self:
        self._background.start(self._watch_spool(), name="watch spool")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._background.close()

    def ready(self) -> bool:
        """Tell whether a new recording may start: there is room, and a stop would be heard and obeyed."""
        return self._linked and self._keys_reach_us and self._spool.has_room()

    async def started(self, recording_id: RecordingId, call_id: CallId) -> None:
        """Take in that the dialplan was told to start the tape; its decision is committed (I1)."""
        if recording_id in self._captures:
            return
        capture = self._take_on(recording_id, call_id)
        log.info("call %s capture - -> %s", call_id, recording_id)
        if not capture.runs:
            return
        bridge_id = self._in_bridges.get(call_id)
        if bridge_id is not None:  # an agent can be faster than the word of the start
            self._bridged(call_id, bridge_id)
        elif not self._keys_reach_us:  # I9: decided just before the cut, or during it
            self._background.start(self._doubt(capture), name=f"doubt {recording_id}")
            return
        files = self._confirmation.files_appear(recording_id, call_id, still=lambda: capture.runs)
        self._background.start(files, name=f"confirm {recording_id}")

    async def withdraw(self, recording_id: RecordingId, by: WithdrawnBy) -> Withdrawal:
        """Take a recording back, live or not; whoever says it again meanwhile gets the same result.

        It is gone then, or closed where the policy restricts: `Withdrawal.taken_back` says which.

        Raises:
            NotFound: If there is no such recording.
            StateConflict: If it cannot be withdrawn any more.
            ConsentlineError: If the store failed; it is tried again in the background.
        """
        return await asyncio.shield(self._drop(recording_id, because=ErasedBecause.WITHDRAWN, by=by))

    async def leave_out(self, recording_id: RecordingId) -> None:
        """Stop and destroy a recording that was not to be made: its call is out of the policy's scope.

        Raises:
            ConsentlineError: If the store failed; it is tried again in the background.
        """
        await asyncio.shield(self._drop(recording_id, because=ErasedBecause.OUT_OF_SCOPE, by=None))

    def running_on(self, call_id: CallId) -> RecordingId | None:
        """Return the recording that runs on a call, or None."""
        capture = self._by_call.get(call_id)
        return capture.recording_id if capture is not None and capture.runs else None

    async def conclude(self, recording_id: RecordingId, because: ConcludedBecause) -> None:
        """End a recording while its call goes on: what was recorded until now is kept.

        Returns when the tape cannot run any more; finishing the capture, and noting why it ended, go on
        beside. A recording that does not run is left as it is.

        Raises:
            Unavailable: If the tape did not stop in time. It is asked on, and the recording is dropped:
                what it holds from now on was not permitted under its name (I9).
        """
        capture = self._captures.get(recording_id)
        if capture is None or capture.finishing is not None or capture.dropping is not None:
            return
        if capture.concluding is None:
            log.info("call %s capture %s -> concluded", capture.call_id, recording_id)
            stop = self._withdrawals.stop(capture.call_id, recording_id)
            capture.concluding = self._background.start(stop, name=f"conclude {recording_id}")
            capture.concluding.add_done_callback(lambda stopped: self._concluded(capture, stopped))
            noting = self._register.concluded(recording_id, because)
            self._background.start(noting, name=f"note why {recording_id} ended")
        await asyncio.wait({capture.concluding}, timeout=CONCLUDED_WITHIN_S)
        if capture.concluding.done():
            return
        text = f"{recording_id}: the tape did not stop when its recording was over, so it is dropped"
        await self._bell.ring(AlarmKind.CONTROLLER_LOST, text, capture.call_id)
        self._drop(recording_id, because=ErasedBecause.CONTROLLER_LOST, by=None)
        raise Unavailable(text)

    async def ended(self, call_id: CallId) -> None:
        """Finish the capture of a call that is over, and return when it is sealed, empty or put aside."""
        finishing = self._end(call_id)
        if finishing is not None:
            await asyncio.wait({finishing})

    def forbid(self, call_id: CallId) -> None:
        """Take in that a call may not be recorded by anybody: tapes that start on it are stopped."""
        self._foreign.forbid(call_id)

    def controller_cut(self) -> None:
        """Take in that from now on keys of callers who wait are lost: the ARI websocket is cut (I9)."""
        self._keys_reach_us = False
        self._doubt_waiting()

    def controller_back(self) -> None:
        """Take in that keys are heard again; what waited meanwhile was dropped."""
        self._keys_reach_us = True

    def hear(self, event: Heard) -> None:
        """Take in what AMI tells; only notes it and starts what has to be done."""
        match event:
            case BridgeEntered(holding=False):
                self._bridged(event.channel_id, event.bridge_id)
            case BridgeLeft() | BridgeEntered():
                self._unbridged(event.channel_id)
            case HungUp():
                self._in_bridges.pop(event.channel_id, None)
                self._end(event.channel_id)
            case TapeStarted():
                self._foreign.heard_start(event.channel_id)
            case LinkDown():
                self._linked = False
                self._in_bridges.clear()
                self._doubt_waiting()
            case LinkUp() if not self._linked:
                self._linked = True
                self._background.start(self._compare(), name="compare with Asterisk")
            case Tampered():
                self._tampering.heard()
            case LinkUp() | TapeStopped() | ChannelCreated() | FullyBooted() | Rang() | MusicStarted():
                pass
            case _:
                assert_never(event)

    async def reconcile(self, *, absent: bool) -> tuple[Step, ...]:
        """Compare rows, spool and Asterisk, do what follows, and return it.

        What has to go is gone when this returns; what has to be sealed is sealed in the background.

        Args:
            absent: Whether the daemon was away, as at its start; then this comes before any call.

        Raises:
            ConsentlineError: If the store or Asterisk could not be read.
        """
        spool = self._spool.everything()
        rows = await self._register.rows(tuple(spool))
        channels = await self._tape.channels()
        self._in_bridges.update(
            (one.channel_id, one.bridge_id) for one in channels if one.bridge_id is not None
        )
        steps = plan_reconcile(rows=rows, channels=channels, spool=spool, absent=absent)
        for step in steps:
            await self._carry_out(step, absent=absent)
        return steps

    async def finalise(self) -> Mapping[RecordingId, Finished]:
        """Finish again what was captured and could not be sealed; not what is being finished just now."""
        return await self._finisher.finish_captured(self._captures)

    # ---------------------------------------------------------------- running

    def _take_on(self, recording_id: RecordingId, call_id: CallId) -> Capture:
        before = self._by_call.get(call_id)
        if before is not None and before.finishing is None:  # dropped: else nobody would forget it
            self._foreign.release(call_id)
            self._start_finishing(before, closed=False)
        capture = self._know(recording_id, call_id)
        self._by_call[call_id] = capture
        self._foreign.claim(call_id)
        return capture

    def _know(self, recording_id: RecordingId, call_id: CallId) -> Capture:
        capture = Capture(recording_id=recording_id, call_id=call_id)
        capture.dropping = self._dropped.get(recording_id)  # said stop before it was said to start
        self._captures[recording_id] = capture
        return capture

    def _bridged(self, call_id: CallId, bridge_id: str) -> None:
        self._in_bridges[call_id] = bridge_id
        capture = self._by_call.get(call_id)
        if capture is None or not capture.runs or capture.bridge_id == bridge_id:
            return
        capture.bridged_at, capture.bridge_id = self._clock.now(), bridge_id
        capture.spoke = True
        log.info("call %s capture %s -> bridged", call_id, capture.recording_id)
        growth = self._see_it_grow(capture, capture.bridged_at, bridge_id)
        self._background.start(growth, name=f"growth {capture.recording_id}")

    def _unbridged(self, call_id: CallId) -> None:
        self._in_bridges.pop(call_id, None)
        capture = self._by_call.get(call_id)
        if capture is None or not capture.runs or capture.bridged_at is None:
            return
        capture.bridged_at, capture.bridge_id = None, None
        log.info("call %s capture %s -> waiting", call_id, capture.recording_id)
        self._background.start(self._note_waiting(capture), name=f"waiting {capture.recording_id}")

    async def _see_it_grow(self, capture: Capture, bridged_at: datetime, bridge_id: str) -> None:
        """Note the connection, and see audio arrive for as long as it lasts."""
        await self._register.bridged(capture.recording_id, bridged_at, bridge_id)
        await self._confirmation.files_grow(
            capture.recording_id,
            capture.call_id,
            still=lambda: capture.runs and capture.bridged_at == bridged_at,
        )

    async def _note_waiting(self, capture: Capture) -> None:
        """Note that the caller waits again, unless that was the hang-up or a change of bridge."""
        await asyncio.sleep(UNBRIDGED_GRACE_S)
        if capture.runs and capture.bridged_at is None:
            await self._register.waiting(capture.recording_id)
            if not self._keys_reach_us:
                await self._doubt(capture)

    def _closed(self, recording_id: RecordingId) -> None:
        capture = self._captures.get(recording_id)
        if capture is not None and capture.runs and not capture.explaining:
            capture.explaining = True
            self._background.start(self._explain(capture), name=f"explain {recording_id}")

    async def _explain(self, capture: Capture) -> None:
        """Find out why a file closed: the call ended, somebody said stop, or nobody knows (I6)."""
        while True:
            await asyncio.sleep(CLOSED_GRACE_S)
            if not capture.runs:
                return
            if self._spool.is_withdrawn(capture.recording_id):
                self._drop(capture.recording_id, because=ErasedBecause.WITHDRAWN, by=WithdrawnBy.DIALPLAN)
                return
            try:
                alive = await self._tape.alive(capture.call_id)
            except Unavailable:
                continue
            if not alive:
                self._end(capture.call_id)
            elif capture.runs:
                self._drop(capture.recording_id, because=ErasedBecause.GHOST, by=None)
                text = f"{capture.recording_id}: the tape ended before its call, nobody knows why"
                await self._bell.ring(AlarmKind.CAPTURE_ENDED_EARLY, text, capture.call_id)
            return

    # ---------------------------------------------------------------- over

    def _end(self, call_id: CallId) -> asyncio.Task[Finished | None] | None:
        capture = self._by_call.get(call_id)
        if capture is None:
            self._foreign.forget(call_id)
            return None
        if capture.finishing is None:
            self._start_finishing(capture, closed=False)
        return capture.finishing

    def _start_finishing(self, capture: Capture, *, closed: bool) -> None:
        log.info("call %s capture %s -> over", capture.call_id, capture.recording_id)
        finish = self._finish(capture, closed=closed)
        capture.finishing = self._background.start(finish, name=f"finish {capture.recording_id}")
        capture.finishing.add_done_callback(lambda _: self._forget_if_settled(capture))

    async def _finish(self, capture: Capture, *, closed: bool) -> Finished | None:
        """Bring a capture to its end; None: it was dropped before.

        Args:
            closed: Whether the writer is known to be gone.
        """
        if capture.dropping is not None:
            await asyncio.wait({capture.dropping})
            if not _closed_instead(capture.dropping):
                return None
        writes = capture.spoke or self._spool.paths(capture.recording_id)
        within_s = CLOSED_WITHIN_S if writes else UNSTARTED_WITHIN_S
        capture.closing = True
        closed = closed or await self._spool.wait_closed(capture.recording_id, within_s=within_s)
        capture.closing = False
        if not closed and self._spool.paths(capture.recording_id):
            text = f"{capture.recording_id}: the writer has not closed its files within {within_s:g} s"
            await self._bell.ring(AlarmKind.WRITER_NOT_CLOSED, text, capture.call_id)
        return await self._finisher.finish(capture.recording_id, capture.call_id, spoke=capture.spoke)

    def _concluded(self, capture: Capture, stopped: asyncio.Task[StopOutcome]) -> None:
        if stopped.cancelled() or stopped.exception() is not None:
            return
        self._foreign.release(capture.call_id)
        if capture.dropping is not None:
            return  # forgotten when the call ends, or its next recording begins
        if self._by_call.get(capture.call_id) is capture:
            del self._by_call[capture.call_id]
        if capture.finishing is None:
            self._start_finishing(capture, closed=False)

    def _forget_if_settled(self, capture: Capture) -> None:
        over = capture.finishing is not None and capture.finishing.done()
        if not over or (capture.dropping is not None and not capture.dropping.done()):
            return
        self._captures.pop(capture.recording_id, None)
        if self._by_call.get(capture.call_id) is capture:
            del self._by_call[capture.call_id]
            self._foreign.forget(capture.call_id)

    # ---------------------------------------------------------------- dropped

    def _drop(
        self,
        recording_id: RecordingId,
        *,
        because: ErasedBecause,
        by: WithdrawnBy | None,
        call_id: CallId | None = None,
    ) -> asyncio.Task[Withdrawal]:
        """Return the one run that destroys a recording; a run that failed is followed by a new one."""
        running = self._dropped.get(recording_id)
        if running is not None and not _failed(running):
            return running
        self._spool.legs(recording_id)  # refuses what cannot be a name, before anything is started
        capture = self._captures.get(recording_id)
        drop = self._carry_out_drop(recording_id, capture, call_id, because, by)
        task = self._background.start(drop, name=f"drop {recording_id}")
        self._remember(recording_id, task)
        if capture is not None:
            capture.dropping = task
        task.add_done_callback(lambda _: self._dropped_or_closed(recording_id, capture, task))
        return task

    def _dropped_or_closed(
        self, recording_id: RecordingId, capture: Capture | None, task: asyncio.Task[Withdrawal]
    ) -> None:
        if _closed_instead(task):
            if self._dropped.get(recording_id) is task:
                del self._dropped[recording_id]  # it can be taken back again, when nothing keeps it any more
            self._go_on_closed(recording_id)
        elif capture is not None:
            self._forget_if_settled(capture)

    def _go_on_closed(self, recording_id: RecordingId) -> None:
        finish = self._finish_closed(recording_id)
        self._background.start(finish, name=f"finish closed {recording_id}")

    async def _finish_closed(self, recording_id: RecordingId) -> None:
        """Finish what was recorded until it was taken back, and is kept closed."""
        capture = self._captures.get(recording_id)
        if capture is not None and capture.finishing is not None and capture.finishing.cancelled():
            capture.finishing = None
        elif capture is not None and capture.finishing is None:
            self._by_call.pop(capture.call_id, None)  # the call goes on, and nobody may record it any more
        unsealed = (RecordingState.RECORDING, RecordingState.CAPTURED)
        for row in await self._register.rows((recording_id,)):
            if row.recording_id == recording_id and row.state in unsealed:
                self._finish_row(row)

    async def _carry_out_drop(
        self,
        recording_id: RecordingId,
        capture: Capture | None,
        call_id: CallId | None,
        because: ErasedBecause,
        by: WithdrawnBy | None,
    ) -> Withdrawal:
        log.info("capture %s -> %s", recording_id, because.value)
        finishing = capture.finishing if capture is not None else None
        if capture is not None and finishing is None:
            call_id = capture.call_id
        withdrawal = await self._withdrawals.carry_out(
            recording_id, call_id, because=because, by=by, finishing=finishing
        )
        if call_id is not None and because is ErasedBecause.WITHDRAWN:
            self._foreign.forbid(call_id)
        return withdrawal

    def _remember(self, recording_id: RecordingId, task: asyncio.Task[Withdrawal]) -> None:
        """Remember a run, so that saying it again gives the same result; the oldest are forgotten."""
        self._dropped.pop(recording_id, None)
        self._dropped[recording_id] = task
        for oldest in list(self._dropped)[: -DROPPED_REMEMBERED or None]:
            if self._dropped[oldest].done():
                del self._dropped[oldest]

    def _doubt_waiting(self) -> None:
        for capture in tuple(self._captures.values()):
            waits = capture.runs and capture.bridged_at is None
            if waits or capture.stops:
                self._background.start(self._doubt(capture), name=f"doubt {capture.recording_id}")

    async def _doubt(self, capture: Capture) -> None:
        """Drop a call that waits while its keys are lost: no policy keeps one that nobody watched (I9)."""
        self._drop(capture.recording_id, because=ErasedBecause.CONTROLLER_LOST, by=None)
        text = f"{capture.recording_id}: the connection to Asterisk was cut while the caller waited"
        await self._bell.ring(AlarmKind.CONTROLLER_LOST, text, capture.call_id)

    # ---------------------------------------------------------------- after not having looked

    async def _compare(self) -> None:
        try:
            await self.reconcile(absent=False)
        except Unavailable as error:
            log.warning("compare with Asterisk: %s; again with the next connection", error)

    async def _carry_out(self, step: Step, *, absent: bool) -> None:
        log.info("reconcile %s", step)
        match step:
            case Adopt():
                self._adopt(step, absent=absent)
            case Withdraw():
                await self._see_it_gone(
                    step.recording_id, step.call_id, ErasedBecause.WITHDRAWN, WithdrawnBy.DIALPLAN
                )
            case Drop():
                await self._see_it_gone(step.recording_id, step.call_id, step.because, None)
            case Finish():
                self._finish_row(step.row)
            case Unlink():
                if step.recording_id not in self._captures:
                    self._spool.remove(step.recording_id)
            case _:
                assert_never(step)

    def _adopt(self, step: Adopt, *, absent: bool) -> None:
        capture = self._captures.get(step.row.recording_id)
        if capture is None and absent:
            capture = self._take_on(step.row.recording_id, step.row.call_id)
            self._foreign.heard_start(step.row.call_id)  # ours, before our time
        if capture is None:
            return  # decided upon a moment ago: `started` comes
        if capture.closing:
            again = self._take_end_back(capture, step.bridge_id)
            self._background.start(again, name=f"take end of {capture.recording_id} back")
            return
        if step.bridge_id is not None:
            self._bridged(capture.call_id, step.bridge_id)
        else:
            self._unbridged(capture.call_id)

    async def _take_end_back(self, capture: Capture, bridge_id: str | None) -> None:
        """Go on with a capture whose hang-up was told and never happened: its channel lives."""
        alive = await self._tape.alive(capture.call_id)
        if not alive or not capture.closing or capture.finishing is None or capture.dropping is not None:
            return
        log.warning(
            "call %s capture %s -> goes on, its end was forged", capture.call_id, capture.recording_id
        )
        finishing, capture.finishing, capture.closing = capture.finishing, None, False
        finishing.cancel()
        if bridge_id is not None:
            capture.bridged_at, capture.bridge_id = None, None
            self._bridged(capture.call_id, bridge_id)
        await asyncio.sleep(CLOSED_GRACE_S)  # the true end may have been told just now
        if capture.runs and not await self._tape.alive(capture.call_id):
            self._end(capture.call_id)

    async def _see_it_gone(
        self,
        recording_id: RecordingId,
        call_id: CallId | None,
        because: ErasedBecause,
        by: WithdrawnBy | None,
    ) -> None:
        try:
            await asyncio.shield(self._drop(recording_id, because=because, by=by, call_id=call_id))
        except ConsentlineError as error:
            await self._bell.ring(AlarmKind.WITHDRAWAL_UNFINISHED, f"{recording_id}: {error.text}", call_id)

    def _finish_row(self, row: Row) -> None:
        capture = self._captures.get(row.recording_id)
        if capture is None:
            capture = self._know(row.recording_id, row.call_id)
            self._by_call.setdefault(row.call_id, capture)  # a later recording of the call may run
            capture.spoke = row.bridged_at is not None or row.state is not RecordingState.RECORDING
        if capture.finishing is None:
            self._start_finishing(capture, closed=row.state is not RecordingState.RECORDING)

    async def _watch_spool(self) -> None:
        try:
            await self._spool.watch(self._closed)
        except OSError as error:
            text = f"the spool cannot be watched, only looked at: {error.strerror}"
            await self._bell.ring(AlarmKind.SPOOL_UNWATCHED, text, None)

    def _faulted(self, name: str, error: BaseException) -> None:
        text = f"{name}: {type(error).__name__}"
        self._background.start(self._bell.ring(AlarmKind.RECORDER_FAULT, text, None), name="tell of a fault")


def _closed_instead(task: asyncio.Task[Withdrawal]) -> bool:
    """Tell whether a recording that was taken back is kept, closed."""
    return task.done() and not _failed(task) and task.result().taken_back is TakenBack.RESTRICTED


def _failed(task: asyncio.Task[Withdrawal]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
