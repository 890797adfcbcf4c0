"""One call at the gate and after it: one task, one inbox, effects awaited in order.

The machine decides, the errands do, and what comes of them goes back to the machine as an event. A bug in
here costs one call its recording, never its way onward (I8).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, assert_never

from ivr import effects as do
from ivr import events as on
from ivr.effects import AlarmKind, Effect
from ivr.errands import Errands, Ports, Visit
from ivr.events import Earlier, Event
from ivr.machine import Step, arrive, reenter, resume, step
from ivr.state import Phase, State
from policy.evidence import Arrival
from policy.model import Consent, Policy
from policy.rules import deciding_key
from policy.vocabulary import Outcome

log = logging.getLogger(__name__)

INBOX_LIMIT = 256


class Session:
    """One call.

    Args:
        visit: Its entry into a gate.
        earlier: Given when the call is found beyond the gate; then nothing is asked.
    """

    def __init__(self, ports: Ports, visit: Visit, *, earlier: Earlier | None = None) -> None:
        self.call_id = visit.arrival.call_id
        self._ports = ports
        self._visit = visit
        self._errands = Errands(ports, visit)
        self._inbox: asyncio.Queue[Event | Visit] = asyncio.Queue(INBOX_LIMIT)
        self._timer: asyncio.TimerHandle | None = None
        self._beside: set[asyncio.Task[None]] = set()
        if earlier is not None:
            self._state, self._first = resume(visit.new_recording_id, earlier)
        else:
            self._state, self._first = arrive(
                visit.new_recording_id, policy=visit.policy_name, verdict=visit.verdict
            )

    @property
    def phase(self) -> Phase:
        """Where the call is."""
        return self._state.phase

    @property
    def state(self) -> State:
        """All that is known of the call."""
        return self._state

    @property
    def arrival(self) -> Arrival:
        """How the call came to the gate it was last at."""
        return self._visit.arrival

    @property
    def policy(self) -> Policy | None:
        """Whose gate that was."""
        return self._visit.policy

    def deliver(self, event: Event) -> None:
        """Put an event into the inbox; never waits."""
        self._put(event)

    def reenter(self, visit: Visit) -> None:
        """Tell that the call entered a gate once more."""
        self._put(visit)

    def press(self, digit: str, at_ms: int) -> None:
        """Tell of a key of the caller; one that decides nothing is forgotten here and now."""
        consent = self._consent
        if consent is not None and digit == deciding_key(consent):
            self._put(on.DigitPressed(digit=digit, at_ms=at_ms))

    async def run(self) -> None:
        """Live through the call, to its end."""
        try:
            await self._live()
        except Exception as bug:  # one call's bug costs neither it nor the others their way (I8)
            log.exception("call=%s session failed", self.call_id)
            await self._free(bug)
        finally:
            self._stop_timer()
            for task in self._beside:
                task.cancel()

    async def _live(self) -> None:
        if self._visit.found_late:
            await self._errands.stop_notice()
        await self._carry_out(self._first)
        while self.phase is not Phase.OVER:
            await self._take(await self._inbox.get())
        if self._beside:
            await asyncio.wait(self._beside)
        while not self._inbox.empty():
            await self._take(self._inbox.get_nowait())

    async def _take(self, item: Event | Visit) -> None:
        if isinstance(item, Visit):
            self._stop_timer()
            self._visit, self._errands = item, Errands(self._ports, item)
            following = reenter(
                self._state, item.new_recording_id, policy=item.policy_name, verdict=item.verdict
            )
        else:
            following = step(self._state, item, self._consent)
        self._log(item, following)
        self._state = following[0]
        await self._carry_out(following[1])

    def _log(self, item: Event | Visit, following: Step) -> None:
        before, (after, effects) = self._state, following
        if before.phase is after.phase and not effects:
            return
        decided = before.heard.digit is None and after.heard.digit is not None
        key = f" digit={after.heard.digit}" if decided else ""
        way = (before.phase.value, type(item).__name__, key, after.phase.value)
        log.info("call=%s %s: %s%s -> %s", self.call_id, *way)

    async def _carry_out(self, effects: tuple[Effect, ...]) -> None:
        for position, effect in enumerate(effects):
            answer = await self._do(effect)
            if answer is not None:
                self._put(answer)
            if isinstance(answer, on.EffectFailed):
                alarms = [late for late in effects[position + 1 :] if isinstance(late, do.RaiseAlarm)]
                for alarm in alarms:
                    await self._errands.alarm(alarm.kind, alarm.text)
                return

    async def _do(self, effect: Effect) -> Event | None:  # noqa: PLR0912 - one branch for each effect
        """Carry out one effect; return its answer, if it has one now."""
        errands = self._errands
        answer: Event | None = None
        match effect:
            case do.OpenCall():
                answer = await errands.open_call()
            case do.PrepareNotice():
                answer = await errands.prepare_notice()
            case do.AnswerCall():
                answer = await errands.answer_call()
            case do.PlayNotice():
                self._start_timer(effect.limit_ms, on.NoticeOverdue())
                answer = await errands.play_notice()
            case do.StopNotice():
                self._stop_timer()
                await errands.stop_notice()
            case do.WaitForReply():
                self._start_timer(effect.window_ms, on.ReplyWindowOver())
            case do.CheckRecorder():
                answer = await errands.check_recorder()
            case do.StoreDecision():
                answer = await errands.store_decision(effect)
            case do.ExpectRecording():
                answer = await errands.expect_recording(effect.recording_id)
            case do.DropRecording():
                await errands.drop_recording(effect.recording_id)
            case do.ConcludeRecording():
                answer = await errands.conclude_recording(effect.recording_id)
            case do.FollowCall():
                to_record = self._state.tape_id == self._state.new_recording_id
                answer = await errands.follow_call(to_record=to_record)
            case do.Continue():
                answer = await errands.send_onward(effect)
            case do.WithdrawRecording():
                self._start_beside(self._withdraw(errands, effect))
            case do.ConfirmWithdrawal():
                self._start_beside(errands.confirm_withdrawal(effect.taken_back))
            case do.EndCall():
                await errands.end_call()
            case do.RaiseAlarm():
                await errands.alarm(effect.kind, effect.text)
            case _:
                assert_never(effect)
        return answer

    async def _withdraw(self, errands: Errands, effect: do.WithdrawRecording) -> None:
        self._put(await errands.withdraw(effect))

    async def _free(self, bug: Exception) -> None:
        """Send the caller onward unrecorded after a bug; the dead-man switch is the net below this."""
        await self._errands.stop_notice()
        await self._errands.send_onward(do.Continue(outcome=Outcome.ERROR, recording_id=None))
        await self._errands.alarm(AlarmKind.SESSION_FAILED, f"{type(bug).__name__} in the session")

    @property
    def _consent(self) -> Consent | None:
        return self._visit.policy.consent if self._visit.policy is not None else None

    def _put(self, item: Event | Visit) -> None:
        try:
            self._inbox.put_nowait(item)
        except asyncio.QueueFull:
            log.error("call=%s inbox full, %s dropped", self.call_id, type(item).__name__)

    def _start_timer(self, after_ms: int, event: Event) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(after_ms / 1000, self._put, event)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what may take long beside the call, so that its hang-up is seen meanwhile."""
        task = asyncio.get_running_loop().create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._is_done)

    def _is_done(self, task: asyncio.Task[None]) -> None:
        self._beside.discard(task)
        bug = None if task.cancelled() else task.exception()
        if bug is not None:
            log.error("call=%s", self.call_id, exc_info=bug)
            self._put(on.EffectFailed(problem=f"{type(bug).__name__} beside the session"))
