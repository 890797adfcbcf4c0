"""The gate on a real Asterisk, with callers who follow a script, and the facts it rests upon."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ivr.ari import Ari, Connected, Lost, Received
from ivr.ari_wire import (
    ChannelDestroyed,
    ChannelHangupRequest,
    PlaybackFinished,
    PlaybackStarted,
    StasisEnd,
    StasisStart,
)
from ivr.dispatch import Dispatch
from ivr.ports import Answer, Whisper
from ivr.state import Phase
from policy.clock import SystemClock, SystemRandomness
from policy.errors import StateConflict
from policy.vocabulary import CallId
from sandbox.asterisk import Asterisk
from tests.ivr.fakes import APP, FakeAgentKeys, FakeAlarms, FakeRecorder, FakeRegister
from tests.ivr.real import (
    RealPrompts,
    Wire,
    call,
    client,
    hang_up_everybody,
    running_asterisk,
    write_tone,
)
from tests.ivr.stage import policies
from tests.recorder.patience import until

pytestmark = pytest.mark.asterisk

PATIENCE_S = 15.0


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asterisk]:
    """One Asterisk for this file."""
    with running_asterisk(tmp_path_factory.mktemp("gate")) as instance:
        yield instance


class Hearing:
    """A client whose events are read one by one."""

    def __init__(self, ari: Ari) -> None:
        self.ari = ari
        self.inbox: asyncio.Queue[Received] = asyncio.Queue()
        self.heard: list[Received] = []

    async def next(self, *kinds: type) -> Received:
        """Return the next event of these kinds; those before it are remembered too."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = await self.inbox.get()
                self.heard.append(event)
                if isinstance(event, kinds):
                    return event

    async def arrival(self) -> CallId:
        event = await self.next(StasisStart)
        assert isinstance(event, StasisStart)
        return event.channel.channel_id


@contextlib.asynccontextmanager
async def hearing(asterisk: Asterisk) -> AsyncIterator[Hearing]:
    async with client(asterisk) as ari:
        there = Hearing(ari)
        task = asyncio.create_task(ari.listen(there.inbox))
        await there.next(Connected)
        try:
            yield there
        finally:
            await hang_up_everybody(asterisk)
            task.cancel()
            await asyncio.wait([task])


# --- facts ------------------------------------------------------------------------------------------


async def played_s(there: Hearing, channel: CallId, path: Path) -> float:
    """Play a file and return how long it was heard, or -1 when it failed."""
    number = len(there.heard)
    await there.ari.channels.play(channel, f"try-{number}", path=str(path), language="nl")
    started = await there.next(PlaybackStarted)
    finished = await there.next(PlaybackFinished)
    assert isinstance(started, PlaybackStarted)
    assert isinstance(finished, PlaybackFinished)
    return -1 if finished.failed else (finished.at_ms - started.at_ms) / 1000


@pytest.mark.parametrize("number", ["14040", "en14040"])
def test_an_absolute_path_is_played_as_it_is_unless_a_language_folder_lies_beneath(
    asterisk: Asterisk, tmp_path: Path, number: str
) -> None:
    write_tone(tmp_path / "plain" / "nl" / "notice.wav", 0.8)
    write_tone(tmp_path / "rival" / "nl" / "notice.wav", 0.8)
    write_tone(tmp_path / "rival" / "nl" / "nl" / "notice.wav", 0.3)

    async def story() -> None:
        async with hearing(asterisk) as there:
            await call(asterisk, "silent", number)
            channel = await there.arrival()
            assert await played_s(there, channel, tmp_path / "plain/nl/notice") == pytest.approx(0.8, abs=0.1)
            assert await played_s(there, channel, tmp_path / "rival/nl/notice") == pytest.approx(0.3, abs=0.1)
            assert await played_s(there, channel, tmp_path / "none/nl/notice") == -1

    asyncio.run(story())


