"""The manager interface's client, against a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from itertools import repeat

import pytest

from policy.errors import Unavailable
from policy.vocabulary import CallId
from recorder.ami import Ami, AmiAccess, AmiLost, Heard, LinkDown, LinkUp
from recorder.ami_wire import FullyBooted, HungUp, get_variable, list_channels, ping, stop_mixmonitor
from tests.recorder.ami_words import described
from tests.recorder.fake_manager import FakeManager
from tests.recorder.fakes import FakeAsterisk, FakeChannel
from tests.recorder.patience import until

CALL = CallId("1795283143.0")
HANGUP = f"Event: Hangup\r\n{described('PJSIP/a-1', CALL)}\r\n".encode()


def at_once() -> Iterator[float]:
    yield from repeat(0.01)


@contextlib.asynccontextmanager
async def connected(
    access: AmiAccess, heard: list[Heard], *, answer_within_s: float = 5.0, silence_s: float = 15.0
) -> AsyncIterator[Ami]:
    ami = Ami(
        access,
        hear=heard.append,
        delays=at_once,
        answer_within_s=answer_within_s,
        silence_s=silence_s,
    )
    await ami.connect()
    running = asyncio.create_task(ami.run())
    try:
        yield ami
    finally:
        running.cancel()
        await asyncio.wait({running})


def test_a_good_login_brings_the_link_up_and_answers_come_to_their_askers() -> None:
    async def story() -> None:
        manager = FakeManager(FakeAsterisk(channels={CALL: FakeChannel(ours="0x1", tapes=["0x1"])}))
        heard: list[Heard] = []
        async with manager.listen() as access, connected(access, heard) as ami:
            answers = await asyncio.gather(
                *(ami.ask(get_variable(CALL, "CONSENTLINE_MMID")) for _ in range(50)),
                *(ami.ask(get_variable(CallId("1.1"), "CONSENTLINE_MMID")) for _ in range(50)),
            )
            assert [answer.value for answer in answers[:50]] == ["0x1"] * 50
            assert {answer.message for answer in answers[50:]} == {"No such channel"}
            assert heard == [LinkUp()]

    asyncio.run(story())


def test_a_list_comes_back_whole() -> None:
    async def story() -> None:
        channels = {CallId(f"1795283143.{n}"): FakeChannel(bridged=n == 1) for n in range(3)}
        manager = FakeManager(FakeAsterisk(channels=channels))
        async with manager.listen() as access, connected(access, []) as ami:
            listed = await ami.ask_list(list_channels(["CONSENTLINE_MMID"]))
            assert [(channel.channel_id, channel.bridge_id is not None) for channel in listed] == [
                ("1795283143.0", False),
                ("1795283143.1", True),
                ("1795283143.2", False),
            ]
            assert len(await ami.ask_list(list_channels(["CONSENTLINE_MMID"]))) == 3

    asyncio.run(story())


def test_a_wrong_password_is_said_in_one_line_with_a_hint() -> None:
    async def story() -> None:
        async with FakeManager(FakeAsterisk()).listen() as good:
            access = AmiAccess(host=good.host, port=good.port, user="consentline", password="fout")
            with pytest.raises(Unavailable) as caught:
                await Ami(access, hear=lambda _: None).connect()
            assert str(caught.value) == (
                f'127.0.0.1:{good.port}: AMI refused user "consentline": Authentication failed'
            )
            assert caught.value.hint is not None and "manager.conf" in caught.value.hint
            assert caught.value.exit_code == 7
            assert "fout" not in repr(access)

    asyncio.run(story())


def test_nobody_there_and_another_service_there_are_said_in_one_line_each() -> None:
    async def story() -> None:
        manager = FakeManager(FakeAsterisk())
        async with manager.listen() as access:
            manager.greeting = b"SSH-2.0-OpenSSH_9.2p1\r\n"
            with pytest.raises(Unavailable, match="expected .Asterisk Call Manager"):
                await Ami(access, hear=lambda _: None).connect()
        with pytest.raises(Unavailable, match="AMI cannot be reached"):
            await Ami(access, hear=lambda _: None).connect()

    asyncio.run(story())


def test_a_login_that_is_never_answered_does_not_hang() -> None:
    async def story() -> None:
        manager = FakeManager(FakeAsterisk())
        manager.deaf_to.add("Login")
        async with manager.listen() as access:
            with pytest.raises(Unavailable, match="no answer to the login"):
                await Ami(access, hear=lambda _: None, answer_within_s=0.05).connect()

    asyncio.run(story())


def test_events_right_behind_the_login_are_heard_in_order() -> None:
    async def story() -> None:
        manager = FakeManager(FakeAsterisk())
        manager.extra = b"Event: FullyBooted\r\n\r\nEvent: Newstate\r\n\r\n" + HANGUP
        heard: list[Heard] = []
        async with manager.listen() as access, connected(access, heard) as ami:
            await until(lambda: len(heard) == 3)
            gone = HungUp(channel_id=CALL, linked_id=CALL, channel="PJSIP/a-1")
            assert heard == [LinkUp(), FullyBooted(), gone]
            assert ami.dropped == {"Newstate": 1}

    asyncio.run(story())


def test_a_lost_connection_fails_what_waits_and_nothing_is_sent_again() -> None:
    async def story() -> None:
        asterisk = FakeAsterisk(channels={CALL: FakeChannel(ours="0x1", tapes=["0x1"])})
        manager = FakeManager(asterisk)
        manager.deaf_to.add("StopMixMonitor")
        heard: list[Heard] = []
        async with manager.listen() as access, connected(access, heard) as ami:
            stop = asyncio.create_task(ami.ask(stop_mixmonitor(CALL, "0x1")))
            await until(lambda: "StopMixMonitor" in manager.names())
            manager.hang_up()
            with pytest.raises(AmiLost, match="connection was lost"):
                await stop
            await until(lambda: heard[-1:] == [LinkUp()] and len(heard) == 3)
            assert isinstance(heard[1], LinkDown)
            assert (await ami.ask(ping())).ok
            assert manager.names().count("StopMixMonitor") == 1

    asyncio.run(story())


def test_without_a_connection_an_action_fails_at_once() -> None:
    async def story() -> None:
        heard: list[Heard] = []
        manager = FakeManager(FakeAsterisk())
        async with manager.listen() as access:
            port = access.port
            ami = Ami(access, hear=heard.append, delays=at_once)
            await ami.connect()
            running = asyncio.create_task(ami.run())
        await until(lambda: not ami.connected)
        with pytest.raises(AmiLost, match="there is no connection"):
            await ami.ask(ping())
        async with manager.listen(port):
            await until(lambda: ami.connected)
            assert (await ami.ask(ping())).ok
            running.cancel()
            await asyncio.wait({running})
        assert not ami.connected
        assert [type(event) for event in heard] == [LinkUp, LinkDown, LinkUp]

    asyncio.run(story())


def test_an_asterisk_that_does_not_answer_is_given_up_and_called_again() -> None:
    async def story() -> None:
        manager = FakeManager(FakeAsterisk())
        manager.deaf_to.add("Getvar")
        heard: list[Heard] = []
        async with manager.listen() as access, connected(access, heard, answer_within_s=0.1) as ami:
            with pytest.raises(AmiLost, match="no answer to Getvar"):
                await ami.ask(get_variable(CALL, "X"))
            await until(lambda: ami.connected)
            assert (await ami.ask(ping())).ok

    asyncio.run(story())


def test_a_silent_connection_is_asked_for_a_sign_of_life_and_then_given_up() -> None:
    async def story() -> None:
        manager = FakeManager(FakeAsterisk())
        heard: list[Heard] = []
        async with manager.listen() as access, connected(access, heard, silence_s=0.05):
            await until(lambda: manager.names().count("Ping") >= 3)
            assert heard == [LinkUp()]
            manager.deaf_to.add("Ping")
            await until(lambda: len(heard) >= 3)
            assert isinstance(heard[1], LinkDown)
            assert heard[1].reason.startswith("silent")

    asyncio.run(story())
