"""One contract for the fake tape, the AMI client over a socket, and a real Asterisk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Protocol

import pytest

from policy.errors import Unavailable
from policy.vocabulary import CallId, RecordingId
from recorder.ami import Ami
from recorder.mixmonitor import MixMonitors
from recorder.ports import StopOutcome, Tape
from tests.recorder.fake_manager import FakeManager
from tests.recorder.fakes import FakeAsterisk, FakeChannel, FakeTape
from tests.recorder.real import real_site

ID = RecordingId("ab" * 16)


class Site(Protocol):
    """An Asterisk, real or not, that does as the tests say."""

    tape: Tape

    async def call(self, *, recorded: bool) -> CallId:
        """Have a call, connected to somebody, with or without our tape on it."""

    async def add_foreign_tape(self, call_id: CallId) -> None:
        """Have somebody else record the same call."""

    async def hang_up(self, call_id: CallId) -> None:
        """End the call."""

    async def go_away(self) -> None:
        """Have Asterisk not answer."""


class FakeSite:
    """A site on the fake Asterisk."""

    def __init__(self, asterisk: FakeAsterisk, tape: Tape) -> None:
        self._asterisk = asterisk
        self.tape = tape

    async def call(self, *, recorded: bool) -> CallId:
        """Have a call."""
        call_id = CallId(f"1795283143.{len(self._asterisk.channels)}")
        self._asterisk.channels[call_id] = FakeChannel(bridged=True)
        if recorded:
            self._asterisk.start_tape(call_id, ID)
        return call_id

    async def add_foreign_tape(self, call_id: CallId) -> None:
        """Record it once more."""
        self._asterisk.start_tape(call_id)

    async def hang_up(self, call_id: CallId) -> None:
        """End it."""
        del self._asterisk.channels[call_id]

    async def go_away(self) -> None:
        """Fall silent."""
        self._asterisk.away = True


class SocketSite(FakeSite):
    """The fake Asterisk behind a real socket."""

    def __init__(self, asterisk: FakeAsterisk, tape: Tape, manager: FakeManager) -> None:
        super().__init__(asterisk, tape)
        self._manager = manager

    async def go_away(self) -> None:
        """Hang up and let nobody in any more."""
        self._manager.deaf_to.add("Login")
        self._manager.hang_up()


@contextlib.asynccontextmanager
async def fake_site() -> AsyncIterator[Site]:
    asterisk = FakeAsterisk()
    yield FakeSite(asterisk, FakeTape(asterisk))


@contextlib.asynccontextmanager
async def socket_site() -> AsyncIterator[Site]:
    asterisk = FakeAsterisk()
    manager = FakeManager(asterisk)
    async with manager.listen() as access:
        ami = Ami(access, hear=lambda _: None, answer_within_s=2)
        await ami.connect()
        running = asyncio.create_task(ami.run())
        yield SocketSite(asterisk, MixMonitors(ami), manager)
        running.cancel()
        await asyncio.wait({running})


Story = Callable[[Site], Coroutine[Any, Any, None]]
Play = Callable[[Story], None]


@pytest.fixture(
    params=[
        pytest.param("fake"),
        pytest.param("socket"),
        pytest.param("asterisk", marks=pytest.mark.asterisk),
    ]
)
def play(request: pytest.FixtureRequest) -> Play:
    """Return what runs a story on each site in turn."""

    def site() -> contextlib.AbstractAsyncContextManager[Site]:
        if request.param == "asterisk":
            return real_site(request.getfixturevalue("pbx").asterisk)
        return socket_site() if request.param == "socket" else fake_site()

    def run(story: Story) -> None:
        async def played() -> None:
            async with site() as opened:
                await story(opened)

        asyncio.run(played())

    return run


def test_a_running_tape_stops_once(play: Play) -> None:
    async def story(site: Site) -> None:
        call_id = await site.call(recorded=True)
        assert await site.tape.stop(call_id, ID) is StopOutcome.STOPPED
        assert await site.tape.stop(call_id, ID) is StopOutcome.NOT_RUNNING
        assert await site.tape.alive(call_id)

    play(story)


def test_a_running_tape_can_be_muted_and_heard_again_and_no_other(play: Play) -> None:
    async def story(site: Site) -> None:
        call_id = await site.call(recorded=True)
        assert await site.tape.mute(call_id, ID, on=True)
        assert await site.tape.mute(call_id, ID, on=True)
        assert await site.tape.mute(call_id, ID, on=False)
        await site.tape.stop(call_id, ID)
        assert not await site.tape.mute(call_id, ID, on=True)
        unrecorded = await site.call(recorded=False)
        assert not await site.tape.mute(unrecorded, ID, on=True)
        assert not await site.tape.mute(CallId("1795283143.999"), ID, on=True)

    play(story)


def test_a_tape_that_was_not_started_may_still_start(play: Play) -> None:
    async def story(site: Site) -> None:
        call_id = await site.call(recorded=False)
        outcome = await site.tape.stop(call_id, ID)
        assert outcome is StopOutcome.NOT_STARTED
        assert not outcome.holds

    play(story)


def test_a_channel_that_is_gone_is_an_outcome(play: Play) -> None:
    async def story(site: Site) -> None:
        call_id = await site.call(recorded=True)
        assert await site.tape.alive(call_id)
        await site.hang_up(call_id)
        assert await site.tape.stop(call_id, ID) is StopOutcome.CHANNEL_GONE
        assert await site.tape.stop_newest(call_id) is StopOutcome.CHANNEL_GONE
        assert not await site.tape.alive(call_id)

    play(story)


def test_our_own_stop_leaves_a_foreign_tape_and_the_newest_go_first(play: Play) -> None:
    async def story(site: Site) -> None:
        call_id = await site.call(recorded=True)
        await site.add_foreign_tape(call_id)
        assert await site.tape.stop(call_id, ID) is StopOutcome.STOPPED
        assert await site.tape.stop_newest(call_id) is StopOutcome.STOPPED
        assert await site.tape.stop_newest(call_id) is StopOutcome.NOT_RUNNING

    play(story)


def test_channels_tell_who_is_connected_and_under_which_name_they_are_recorded(play: Play) -> None:
    async def story(site: Site) -> None:
        recorded = await site.call(recorded=True)
        other = await site.call(recorded=False)
        channels = {channel.channel_id: channel for channel in await site.tape.channels()}
        assert channels[recorded].recording_id == ID
        assert channels[recorded].bridge_id is not None
        assert channels[other].recording_id is None

    play(story)


def test_a_recording_that_runs_no_more_is_named_no_more_and_another_one_stays(play: Play) -> None:
    async def story(site: Site) -> None:
        call_id = await site.call(recorded=True)

        async def named() -> RecordingId | None:
            channels = await site.tape.channels()
            return next(one.recording_id for one in channels if one.channel_id == call_id)

        await site.tape.unname(call_id, RecordingId("cd" * 16))
        assert await named() == ID
        await site.tape.unname(call_id, ID)
        assert await named() is None
        await site.hang_up(call_id)
        await site.tape.unname(call_id, ID)

    play(story)


def test_an_asterisk_that_is_away_is_an_error_each_time(play: Play) -> None:
    async def story(site: Site) -> None:
        call_id = await site.call(recorded=True)
        await site.go_away()
        with pytest.raises(Unavailable):
            await site.tape.stop(call_id, ID)
        with pytest.raises(Unavailable):
            await site.tape.stop_newest(call_id)
        with pytest.raises(Unavailable):
            await site.tape.alive(call_id)
        with pytest.raises(Unavailable):
            await site.tape.channels()

    play(story)
