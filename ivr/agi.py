"""The gate for a PBX without ARI: a script plays the notice, the decision is made and stored here.

The script tells what was heard and pressed; rules, outcomes and the two ways out are those of
`ivr/machine.py`. A call is open between its two questions, and nothing is recorded until the
second was answered with a stored decision (I1).
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from ivr.direction import Passing
from ivr.effects import AlarmKind
from ivr.errands import about_notice
from ivr.events import Earlier
from ivr.machine import TOLERANCE_MS
from ivr.ports import Alarms, Prompts, Recorder, Register
from ivr.prompts import PromptUnfit
from policy.clock import Clock
from policy.errors import ConsentlineError, StateConflict
from policy.evidence import Arrival, Decision, Heard, Prompt, Way
from policy.model import Policy
from policy.rules import deciding_key, outcome_of, stricter
from policy.vocabulary import CallId, Outcome, PolicyName, RecordingId, WithdrawnBy

log = logging.getLogger(__name__)

OPEN_CALLS = 1024
"""How many calls may be between their two questions; beyond that the oldest has hung up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Play this, and take this key.

    Attributes:
        key: The digit that decides; None where there is no choice.
    """

    prompt: Prompt
    key: str | None
    window_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GoOn:
    """Continue in the dialplan.

    Attributes:
        policy: Whose words the agent hears.
        language: In which.
        recording_id: Under which the dialplan starts a tape; None: it starts none.
    """

    policy: Policy | None
    language: str
    outcome: Outcome
    recording_id: RecordingId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A caller between the two questions; without a policy or a prompt the second is not put."""

    policy: Policy | None
    language: str
    prompt: Prompt | None
    earlier: Earlier | None


