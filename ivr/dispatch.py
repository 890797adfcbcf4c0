"""From Asterisk's events to the calls they belong to, and back to order after a lost connection.

Nobody else starts or ends a session. After every connect Asterisk is asked what is there: a call that
vanished unseen is gone, one that stands at the gate without a session is sent onward, unasked and
unrecorded (I7, I8, I9).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from ivr import ari_wire
from ivr import events as on
from ivr.ari import Connected, Lost, Received
from ivr.ari_wire import Channel, StasisStart
from ivr.confirmation import Confirmations
from ivr.direction import Passing, passing
from ivr.effects import AlarmKind, Continue
from ivr.errands import Errands, Ports, Visit, call_of_notice
from ivr.events import Earlier
from ivr.keypad import Ears, Listener, Meaning
from ivr.ports import AgentKeys, Alarms, Answer, Prompts, Recorder, Register, Telephony
from ivr.session import Session
from ivr.signals import Signal
from ivr.state import Phase, Tape
from policy.agent_keys import AgentKey, agent_codes
from policy.clock import Clock, Randomness
from policy.errors import ConsentlineError, Unavailable
from policy.evidence import Arrival, Way
from policy.load import Policies
from policy.model import Policy
from policy.rules import select_policy, stricter
from policy.vocabulary import CallId, Outcome, RecordingId, TakenBack, WithdrawnBy

log = logging.getLogger(__name__)

GRACE_S = 1.0
"""How long a call at the gate may be without a session: its `StasisStart` may still be on its way."""
RECONCILE_AGAIN_S = (1.0, 3.0, 10.0)

_NOT_DIALLED = re.compile(r"[^0-9+]")
_LONGEST_NUMBER = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCall:
    """A call as `status` shows it.

    Attributes:
        outcome: The strictest decided so far, or None.
        recording_id: What is being recorded now, or None.
    """

    call_id: CallId
    policy: str | None
    phase: Phase
    outcome: Outcome | None
    recording_id: RecordingId | None


class Dispatch:
    """All sessions.

    Args:
        app: Name of our Stasis application.
        policies: Every policy served; `serve` replaces them while calls go on.
        agent_keys: Sees to what agents ask for by key.
        trunks: Endpoints from which callers from outside come; empty: everybody is one.
    """

    def __init__(
        self,
        *,
        app: str,
        telephony: Telephony,
        register: Register,
        recorder: Recorder,
        prompts: Prompts,
        alarms: Alarms,
        policies: Policies,
        clock: Clock,
        randomness: Randomness,
        agent_keys: AgentKeys,
        trunks: Collection[str] = (),
    ) -> None:
        self.inbox: asyncio.Queue[Received] = asyncio.Queue()
        self._app = app
        self._policies = policies
        self._trunks = trunks
        self._agent_keys = agent_keys
        self._randomness = randomness
        self._confirmations = Confirmations(telephony)
        self._ports = Ports(
            telephony=telephony,
            register=register,
            recorder=recorder,
            prompts=prompts,
            alarms=alarms,
            confirmations=self._confirmations,
            clock=clock,
        )
        self._sessions: dict[CallId, Session] = {}
        self._ears = Ears()
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False

    async def run(self) -> None:
        """Work on events for ever; when cancelled, the sessions end with it."""
        try:
            while True:
                self._receive(await self.inbox.get())
        finally:
            for task in self._tasks:
                task.cancel()

    def serve(self, policies: Policies) -> None:
        """Use other policies for calls that come from now on."""
        self._policies = policies

    def live(self) -> tuple[LiveCall, ...]:
        """Return every call that has a session, oldest first."""
        return tuple(_shown(session) for session in self._sessions.values())

    def follows(self, channel_id: CallId) -> bool:
        """Tell whether a channel is the caller's of a call that has a session."""
        return channel_id in self._sessions

    # --- asked from outside -----------------------------------------------------------------------

    def confirm(self, call_id: CallId, recording_id: RecordingId, taken_back: TakenBack) -> bool:
        """Say on the line what became of the recording: it was taken back by another road.

        One that was concluded at another policy's gate goes in silence: the one that runs stays.

        Returns:
            Whether the call has a session; without one nobody is on the line, or nobody we know.
        """
        session = self._sessions.get(call_id)
        if session is None:
            return False
        session.deliver(on.RecordingWithdrawn(recording_id=recording_id, taken_back=taken_back))
        return True

    def recording_ended(self, call_id: CallId, recording_id: RecordingId, erased: bool) -> None:
        """Take in that a recording was ended while its call goes on."""
        self._deliver(call_id, on.RecordingEnded(recording_id=recording_id, erased=erased))

    async def watch(self, channel_id: CallId, call_id: CallId) -> None:
        """Listen for the agent's codes on a channel that was bridged to a call, until `unwatch`."""
        session = self._sessions.get(call_id)
        policy = session.policy if session is not None else None
        if channel_id == call_id or policy is None:
            return
        codes: Mapping[Meaning, str] = dict(agent_codes(policy).items())
        if not codes:
            return
        self._ears.listen(channel_id, call_id, codes)
        try:
            await self._ports.telephony.applications.subscribe(channel_id)
        except Unavailable as error:
            log.warning("call=%s channel=%s not watched: %s", call_id, channel_id, error.text)

    async def signal(self, channel_id: CallId, signal: Signal) -> None:
        """Have an agent hear a signal that nobody else does; it is no loss if they do not."""
        try:
            await self._confirmations.signal(channel_id, signal)
        except Unavailable as error:
            log.warning("channel=%s does not hear %s: %s", channel_id, signal.value, error.text)

    async def unwatch(self, channel_id: CallId) -> None:
        """Stop listening: the channel left the call. What it says elsewhere is not ours."""
        if not self._ears.forget(channel_id):
            return
        try:
            await self._ports.telephony.applications.unsubscribe(channel_id)
        except Unavailable as error:
            log.warning("channel=%s still subscribed to: %s", channel_id, error.text)

    def resume(self, arrival: Arrival, earlier: Earlier) -> None:
        """Take up a call that went past the gate unseen; one that has a session stays as it is."""
        if self.follows(arrival.call_id):
            return
        name = earlier.policy or arrival.policy  # the last gate was perhaps not the first one's
        policy = self._policies.by_name.get(name) if name is not None else None
        visit = Visit(arrival=arrival, policy=policy, verdict=None, new_recording_id=self._new_id())
        self._start(Session(self._ports, visit, earlier=earlier))

    async def drain(self, limit_s: float) -> int:
        """Send every call at the gate onward, unrecorded, before the daemon stops.

        Returns:
            How many were still there when the time was up.
        """
        self._draining = True
        for session in self._sessions.values():
            session.deliver(on.ConnectionLost())
        try:
            async with asyncio.timeout(limit_s):
                while self._at_the_gate():  # noqa: ASYNC110 - sessions know nothing of being drained
                    await asyncio.sleep(0.02)
        except TimeoutError:
            log.warning("%d calls left at the gate", self._at_the_gate())
        return self._at_the_gate()

    def _at_the_gate(self) -> int:
        beyond = (Phase.CALL, Phase.OVER)
        return sum(session.phase not in beyond for session in self._sessions.values())

    # --- events -----------------------------------------------------------------------------------

    def _receive(self, event: Received) -> None:
        match event:
            case Connected():
                self._go(self._reconcile())
            case Lost():
                for session in self._sessions.values():
                    session.deliver(on.ConnectionLost())
            case StasisStart():
                self._entered(event)
            case ari_wire.StasisEnd():
                self._deliver(event.channel_id, on.GateLeft())
            case ari_wire.PlaybackStarted():
                self._deliver_playback(event.playback_id, on.NoticeStarted(at_ms=event.at_ms))
            case ari_wire.PlaybackFinished():
                self._finished(event)
            case ari_wire.ChannelDtmfReceived():
                self._pressed(event)
            case ari_wire.ChannelHangupRequest():
                self._hanging_up(event)
            case ari_wire.ChannelDestroyed():
                self._ears.forget(event.channel_id)
                self._deliver(event.channel_id, on.CallerGone(at_ms=event.at_ms))
            case _:
                pass

    def _entered(self, event: StasisStart) -> None:
        if event.channel.is_snoop:
            self._confirmations.entered(event)
            return
        self._begin(event.channel, event.args)

    def _begin(self, channel: Channel, args: tuple[str, ...], *, late: bool = False) -> None:
        purpose, number, named = (*args, "", "", "")[:3]
        if purpose != "gate":
            text = "a channel entered our application by a dial plan that is not ours"
            self._go(self._alarm(AlarmKind.GATE_MISUSED, text, channel.channel_id))
            named, number = "", ""
        passing_on = self._passing(channel, args)
        if passing_on is not None:
            self._go(self._pass_on(channel, passing_on))
            return
        policy, verdict = self._select(number, named)
        if late or self._draining:
            verdict = stricter(Outcome.GATE_UNAVAILABLE, verdict or Outcome.GATE_UNAVAILABLE)
        visit = Visit(
            arrival=self._arrival(channel, policy, number),
            policy=policy,
            verdict=verdict,
            new_recording_id=self._new_id(),
            found_late=late,
        )
        session = self._sessions.get(channel.channel_id)
        if session is None:
            self._start(Session(self._ports, visit))
            return
        session.reenter(visit)
        if policy is not None:
            self._listen_to_caller(channel.channel_id, policy)

    def _passing(self, channel: Channel, args: tuple[str, ...]) -> Passing | None:
        """Return how a call goes on unasked; one that was asked once stays with its session."""
        purpose, number, named = (*args, "", "", "")[:3]
        if purpose != "gate" or channel.channel_id in self._sessions:
            return None
        return passing(self._policies, self._trunks, channel=channel.name, number=number, named=named or None)

    async def _pass_on(self, channel: Channel, how: Passing) -> None:
        """Send a call onward, unanswered, and remember no more of it than that there was one (N1)."""
        visit = Visit(
            arrival=self._arrival(channel, None, ""),
            policy=None,
            verdict=Outcome.OUT_OF_SCOPE,
            new_recording_id=self._new_id(),
        )
        onward = Continue(outcome=Outcome.OUT_OF_SCOPE, recording_id=None)
        failed = await Errands(self._ports, visit).send_onward(onward)
        if isinstance(failed, on.ContinueFailed):  # the dead-man switch frees the call
            await self._alarm(AlarmKind.CONTINUE_FAILED, failed.problem, channel.channel_id)
        try:
            await self._ports.register.pass_unasked(channel.channel_id, how)
        except ConsentlineError as error:
            log.error("a call that passed unasked is not counted: %s", error.text)

    def _select(self, number: str, named: str) -> tuple[Policy | None, Outcome | None]:
        selected = select_policy(self._policies, number=number, named=named or None)
        return (None, selected) if isinstance(selected, Outcome) else (selected, None)

    def _arrival(self, channel: Channel, policy: Policy | None, number: str) -> Arrival:
        return Arrival(
            call_id=channel.channel_id,
            channel=channel.name,
            policy=policy.name if policy is not None else None,
            number=_NOT_DIALLED.sub("", number)[:_LONGEST_NUMBER],
            caller=channel.caller_number,
            language=channel.language,
            started_at=self._ports.clock.now(),
            way=Way.ARI,
        )

    def _start(self, session: Session) -> None:
        self._sessions[session.call_id] = session
        policy = session.policy
        if policy is not None:
            self._listen_to_caller(session.call_id, policy)
        self._go(self._live_through(session))

    async def _live_through(self, session: Session) -> None:
        try:
            await session.run()
        finally:
            del self._sessions[session.call_id]
            self._ears.forget_call(session.call_id)

    def _finished(self, event: ari_wire.PlaybackFinished) -> None:
        self._confirmations.finished(event)
        if event.failed:
            problem = "Asterisk could not play the notice to its end"
            self._deliver_playback(event.playback_id, on.NoticeFailed(at_ms=event.at_ms, problem=problem))
        else:
            self._deliver_playback(event.playback_id, on.NoticeEnded(at_ms=event.at_ms))

    def _pressed(self, event: ari_wire.ChannelDtmfReceived) -> None:
        session = self._sessions.get(event.channel_id)
        if session is not None:
            session.press(event.digit, event.at_ms)
        listener = self._ears.press(event.channel_id, event.digit, event.at_ms)
        if listener is not None:
            self._obey(event.channel_id, listener)

    def _obey(self, channel_id: CallId, listener: Listener) -> None:
        match listener.meaning:
            case WithdrawnBy() as by:
                self._deliver(listener.call_id, on.WithdrawCodePressed(by=by))
            case AgentKey.WITHDRAW:
                self._deliver(listener.call_id, on.WithdrawCodePressed(by=WithdrawnBy.AGENT_KEY))
            case AgentKey() as key:
                self._agent_keys.pressed(listener.call_id, channel_id, key)

    def _hanging_up(self, event: ari_wire.ChannelHangupRequest) -> None:
        """Believe it at the gate, where nothing else tells; beyond, the channel's end tells for certain."""
        session = self._sessions.get(event.channel_id)
        if session is not None and session.phase is not Phase.CALL:
            session.deliver(on.CallerGone(at_ms=event.at_ms))

    def _deliver(self, call_id: CallId, event: on.Event) -> None:
        session = self._sessions.get(call_id)
        if session is not None:
            session.deliver(event)

    def _deliver_playback(self, playback_id: str, event: on.Event) -> None:
        call_id = call_of_notice(playback_id)
        if call_id is not None:
            self._deliver(call_id, event)

    def _listen_to_caller(self, call_id: CallId, policy: Policy) -> None:
        if policy.consent.withdraw_code is not None:
            self._ears.listen(call_id, call_id, {WithdrawnBy.CALLER_KEY: policy.consent.withdraw_code})

    # --- back to order ----------------------------------------------------------------------------

    async def _reconcile(self) -> None:
        """Compare what Asterisk has with what we know (I7)."""
        for again_s in RECONCILE_AGAIN_S:
            try:
                channels = await self._ports.telephony.channels.list()
                await self._compare(channels)
                return
            except ConsentlineError as error:
                log.warning("not reconciled with Asterisk: %s", error.text)
            await asyncio.sleep(again_s)

    async def _compare(self, channels: tuple[Channel, ...]) -> None:
        here = {channel.channel_id: channel for channel in channels}
        for session in tuple(self._sessions.values()):
            channel = here.get(session.call_id)
            if channel is None:
                session.deliver(on.CallerGone(at_ms=None))
            elif channel.app != self._app and session.phase is not Phase.CALL:
                session.deliver(on.GateLeft())
        beyond = [call_id for call_id, session in self._sessions.items() if session.phase is Phase.CALL]
        for channel_id in sorted({*self._ears.channels(), *beyond} & here.keys()):
            if await self._ports.telephony.applications.subscribe(channel_id) is Answer.GONE:
                self._deliver(channel_id, on.CallerGone(at_ms=None))
        strangers = [channel.channel_id for channel in channels if self._is_stranger(channel)]
        if strangers:
            await asyncio.sleep(GRACE_S)
        for channel_id in strangers:
            await self._send_onward(channel_id)

    def _is_stranger(self, channel: Channel) -> bool:
        """Return whether a channel is in our application and nobody asks its caller anything."""
        if channel.app != self._app or self._confirmations.speaks_on(channel.channel_id):
            return False
        session = self._sessions.get(channel.channel_id)
        return session is None or session.phase in (Phase.LEAVING, Phase.CALL)

    async def _send_onward(self, channel_id: CallId) -> None:
        """Send onward who stands at the gate since a time when nobody was there to see them come."""
        channel = await self._ports.telephony.channels.get(channel_id)
        if channel is None or not self._is_stranger(channel):
            return
        if channel.is_snoop:
            await self._ports.telephony.channels.hangup(channel_id)
            return
        if self._passing(channel, channel.app_args) is not None:
            self._begin(channel, channel.app_args)
            return
        text = "a call stood at the gate unseen; it goes on unrecorded"
        await self._alarm(AlarmKind.CALLER_FREED, text, channel_id)
        session = self._sessions.get(channel_id)
        if session is not None and session.phase is Phase.LEAVING:
            session.deliver(on.ContinueFailed(problem="the call is still at the gate"))
        else:
            self._begin(channel, channel.app_args, late=True)

    async def _alarm(self, kind: AlarmKind, text: str, call_id: CallId) -> None:
        try:
            await self._ports.alarms.alarm(kind.value, text, call_id)
        except ConsentlineError as error:
            log.error("call=%s alarm %s not raised: %s", call_id, kind.value, error.text)

    # --- small things -----------------------------------------------------------------------------

    def _new_id(self) -> RecordingId:
        return RecordingId(self._randomness.token(16).hex())

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._is_done)

    def _is_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        bug = None if task.cancelled() else task.exception()
        if bug is not None:
            log.error("a task of the dispatch failed", exc_info=bug)


def _shown(session: Session) -> LiveCall:
    state, earlier = session.state, session.state.earlier
    outcome = state.outcome
    if earlier is not None:
        outcome = earlier.outcome if outcome is None else stricter(earlier.outcome, outcome)
    return LiveCall(
        call_id=session.call_id,
        policy=session.arrival.policy,
        phase=session.phase,
        outcome=outcome,
        recording_id=state.tape_id if state.tape is Tape.RUNNING else None,
    )