def test_commands_on_channels_that_are_gone_or_elsewhere_say_so(asterisk: Asterisk) -> None:
    async def story() -> None:
        async with hearing(asterisk) as there:
            channels, nobody = there.ari.channels, CallId("0.0")
            assert await channels.get(nobody) is None
            assert await channels.hangup(nobody) is Answer.GONE
            assert await channels.play(nobody, "p", path="/x", language="nl") is Answer.GONE
            assert await channels.snoop(nobody, CallId("s"), whisper=Whisper.BOTH) is Answer.GONE
            assert await there.ari.playbacks.stop("p") is Answer.GONE
            assert await there.ari.applications.subscribe(nobody) is Answer.GONE
            assert await there.ari.applications.unsubscribe(nobody) is Answer.GONE
            await call(asterisk, "silent")
            channel = await there.arrival()
            shown = await channels.get(channel)
            assert shown is not None
            assert (shown.app, shown.app_args[:2]) == (APP, ("gate", "14040"))
            assert shown in await channels.list()
            way = {"context": "consentline-done", "extension": "refused"}
            assert await channels.continue_in_dialplan(channel, **way) is Answer.DONE
            await there.next(StasisEnd)
            assert await channels.continue_in_dialplan(channel, **way) is Answer.ELSEWHERE
            assert await channels.play(channel, "p", path="/x", language="nl") is Answer.ELSEWHERE
            shown = await channels.get(channel)
            assert shown is not None
            assert shown.app is None

    asyncio.run(story())


