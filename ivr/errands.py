"""What a session does in the world for one call: each errand returns its answer as an event.

No errand keeps a caller waiting longer than `ERRAND_LIMIT_S`, and none raises a `ConsentlineError`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Literal, TypeVar

from ivr import effects as do
from ivr import events as on
from ivr.ari_wire import way_on
from ivr.confirmation import Confirmations
from ivr.effects import AlarmKind
from ivr.events import Event
from ivr.ports import Alarms, Answer, Prompts, Recorder, Register, Telephony
from policy.clock import Clock
from policy.errors import ConsentlineError, Unavailable
from policy.evidence import Arrival, Decision, Prompt, Way
from policy.model import Policy, PromptName
from policy.vocabulary import CallId, Outcome, PolicyName, RecordingId, TakenBack

log = logging.getLogger(__name__)
T = TypeVar("T")

ERRAND_LIMIT_S = 5.0
NAMING_LIMIT_S = 0.25
"""How long a caller may wait for a word to the dial plan that it can do without."""
LOOK_AGAIN_S = (0.2, 0.5, 1.0)
"""When to look whether an unanswered `Continue` was obeyed after all."""

_NOTICE = "notice-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everybody a session talks to."""

    telephony: Telephony
    register: Register
    recorder: Recorder
    prompts: Prompts
    alarms: Alarms
    confirmations: Confirmations
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One entry of a call into a gate.

    Attributes:
        policy: Whose gate it is, or None.
        verdict: What is decided already; None: ask.
        new_recording_id: Random; the name of a recording that may come of it.
        found_late: Whether the call was at the gate before us, its notice perhaps still playing.
    """

    arrival: Arrival
    policy: Policy | None
    verdict: Outcome | None
    new_recording_id: RecordingId
    found_late: bool = False

    @property
    def policy_name(self) -> PolicyName | None:
        """Whose gate it is, or None."""
        return None if self.policy is None else self.policy.name

    @property
    def language(self) -> str:
        """In which the caller is addressed."""
        spoken = self.arrival.language
        return spoken if self.policy is None else self.policy.language_for(spoken)


def notice_id(call_id: CallId) -> str:
    """Return the id of a call's notice: known without memory, so that a restart can cut it."""
    return _NOTICE + call_id


def call_of_notice(playback_id: str) -> CallId | None:
    """Return the call whose notice this is, or None when it is something else."""
    return CallId(playback_id.removeprefix(_NOTICE)) if playback_id.startswith(_NOTICE) else None


def about_notice(policy: Policy, language: str, problem: str) -> str:
    """Return the text of an alarm about a notice: by its first words it ends when the notice plays."""
    return f"{policy.name}/{language}/notice: {problem}"