class AgiGate:
    """Calls that are asked by a script.

    Args:
        new_recording_id: Random names for recordings.
    """

    def __init__(
        self,
        *,
        register: Register,
        recorder: Recorder,
        prompts: Prompts,
        alarms: Alarms,
        clock: Clock,
        new_recording_id: Callable[[], RecordingId],
    ) -> None:
        self._register = register
        self._recorder = recorder
        self._prompts = prompts
        self._alarms = alarms
        self._clock = clock
        self._new_recording_id = new_recording_id
        self._open: OrderedDict[CallId, _Asked] = OrderedDict()
        self._underway: set[CallId] = set()

    def underway(self) -> frozenset[CallId]:
        """Return the calls that entered and have not ended: no session follows them, only AMI tells."""
        return frozenset(self._underway)

    def follow(self, call_id: CallId) -> None:
        """Take up a call that entered in an earlier life of the daemon."""
        self._underway.add(call_id)

    async def ended(self, call_id: CallId) -> None:
        """Put the end of a call that entered here on record; another's changes nothing.

        Raises:
            ConsentlineError: If it could not be put on record.
        """
        if call_id in self._underway:
            await self._register.end_call(call_id, self._clock.now())
            self._underway.discard(call_id)

    async def pass_unasked(self, call_id: CallId, how: Passing) -> GoOn:
        """Count a call that is asked nothing, and say where it goes; it goes there uncounted, too."""
        try:
            await self._register.pass_unasked(call_id, how)
        except ConsentlineError as error:
            log.error("a call that passed unasked is not counted: %s", error.text)
        return GoOn(policy=None, language="", outcome=Outcome.OUT_OF_SCOPE, recording_id=None)

    async def enter(self, arrival: Arrival, policy: Policy | Outcome) -> Ask | GoOn:
        """Put a call on record and say what its caller is to hear.

        Args:
            arrival: The call.
            policy: Whose gate it is, or what is decided already because no policy serves it.

        Raises:
            ConsentlineError: If the call could not be put on record; then it goes on unrecorded.
        """
        earlier = await self._register.open_call(arrival)
        self._underway.add(arrival.call_id)
        served = policy if isinstance(policy, Policy) else None
        language = arrival.language if served is None else served.language_for(arrival.language)
        if earlier is not None and (earlier.withdrawn or not earlier.outcome.permits_recording):
            outcome = Outcome.REFUSED if earlier.outcome.permits_recording else earlier.outcome
            return GoOn(policy=served, language=language, outcome=outcome, recording_id=None)
        if isinstance(policy, Outcome):
            if policy is Outcome.ERROR:
                text = "the number dialled and the policy named in the dial plan do not agree; no recording"
                await self._alarms.alarm(AlarmKind.POLICY_CONFLICT.value, text, arrival.call_id)
            asked = _Asked(policy=None, language=language, prompt=None, earlier=earlier)
            return await self._decide(arrival.call_id, asked, Heard(), policy)
        try:
            prompt = await self._prompts.prepare(policy, "notice", language)
        except PromptUnfit as error:
            text = about_notice(policy, language, error.text)
            await self._alarms.alarm(AlarmKind.NOTICE_UNFIT.value, text, arrival.call_id)
            asked = _Asked(policy=policy, language=language, prompt=None, earlier=earlier)
            return await self._decide(arrival.call_id, asked, Heard(), Outcome.NOTICE_INCOMPLETE)
        asked = _Asked(policy=policy, language=language, prompt=prompt, earlier=earlier)
        self._open[arrival.call_id] = asked
        while len(self._open) > OPEN_CALLS:
            self._open.popitem(last=False)
        return Ask(prompt=prompt, key=deciding_key(policy.consent), window_ms=policy.consent.reply_window_ms)

    async def answer(self, call_id: CallId, heard: Heard) -> GoOn:
        """Store what the caller's part amounts to, and say where the call goes.

        Raises:
            StateConflict: If the call did not enter.
            ConsentlineError: If the decision could not be stored; then the call goes on unrecorded.
        """
        asked = self._open.pop(call_id, None)
        if asked is None or asked.policy is None or asked.prompt is None:
            raise StateConflict(f"call {call_id}: answered without having been asked")
        outcome = outcome_of(asked.policy.consent, heard)
        cut_short = heard.heard_ms < asked.prompt.duration_ms - TOLERANCE_MS
        if cut_short and not (heard.finished or heard.hung_up or heard.digit):
            problem = f"the notice ended after {heard.heard_ms} of {asked.prompt.duration_ms} ms"
            text = about_notice(asked.policy, asked.language, problem)
            await self._alarms.alarm(AlarmKind.NOTICE_INCOMPLETE.value, text, call_id)
        return await self._decide(call_id, asked, heard, outcome)

    async def _decide(self, call_id: CallId, asked: _Asked, heard: Heard, outcome: Outcome) -> GoOn:
        earlier = asked.earlier
        running = None if earlier is None else earlier.recording_id
        is_anothers = running is not None and earlier is not None and earlier.policy != _name(asked.policy)
        begins = running is None or is_anothers
        recording_id = await self._reserve(call_id, outcome) if begins else None
        await self._register.store_decision(
            Decision(
                call_id=call_id,
                outcome=outcome,
                heard=heard,
                prompt=asked.prompt,
                recording_id=recording_id,
                decided_at=self._clock.now(),
                way=Way.AGI,
            )
        )  # I1: durable before the dialplan hears of it
        if running is not None and not outcome.permits_recording:
            await self._recorder.withdraw(running, WithdrawnBy.SECOND_GATE)
        elif running is not None and is_anothers:
            await self._conclude(running, recording_id)
        if recording_id is not None:
            await self._recorder.started(recording_id, call_id)
        way_on = outcome if earlier is None else stricter(outcome, earlier.outcome)
        return GoOn(policy=asked.policy, language=asked.language, outcome=way_on, recording_id=recording_id)

    async def _conclude(self, running: RecordingId, successor: RecordingId | None) -> None:
        """End an earlier policy's recording; where its tape may still run, no other begins."""
        try:
            await self._recorder.conclude(running)
        except ConsentlineError:
            if successor is not None:
                await self._recorder.dropped(successor)
            raise

    async def _reserve(self, call_id: CallId, outcome: Outcome) -> RecordingId | None:
        if not outcome.permits_recording:
            return None
        if not await self._recorder.ready():
            text = "no room for another recording; the call goes on unrecorded"
            await self._alarms.alarm(AlarmKind.RECORDER_NOT_READY.value, text, call_id)
            return None
        return self._new_recording_id()


def _name(policy: Policy | None) -> PolicyName | None:
    return None if policy is None else policy.name