def test_a_hang_up_is_announced_before_its_playback_fails_and_its_channel_leaves(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    write_tone(tmp_path / "notice.wav", 5)

    async def story() -> None:
        async with hearing(asterisk) as there:
            await call(asterisk, "leaves")
            channel = await there.arrival()
            await there.ari.channels.play(channel, "long", path=str(tmp_path / "notice"), language="nl")
            await there.next(StasisEnd)
            kinds = [type(event) for event in there.heard[-3:]]
            assert kinds == [ChannelHangupRequest, PlaybackFinished, StasisEnd]

    asyncio.run(story())


def test_only_a_subscription_tells_of_the_end_of_a_call_past_the_gate(asterisk: Asterisk) -> None:
    async def story() -> None:
        async with hearing(asterisk) as there:
            await call(asterisk, "silent")
            await call(asterisk, "silent")
            followed, unfollowed = await there.arrival(), await there.arrival()
            assert await there.ari.applications.subscribe(followed) is Answer.DONE
            for channel in (followed, unfollowed):
                await there.ari.channels.continue_in_dialplan(
                    channel, context="consentline-done", extension="refused"
                )
                await there.next(StasisEnd)
            await there.ari.channels.hangup(unfollowed)
            await there.ari.channels.hangup(followed)
            ended = await there.next(ChannelDestroyed)
            assert isinstance(ended, ChannelDestroyed)
            assert ended.channel_id == followed

    asyncio.run(story())


def test_a_second_client_on_our_name_is_fatal_to_the_first(asterisk: Asterisk) -> None:
    async def story() -> None:
        async with client(asterisk) as first, client(asterisk) as second:
            inbox: asyncio.Queue[Received] = asyncio.Queue()
            one = asyncio.create_task(first.listen(inbox))
            await inbox.get()
            assert (await first.self_check()).app_registered
            other = asyncio.create_task(second.listen(asyncio.Queue()))
            with pytest.raises(StateConflict):
                await asyncio.wait_for(one, PATIENCE_S)
            assert isinstance(inbox.get_nowait(), Lost)
            other.cancel()
            await asyncio.wait([other])

    asyncio.run(story())


# --- whole calls ------------------------------------------------------------------------------------


class Site:
    """A gate with a real Asterisk below and fakes beside it."""

    def __init__(self, asterisk: Asterisk, ari: Ari, prompts: RealPrompts) -> None:
        self.asterisk = asterisk
        self.register = FakeRegister()
        self.recorder = FakeRecorder(self.register)
        self.alarms = FakeAlarms()
        self.dispatch = Dispatch(
            app=APP,
            telephony=ari,
            register=self.register,
            recorder=self.recorder,
            prompts=prompts,
            alarms=self.alarms,
            policies=policies(),
            clock=SystemClock(),
            randomness=SystemRandomness(),
            agent_keys=FakeAgentKeys(),
        )

    def decided(self) -> list[str]:
        return [decision.outcome.value for decision in self.register.decisions]

    async def went_on(self, ways: int) -> None:
        """Wait until so many calls are past the gate."""

        def past() -> int:
            return sum(live.phase is Phase.CALL for live in self.dispatch.live())

        await until(lambda: past() == ways, within_s=PATIENCE_S)


@contextlib.asynccontextmanager
async def site(asterisk: Asterisk, folder: Path, *, port: int | None = None) -> AsyncIterator[Site]:
    prompts = RealPrompts(folder / "prompts", list(policies().by_name.values()))
    async with client(asterisk, port=port) as ari:
        there = Site(asterisk, ari, prompts)
        tasks = [
            asyncio.create_task(ari.listen(there.dispatch.inbox)),
            asyncio.create_task(there.dispatch.run()),
        ]
        await until(lambda: ari.is_connected)
        try:
            yield there
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def test_callers_who_are_silent_refuse_leave_or_withdraw_each_get_what_they_want(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    async def story() -> None:
        async with site(asterisk, tmp_path) as there:
            for caller in ("silent", "refuses", "leaves", "withdraws"):
                await call(asterisk, caller)
            await there.went_on(3)
            assert sorted(there.decided()) == ["caller_gone", "not_refused", "not_refused", "refused"]
            await until(lambda: "withdrawn caller_key" in there.recorder.told)
            recording = [live for live in there.dispatch.live() if live.recording_id is not None]
            assert len(recording) == 1
            await hang_up_everybody(asterisk)
            await until(lambda: there.dispatch.live() == ())
            assert there.alarms.raised == []
            (refused,) = [one for one in there.register.decisions if one.outcome.value == "refused"]
            assert refused.heard.heard_ms == pytest.approx(1000, abs=400)

    asyncio.run(story())


def test_a_cut_websocket_sends_the_asked_onward_and_codes_work_again_afterwards(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    async def story() -> None:
        wire = Wire(asterisk)
        async with wire.relaying(), site(asterisk, tmp_path, port=wire.port) as there:
            await call(asterisk, "withdraws")
            await there.went_on(1)
            await call(asterisk, "silent")
            await until(lambda: len(there.dispatch.live()) == 2)
            wire.cut_events()
            await there.went_on(2)
            assert there.decided() == ["not_refused", "error"]
            await until(lambda: "withdrawn caller_key" in there.recorder.told)
            await hang_up_everybody(asterisk)
            await until(lambda: there.dispatch.live() == ())

    asyncio.run(story())


def test_a_daemon_that_died_in_the_notice_leaves_a_caller_whom_the_next_one_sends_onward(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    async def story() -> None:
        async with site(asterisk, tmp_path) as first:
            await call(asterisk, "silent")
            await until(lambda: [live.phase for live in first.dispatch.live()] == [Phase.NOTICE])
        async with site(asterisk, tmp_path) as second:
            await second.went_on(1)
            assert second.decided() == ["gate_unavailable"]
            assert second.alarms.kinds == ["caller_freed"]
            await hang_up_everybody(asterisk)
            await until(lambda: second.dispatch.live() == ())

    asyncio.run(story())


def test_the_dead_man_switch_frees_the_caller_and_nothing_is_recorded(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    async def story() -> None:
        async with site(asterisk, tmp_path) as there:
            await call(asterisk, "silent", "dead14040")
            await there.went_on(1)
            assert there.decided()[0] in ("notice_incomplete", "gate_unavailable")
            assert there.recorder.told == []
            await hang_up_everybody(asterisk)
            await until(lambda: there.dispatch.live() == ())

    asyncio.run(story())


def test_refusing_at_a_second_gate_withdraws_what_the_first_permitted(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    async def story() -> None:
        async with site(asterisk, tmp_path) as there:
            await call(asterisk, "changes", "twice14040")
            await until(lambda: len(there.register.decisions) == 2, within_s=PATIENCE_S)
            assert there.decided() == ["not_refused", "refused"]
            await until(lambda: "withdrawn second_gate" in there.recorder.told)
            await there.went_on(1)
            await hang_up_everybody(asterisk)
            await until(lambda: there.dispatch.live() == ())

    asyncio.run(story())