class Errands:
    """The errands of one visit; remembers which notice was prepared, for the evidence."""

    def __init__(self, ports: Ports, visit: Visit) -> None:
        self._ports = ports
        self._visit = visit
        self._call_id = visit.arrival.call_id
        self._prompt: Prompt | None = None

    async def open_call(self) -> Event:
        """Put the call on record; beside that, before anything plays, name the policy to the dial plan."""
        opening = _within(self._ports.register.open_call(self._visit.arrival))
        try:
            earlier, _ = await asyncio.gather(opening, self._name_policy())
        except ConsentlineError as error:
            return on.OpeningFailed(problem=error.text)
        return on.CallOpened(earlier=earlier)

    async def prepare_notice(self) -> Event:
        """Find and hash the notice."""
        policy = self._visit.policy
        if policy is None:
            return on.NoticeUnfit(problem="no policy, no notice")
        try:
            prepared = self._ports.prompts.prepare(policy, "notice", self._visit.language)
            self._prompt = await _within(prepared)
        except ConsentlineError as error:
            return on.NoticeUnfit(problem=error.text)
        return on.NoticePrepared(duration_ms=self._prompt.duration_ms)

    async def answer_call(self) -> Event | None:
        """Answer it; where that is not certain no notice is played, for nobody may be there to hear it."""
        try:
            answer = await self._ports.telephony.channels.answer(self._call_id)
        except Unavailable as error:
            return on.EffectFailed(problem=error.text)
        if answer is Answer.UNKNOWN:
            return on.EffectFailed(problem="ARI: no answer, the call may not be answered")
        return _told(answer)

    async def play_notice(self) -> Event | None:
        """Have it played; without an answer, its events or the timer will tell."""
        prompt = self._prompt
        if prompt is None:
            return on.NoticeFailed(at_ms=None, problem="no notice is prepared")
        try:
            answer = await self._ports.telephony.channels.play(
                self._call_id, notice_id(self._call_id), path=prompt.path, language=prompt.language
            )
        except Unavailable as error:
            return on.NoticeFailed(at_ms=None, problem=error.text)
        if answer is Answer.GONE:
            return on.CallerGone(at_ms=None)
        return on.GateLeft() if answer is Answer.ELSEWHERE else None

    async def stop_notice(self) -> None:
        """Delete its playback; one that is over already is fine."""
        try:
            await self._ports.telephony.playbacks.stop(notice_id(self._call_id))
        except Unavailable as error:
            log.warning("call=%s notice not stopped: %s", self._call_id, error.text)

    async def check_recorder(self) -> Event:
        """Ask for room; no answer is no room."""
        try:
            return on.RecorderChecked(ready=await _within(self._ports.recorder.ready()))
        except ConsentlineError as error:
            log.warning("call=%s recorder: %s", self._call_id, error.text)
            return on.RecorderChecked(ready=False)

    async def store_decision(self, effect: do.StoreDecision) -> Event:
        """Make the decision durable (I1)."""
        decision = Decision(
            call_id=self._call_id,
            outcome=effect.outcome,
            heard=effect.heard,
            prompt=self._prompt,
            recording_id=effect.recording_id,
            decided_at=self._ports.clock.now(),
            way=Way.ARI,
        )
        try:
            await _within(self._ports.register.store_decision(decision))
        except ConsentlineError as error:
            return on.StoringFailed(outcome=effect.outcome, problem=error.text)
        return on.DecisionStored(outcome=effect.outcome)

    async def expect_recording(self, recording_id: RecordingId) -> on.EffectFailed | None:
        """Tell the recorder; one that does not know of a capture could not withdraw it."""
        try:
            await _within(self._ports.recorder.started(recording_id, self._call_id))
        except ConsentlineError as error:
            return on.EffectFailed(problem=error.text)
        return None

    async def drop_recording(self, recording_id: RecordingId) -> None:
        """Tell the recorder that this one will never start."""
        try:
            await _within(self._ports.recorder.dropped(recording_id))
        except ConsentlineError as error:
            await self.alarm(AlarmKind.EFFECT_FAILED, error.text)

    async def conclude_recording(self, recording_id: RecordingId) -> on.EffectFailed | None:
        """Have an earlier gate's capture stopped and kept; one that may still run lets no other begin."""
        try:
            await _within(self._ports.recorder.conclude(recording_id))
        except ConsentlineError as error:
            return on.EffectFailed(problem=error.text)
        return None

    async def follow_call(self, *, to_record: bool) -> Event | None:
        """Subscribe; where that fails nothing may be recorded, for a withdraw key could go unseen."""
        try:
            answer = await self._ports.telephony.applications.subscribe(self._call_id)
        except Unavailable as error:
            problem = error.text
        else:
            if answer is Answer.DONE:
                return None
            if answer is Answer.GONE:
                return on.CallerGone(at_ms=None)
            problem = "ARI: no answer to a subscription"
        log.warning("call=%s not followed: %s", self._call_id, problem)
        return on.EffectFailed(problem=problem) if to_record else None

    async def send_onward(self, effect: do.Continue) -> Event | None:
        """Continue in the dial plan; that the call has left is told by its own event."""
        context, extension = way_on(effect.outcome, effect.recording_id)
        channels = self._ports.telephony.channels
        try:
            answer = await channels.continue_in_dialplan(self._call_id, context=context, extension=extension)
        except Unavailable as error:
            return on.ContinueFailed(problem=error.text)
        if answer is Answer.UNKNOWN:
            return await self._look_for_call()
        return _told(answer)

    async def _name_policy(self) -> None:
        """Tell the dial plan whose words its agents hear; the caller's way does not hang on it (I8)."""
        policy = self._visit.policy
        words = {"CONSENTLINE_POLICY": "" if policy is None else policy.name}
        if policy is not None:
            words["CONSENTLINE_LANGUAGE"] = self._visit.language
        try:
            async with asyncio.timeout(NAMING_LIMIT_S):
                for name, value in words.items():
                    await self._ports.telephony.channels.set_variable(self._call_id, name, value)
        except (Unavailable, TimeoutError) as error:
            log.warning("call=%s policy not named to the dial plan: %s", self._call_id, error)

    async def _look_for_call(self) -> Event:
        """Find out what became of a `Continue` that nobody answered: unknown, not failed."""
        problem = "ARI: no answer, and the call is still at the gate"
        for delay_s in LOOK_AGAIN_S:
            await asyncio.sleep(delay_s)
            try:
                channel = await self._ports.telephony.channels.get(self._call_id)
            except Unavailable as error:
                problem = error.text
                continue
            if channel is None:
                return on.CallerGone(at_ms=None)
            if channel.app is None:
                return on.GateLeft()
        return on.ContinueFailed(problem=problem)

    async def withdraw(self, effect: do.WithdrawRecording) -> Event:
        """Have the recording stopped and destroyed; takes as long as it takes."""
        try:
            taken_back = await self._ports.recorder.withdraw(effect.recording_id, effect.by)
        except ConsentlineError as error:
            return on.WithdrawalFailed(problem=error.text)
        return on.RecordingWithdrawn(recording_id=effect.recording_id, taken_back=taken_back)

    async def confirm_withdrawal(self, taken_back: TakenBack) -> None:
        """Say on the line what became of it."""
        policy = self._visit.policy
        if policy is None:
            return
        words: PromptName = "withdrawn" if taken_back is TakenBack.ERASED else "restricted"
        if words not in policy.prompts:  # promised by a version that had these words; no others are true
            text = f"{policy.name}: has no words for a recording that is kept closed, so nothing was said"
            await self.alarm(AlarmKind.CONFIRMATION_FAILED, text)
            return
        try:
            prepared = self._ports.prompts.prepare(policy, words, self._visit.language)
            await self._ports.confirmations.say(self._call_id, await _within(prepared))
        except ConsentlineError as error:
            await self.alarm(AlarmKind.CONFIRMATION_FAILED, error.text)

    async def end_call(self) -> None:
        """Put the end on record and tell the recorder, each whether or not the other can be told."""
        try:
            await self._ports.register.end_call(self._call_id, self._ports.clock.now())
        except ConsentlineError as error:
            await self.alarm(AlarmKind.EFFECT_FAILED, error.text)
        try:
            await self._ports.recorder.call_ended(self._call_id)
        except ConsentlineError as error:
            await self.alarm(AlarmKind.EFFECT_FAILED, error.text)

    async def alarm(self, kind: AlarmKind, text: str) -> None:
        """Tell the operator, or at least the log."""
        if kind in (AlarmKind.NOTICE_UNFIT, AlarmKind.NOTICE_INCOMPLETE) and self._visit.policy is not None:
            text = about_notice(self._visit.policy, self._visit.language, text)
        try:
            await _within(self._ports.alarms.alarm(kind.value, text, self._call_id))
        except ConsentlineError as error:
            log.error("call=%s alarm %s not raised: %s", self._call_id, kind.value, error.text)


def _told(answer: Literal[Answer.DONE, Answer.GONE, Answer.ELSEWHERE]) -> Event | None:
    """Return what an answer that came tells of the call."""
    match answer:
        case Answer.DONE:
            return None
        case Answer.GONE:
            return on.CallerGone(at_ms=None)
        case Answer.ELSEWHERE:
            return on.GateLeft()


async def _within(work: Awaitable[T]) -> T:
    """Await a port, but not for ever.

    Raises:
        Unavailable: If it takes too long; what was asked may yet be done.
    """
    try:
        async with asyncio.timeout(ERRAND_LIMIT_S):
            return await work
    except TimeoutError as error:
        raise Unavailable(f"no answer within {ERRAND_LIMIT_S:.0f} s") from error
