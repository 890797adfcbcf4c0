"""A PBX, a store, a recorder and a prompt folder in memory, on the loop's own (virtual) time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ivr.ari import Received
from ivr.ari_wire import (
    Channel,
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelHangupRequest,
    PlaybackFinished,
    PlaybackStarted,
    StasisEnd,
    StasisStart,
)
from ivr.direction import Passing
from ivr.events import Earlier
from ivr.ports import Answer, Whisper
from ivr.prompts import PromptUnfit
from policy.agent_keys import AgentKey
from policy.clock import to_ms
from policy.errors import ConsentlineError, Unavailable
from policy.evidence import Arrival, Decision, Prompt
from policy.model import Policy, PromptName
from policy.rules import stricter
from policy.vocabulary import CallId, Outcome, PolicyName, RecordingId, TakenBack, WithdrawnBy
from tests.virtual_time import VirtualClock

APP = "consentline"
NOTICE_MS = 6000
PROMPT_MS = 2000
COMMAND_S = 0.002


@dataclass
class Line:
    """A channel of the fake PBX."""

    channel: Channel
    playing: str | None = None
    queued: list[tuple[str, int]] = field(default_factory=list)
    leaving: tuple[str, str] | None = None
    timer: asyncio.TimerHandle | None = None


class FakePbx:
    """Behaves as Asterisk was measured to: nothing else is obeyed while a prompt plays (fact 1)."""

    def __init__(self, clock: VirtualClock) -> None:
        self.inbox: asyncio.Queue[Received] = asyncio.Queue()
        self.channels = FakeChannels(self)
        self.playbacks = FakePlaybacks(self)
        self.applications = FakeApplications(self)
        self.clock = clock
        self.lines: dict[CallId, Line] = {}
        self.subscribed: set[CallId] = set()
        self.ways: list[tuple[CallId, str, str]] = []
        self.answered: list[CallId] = []
        self.commands: list[str] = []
        self.spoken: list[tuple[CallId, str]] = []
        self.is_away = False
        self.is_silent: set[str] = set()
        self.is_deaf = False
        self.length_ms: Callable[[str], int | None] = _usual_length

    # --- what callers do ---

    def arrive(
        self,
        call_id: str,
        number: str = "14040",
        *,
        named: str = "",
        language: str = "nl",
        caller: str = "0612345678",
        endpoint: str = "PJSIP/trunk",
    ) -> CallId:
        channel = Channel(
            channel_id=CallId(call_id),
            name=f"{endpoint}-{0:08x}",
            language=language,
            caller_number=caller,
            app=APP,
            app_args=("gate", number, named),
        )
        self.lines[channel.channel_id] = Line(channel=channel)
        self.emit(StasisStart(channel=channel, args=channel.app_args, at_ms=self.at_ms()))
        return channel.channel_id

    def press(self, channel_id: CallId, digits: str) -> None:
        line = self.lines.get(channel_id)
        heard = (line is not None and line.channel.app is not None) or channel_id in self.subscribed
        for digit in digits if heard else "":
            self.emit(ChannelDtmfReceived(channel_id=channel_id, digit=digit, at_ms=self.at_ms()))

    def hang_up(self, channel_id: CallId) -> None:
        line = self.lines.pop(channel_id, None)
        if line is None:
            return
        in_app, followed = line.channel.app is not None, channel_id in self.subscribed
        self.subscribed.discard(channel_id)
        if in_app or followed:
            self.emit(ChannelHangupRequest(channel_id=channel_id, at_ms=self.at_ms()))
        if line.timer is not None:
            line.timer.cancel()
        for playback in [*([line.playing] if line.playing else []), *[name for name, _ in line.queued]]:
            self.emit(PlaybackFinished(playback_id=playback, failed=True, at_ms=self.at_ms()))
        if in_app:
            self.emit(StasisEnd(channel_id=channel_id, at_ms=self.at_ms()))
        if followed:
            self.emit(ChannelDestroyed(channel_id=channel_id, at_ms=self.at_ms()))

    def time_out(self, channel_id: CallId) -> None:
        """Let the dead-man switch take a call out of our application."""
        line = self.lines[channel_id]
        if line.timer is not None:
            line.timer.cancel()
        if line.playing is not None:
            self.emit(PlaybackFinished(playback_id=line.playing, failed=True, at_ms=self.at_ms()))
        self.go(line, "timeout", "T")

    # --- how it works ---

    def at_ms(self) -> int:
        return to_ms(self.clock.now())

    def emit(self, event: Received) -> None:
        if not self.is_deaf:
            self.inbox.put_nowait(event)

    def line_in_app(self, channel_id: CallId) -> Line | Answer:
        line = self.lines.get(channel_id)
        if line is None:
            return Answer.GONE
        return line if line.channel.app is not None else Answer.ELSEWHERE

    async def obey(self, command: str) -> None:
        self.commands.append(command)
        if self.is_away:
            raise Unavailable("ARI at fake: connection refused")
        await asyncio.sleep(COMMAND_S)

    def play_next(self, line: Line) -> None:
        line.playing = line.timer = None
        if line.queued:
            line.playing, length_ms = line.queued.pop(0)
            self.emit(PlaybackStarted(playback_id=line.playing, at_ms=self.at_ms()))
            loop = asyncio.get_running_loop()
            line.timer = loop.call_later(max(length_ms, 0) / 1000, self.played, line, length_ms < 0)
        elif line.leaving is not None:
            self.go(line, *line.leaving)

    def played(self, line: Line, failed: bool) -> None:
        if line.playing is not None:
            self.emit(PlaybackFinished(playback_id=line.playing, failed=failed, at_ms=self.at_ms()))
        self.play_next(line)

    def go(self, line: Line, context: str, extension: str) -> None:
        channel = line.channel
        line.playing = line.leaving = line.timer = None
        line.queued = []
        line.channel = Channel(
            channel_id=channel.channel_id,
            name=channel.name,
            language=channel.language,
            caller_number=channel.caller_number,
            app=None,
            app_args=(),
        )
        self.ways.append((channel.channel_id, context, extension))
        self.emit(StasisEnd(channel_id=channel.channel_id, at_ms=self.at_ms()))


class FakeChannels:
    def __init__(self, pbx: FakePbx) -> None:
        self._pbx = pbx

    async def list(self) -> tuple[Channel, ...]:
        await self._pbx.obey("list")
        return tuple(line.channel for line in self._pbx.lines.values())

    async def get(self, channel_id: CallId) -> Channel | None:
        await self._pbx.obey(f"get {channel_id}")
        line = self._pbx.lines.get(channel_id)
        return line.channel if line is not None else None

    async def answer(self, channel_id: CallId) -> Answer:
        await self._pbx.obey(f"answer {channel_id}")
        line = self._pbx.line_in_app(channel_id)
        if "answer" in self._pbx.is_silent:
            return Answer.UNKNOWN
        if isinstance(line, Line):
            self._pbx.answered.append(channel_id)
        return line if isinstance(line, Answer) else Answer.DONE

    async def play(self, channel_id: CallId, playback_id: str, *, path: str, language: str) -> Answer:
        await self._pbx.obey(f"play {playback_id}")
        line = self._pbx.line_in_app(channel_id)
        if isinstance(line, Answer):
            return line
        length_ms = self._pbx.length_ms(path)
        if length_ms is None:
            return Answer.DONE
        self._pbx.spoken.append((channel_id, f"{path}.{language}"))
        line.queued.append((playback_id, length_ms))
        if line.playing is None:
            self._pbx.play_next(line)
        return Answer.UNKNOWN if "play" in self._pbx.is_silent else Answer.DONE

    async def set_variable(self, channel_id: CallId, name: str, value: str) -> Answer:
        await self._pbx.obey(f"set {channel_id} {name}={value}")
        line = self._pbx.line_in_app(channel_id)
        if "set" in self._pbx.is_silent or (isinstance(line, Line) and line.playing is not None):
            await asyncio.get_running_loop().create_future()
        return line if isinstance(line, Answer) else Answer.DONE

    async def continue_in_dialplan(self, channel_id: CallId, *, context: str, extension: str) -> Answer:
        await self._pbx.obey(f"continue {channel_id} {context} {extension}")
        line = self._pbx.line_in_app(channel_id)
        if "lost continue" in self._pbx.is_silent:
            return Answer.UNKNOWN
        if isinstance(line, Answer):
            return line
        if line.playing is None:
            self._pbx.go(line, context, extension)
        else:
            line.leaving = (context, extension)
        return Answer.UNKNOWN if "continue" in self._pbx.is_silent else Answer.DONE

    async def play_tones(self, channel_id: CallId, playback_id: str, tones: str) -> Answer:
        await self._pbx.obey(f"tones {playback_id}")
        line = self._pbx.line_in_app(channel_id)
        if isinstance(line, Answer):
            return line
        self._pbx.spoken.append((channel_id, tones))
        return Answer.DONE

    async def snoop(self, channel_id: CallId, snoop_id: CallId, *, whisper: Whisper) -> Answer:
        await self._pbx.obey(f"snoop {channel_id} {whisper.value}")
        if channel_id not in self._pbx.lines:
            return Answer.GONE
        channel = Channel(
            channel_id=snoop_id,
            name=f"Snoop/{channel_id}-00000000",
            language="en",
            caller_number="",
            app=APP,
            app_args=("confirm", channel_id),
        )
        self._pbx.lines[snoop_id] = Line(channel=channel)
        self._pbx.emit(StasisStart(channel=channel, args=channel.app_args, at_ms=self._pbx.at_ms()))
        return Answer.DONE

    async def hangup(self, channel_id: CallId) -> Answer:
        await self._pbx.obey(f"hangup {channel_id}")
        known = channel_id in self._pbx.lines
        self._pbx.hang_up(channel_id)
        return Answer.DONE if known else Answer.GONE


class FakePlaybacks:
    def __init__(self, pbx: FakePbx) -> None:
        self._pbx = pbx

    async def stop(self, playback_id: str) -> Answer:
        await self._pbx.obey(f"stop {playback_id}")
        for line in self._pbx.lines.values():
            if line.playing == playback_id and line.timer is not None:
                line.timer.cancel()
                self._pbx.played(line, False)
                return Answer.DONE
        return Answer.GONE


class FakeApplications:
    def __init__(self, pbx: FakePbx) -> None:
        self._pbx = pbx

    async def subscribe(self, channel_id: CallId) -> Answer:
        await self._pbx.obey(f"subscribe {channel_id}")
        if "subscribe" in self._pbx.is_silent:
            return Answer.UNKNOWN
        if channel_id not in self._pbx.lines:
            return Answer.GONE
        self._pbx.subscribed.add(channel_id)
        return Answer.DONE

    async def unsubscribe(self, channel_id: CallId) -> Answer:
        await self._pbx.obey(f"unsubscribe {channel_id}")
        self._pbx.subscribed.discard(channel_id)
        return Answer.DONE


class FakeRegister:
    """The store; `broken` names the methods that fail, `stuck` those that never answer."""

    def __init__(self) -> None:
        self.calls: dict[CallId, Arrival] = {}
        self.decisions: list[Decision] = []
        self.ended: dict[CallId, datetime] = {}
        self.withdrawn: set[RecordingId] = set()
        self.passed: list[Passing] = []
        self.gates: dict[CallId, PolicyName | None] = {}
        self.policies: dict[RecordingId, PolicyName | None] = {}
        self.broken: dict[str, Exception] = {}
        self.stuck: set[str] = set()
        self.slow_s = 0.001
        self.on_stored: Callable[[Decision], None] = lambda _: None

    async def open_call(self, arrival: Arrival) -> Earlier | None:
        await self._work("open_call")
        self.calls.setdefault(arrival.call_id, arrival)
        self.gates[arrival.call_id] = arrival.policy
        mine = [one for one in self.decisions if one.call_id == arrival.call_id]
        if not mine:
            return None
        outcome = mine[0].outcome
        for one in mine[1:]:
            outcome = stricter(outcome, one.outcome)
        recording_id = next((one.recording_id for one in reversed(mine) if one.recording_id), None)
        return Earlier(
            outcome=outcome,
            recording_id=recording_id,
            policy=None if recording_id is None else self.policies[recording_id],
            withdrawn=recording_id in self.withdrawn,
        )

    async def store_decision(self, decision: Decision) -> None:
        await self._work("store_decision")
        assert decision.call_id in self.calls
        self.decisions.append(decision)
        if decision.recording_id is not None:
            self.policies[decision.recording_id] = self.gates[decision.call_id]
        self.on_stored(decision)

    async def pass_unasked(self, call_id: CallId, passing: Passing) -> None:
        await self._work("pass_unasked")
        self.passed.append(passing)

    async def end_call(self, call_id: CallId, at: datetime) -> None:
        await self._work("end_call")
        self.ended.setdefault(call_id, at)

    async def _work(self, name: str) -> None:
        await asyncio.sleep(self.slow_s)
        if name in self.stuck:
            await asyncio.get_running_loop().create_future()
        if name in self.broken:
            raise self.broken[name]


class FakeRecorder:
    """Remembers what it was told, in order."""

    def __init__(self, register: FakeRegister) -> None:
        self.told: list[str] = []
        self.is_ready = True
        self.broken: dict[str, ConsentlineError] = {}
        self.withdrawal_s = 0.05
        self.taken_back = TakenBack.ERASED
        self._register = register

    async def ready(self) -> bool:
        self._fail("ready")
        return self.is_ready

    async def started(self, recording_id: RecordingId, call_id: CallId) -> None:
        self._fail("started")
        self.told.append(f"started {call_id}")

    async def dropped(self, recording_id: RecordingId) -> None:
        self._fail("dropped")
        self.told.append("dropped")

    async def conclude(self, recording_id: RecordingId) -> None:
        await asyncio.sleep(0.01)
        self._fail("conclude")
        self.told.append(f"concluded {self._register.policies[recording_id]}")

    async def withdraw(self, recording_id: RecordingId, by: WithdrawnBy) -> TakenBack:
        await asyncio.sleep(self.withdrawal_s)
        self._fail("withdraw")
        self._register.withdrawn.add(recording_id)
        self.told.append(f"withdrawn {by.value}")
        return self.taken_back

    async def call_ended(self, call_id: CallId) -> None:
        self._fail("call_ended")
        self.told.append(f"ended {call_id}")

    def _fail(self, name: str) -> None:
        if name in self.broken:
            raise self.broken[name]


class FakePrompts:
    """Prompts that are all there, but for those named in `unfit`."""

    def __init__(self) -> None:
        self.unfit: set[str] = set()

    async def prepare(self, policy: Policy, prompt: PromptName, language: str) -> Prompt:
        path = f"/prompts/{policy.name}/{language}/{prompt}"
        if prompt in self.unfit:
            raise PromptUnfit(Path(f"{path}.wav"), "cannot be read")
        return Prompt(
            policy_hash=policy.content_hash,
            text_hash=policy.text_hash(prompt, language),
            language=language,
            audio_sha256="0" * 64,
            duration_ms=NOTICE_MS if prompt == "notice" else PROMPT_MS,
            path=path,
        )


class FakeAgentKeys:
    """Notes what agents ask for."""

    def __init__(self) -> None:
        self.asked: list[tuple[CallId, CallId, AgentKey]] = []

    def pressed(self, call_id: CallId, channel_id: CallId, key: AgentKey) -> None:
        self.asked.append((call_id, channel_id, key))


class FakeAlarms:
    """Remembers alarms."""

    def __init__(self) -> None:
        self.raised: list[tuple[str, CallId | None]] = []

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.raised]

    async def alarm(self, kind: str, text: str, call_id: CallId | None) -> None:
        assert "\n" not in text
        self.raised.append((kind, call_id))


class CountingRandomness:
    """Bytes that are different each time and known beforehand."""

    def __init__(self) -> None:
        self._count = 0

    def token(self, length_bytes: int) -> bytes:
        self._count += 1
        return self._count.to_bytes(length_bytes, "big")


def outcome_of_way(way: tuple[CallId, str, str]) -> Outcome:
    """Return the outcome that a way out of the gate stands for."""
    _, context, extension = way
    if context == "consentline-done":
        return Outcome(extension)
    return Outcome(context.removeprefix("consentline-record-"))


def _usual_length(path: str) -> int | None:
    return NOTICE_MS if path.endswith("notice") else PROMPT_MS
