"""The ARI client against a real HTTP server on 127.0.0.1 that behaves well and badly."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import pytest
from aiohttp import WSCloseCode, web

from ivr.ari import Ari, Connected, LoginRefused, Lost, Received
from ivr.ari_wire import StasisEnd
from ivr.ports import Answer, Whisper
from policy.errors import StateConflict, Unavailable
from policy.vocabulary import CallId
from tests.ivr.test_ari_wire import AT_MS, CHANNEL, message

ID = CallId("1795283160.1")
LOGIN = "Basic " + base64.b64encode(b"cl:ge:heim").decode()


@dataclass
class Server:
    """What was asked of the fake Asterisk, and how it answers."""

    status: int = 204
    body: str = ""
    port: int = 0
    asked: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    connections: int = 0
    send: list[str] = field(default_factory=list)
    drop: str | None = None
    delay: asyncio.Event | None = None

    async def rest(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != LOGIN:
            return web.Response(status=401, text='{"message":"Authentication required"}')
        self.asked.append(f"{request.method} {request.rel_url}")
        self.bodies.append(await request.text())
        if self.drop == request.method:
            assert request.transport is not None
            request.transport.abort()
        if self.delay is not None and request.method == "POST":
            await self.delay.wait()
        if request.path.endswith("/eventFilter"):
            return web.Response(text="{}")
        return web.Response(status=self.status, text=self.body)

    async def events(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != LOGIN:
            return web.Response(status=401)
        self.asked.append(f"WS {request.rel_url}")
        self.connections += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for text in self.send:
            await socket.send_str(text)
        await socket.close(code=WSCloseCode.GOING_AWAY)
        return socket


@contextlib.asynccontextmanager
async def serving(server: Server) -> AsyncIterator[Server]:
    app = web.Application()
    app.router.add_get("/ari/events", server.events)
    app.router.add_route("*", "/ari/{rest:.*}", server.rest)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


def client(
    server: Server, *, password: str = "ge:heim", command_limit_s: float = 5.0, queue_limit: int = 1000
) -> Ari:
    def delays() -> Iterator[float]:
        return itertools.repeat(0.001)

    url = f"http://127.0.0.1:{server.port}"
    return Ari(
        url=url,
        user="cl",
        password=password,
        app="consentline",
        delays=delays,
        command_limit_s=command_limit_s,
        queue_limit=queue_limit,
    )


def act(
    story: Callable[[Server, Ari], Awaitable[None]],
    server: Server | None = None,
    *,
    command_limit_s: float = 5.0,
    queue_limit: int = 1000,
) -> Server:
    """Run a story with a server and a client."""

    async def run() -> Server:
        async with (
            serving(server or Server()) as there,
            client(there, command_limit_s=command_limit_s, queue_limit=queue_limit) as ari,
        ):
            await story(there, ari)
        return there

    return asyncio.run(run())


def test_commands_are_the_requests_that_asterisk_knows() -> None:
    async def story(server: Server, ari: Ari) -> None:
        assert await ari.channels.play(ID, "notice-1", path="/a/nl/notice", language="nl") is Answer.DONE
        assert await ari.playbacks.stop("notice-1") is Answer.DONE
        assert await ari.channels.set_variable(ID, "CONSENTLINE_POLICY", "kort") is Answer.DONE
        assert (
            await ari.channels.continue_in_dialplan(ID, context="consentline-done", extension="refused")
            is Answer.DONE
        )
        assert await ari.applications.subscribe(ID) is Answer.DONE
        assert await ari.applications.unsubscribe(ID) is Answer.DONE
        assert await ari.channels.snoop(ID, CallId("confirm-1"), whisper=Whisper.BOTH) is Answer.DONE
        assert (
            await ari.channels.play_tones(CallId("confirm-1"), "signal-1", "!880/150|!1320/250")
            is Answer.DONE
        )
        assert await ari.channels.hangup(CallId("confirm-1")) is Answer.DONE

    assert act(story).asked == [
        "POST /ari/channels/1795283160.1/play/notice-1?media=sound:/a/nl/notice&lang=nl",
        "DELETE /ari/playbacks/notice-1",
        "POST /ari/channels/1795283160.1/variable?variable=CONSENTLINE_POLICY&value=kort",
        "POST /ari/channels/1795283160.1/continue?context=consentline-done&extension=refused&priority=1",
        "POST /ari/applications/consentline/subscription?eventSource=channel:1795283160.1",
        "DELETE /ari/applications/consentline/subscription?eventSource=channel:1795283160.1",
        "POST /ari/channels/1795283160.1/snoop/confirm-1"
        "?app=consentline&appArgs=confirm,1795283160.1&spy=none&whisper=both",
        "POST /ari/channels/confirm-1/play/signal-1?media=tone:!880/150%7C!1320/250",
        "DELETE /ari/channels/confirm-1",
    ]


@pytest.mark.parametrize(
    ("status", "answer"),
    [(200, Answer.DONE), (404, Answer.GONE), (409, Answer.ELSEWHERE), (412, Answer.ELSEWHERE)],
)
def test_a_channel_that_is_gone_or_elsewhere_is_an_answer(status: int, answer: Answer) -> None:
    async def story(server: Server, ari: Ari) -> None:
        assert await ari.channels.hangup(ID) is answer

    act(story, Server(status=status))


def test_an_event_source_that_does_not_exist_is_gone() -> None:
    async def story(server: Server, ari: Ari) -> None:
        assert await ari.applications.subscribe(ID) is Answer.GONE

    act(story, Server(status=422))


def test_a_subscription_of_an_application_that_does_not_exist_says_nothing_about_the_channel() -> None:
    async def story(server: Server, ari: Ari) -> None:
        assert await ari.applications.subscribe(ID) is Answer.ELSEWHERE

    act(story, Server(status=404))


def test_a_server_in_trouble_is_unavailable() -> None:
    async def story(server: Server, ari: Ari) -> None:
        with pytest.raises(Unavailable, match="HTTP 500"):
            await ari.channels.hangup(ID)

    act(story, Server(status=500))


def test_a_command_whose_connection_breaks_is_unknown_and_not_sent_again() -> None:
    async def story(server: Server, ari: Ari) -> None:
        answer = await ari.channels.continue_in_dialplan(ID, context="consentline-done", extension="error")
        assert answer is Answer.UNKNOWN

    assert len(act(story, Server(drop="POST")).asked) == 1


def test_a_command_that_gets_no_answer_in_time_is_unknown() -> None:
    async def story(server: Server, ari: Ari) -> None:
        server.delay = asyncio.Event()
        assert await ari.applications.subscribe(ID) is Answer.UNKNOWN
        server.delay.set()

    act(story, command_limit_s=0.05)


def test_a_question_whose_connection_breaks_is_unavailable() -> None:
    async def story(server: Server, ari: Ari) -> None:
        with pytest.raises(Unavailable):
            await ari.channels.list()

    act(story, Server(drop="GET"))


def test_channels_are_read() -> None:
    async def story(server: Server, ari: Ari) -> None:
        (channel,) = await ari.channels.list()
        assert channel.channel_id == ID
        server.body = json.dumps(CHANNEL)
        assert await ari.channels.get(ID) == channel
        server.status = 404
        assert await ari.channels.get(ID) is None
        server.status, server.body = 200, "{}"
        with pytest.raises(Unavailable, match="not a channel"):
            await ari.channels.get(ID)

    act(story, Server(status=200, body=json.dumps([CHANNEL])))


def test_a_refused_login_says_what_to_look_at_and_keeps_the_password_to_itself() -> None:
    async def run() -> None:
        async with serving(Server()) as server, client(server, password="wrong") as ari:
            inbox: asyncio.Queue[Received] = asyncio.Queue()
            for attempt in (ari.self_check(), ari.listen(inbox)):
                with pytest.raises(LoginRefused) as caught:
                    await attempt
                assert caught.value.hint is not None
                assert "ari.conf" in caught.value.hint
                assert "wrong" not in str(caught.value)

    asyncio.run(run())


def test_nobody_there_is_one_clear_line() -> None:
    async def run() -> None:
        async with serving(Server()) as server:
            pass
        async with client(server) as ari:
            with pytest.raises(Unavailable, match=r"^ARI at http://127.0.0.1:\d+/ari: Connection refused$"):
                await ari.self_check()
            with pytest.raises(Unavailable):
                await ari.channels.hangup(ID)

    asyncio.run(run())


def test_the_self_check_tells_version_and_whether_our_application_is_registered() -> None:
    async def story(server: Server, ari: Ari) -> None:
        health = await ari.self_check()
        assert (health.version, health.is_safe_version, health.app_registered) == ("22.10.1", True, True)

    act(story, Server(status=200, body='{"system": {"version": "22.10.1"}}'))


def test_events_come_in_order_over_as_many_connections_as_it_takes_and_the_filter_is_set_on_each() -> None:
    async def story(server: Server, ari: Ari) -> None:
        inbox: asyncio.Queue[Received] = asyncio.Queue()
        server.send = [message("StasisEnd", channel=CHANNEL), message("Dial"), "nonsense"]
        listening = asyncio.create_task(ari.listen(inbox))
        received = [await inbox.get() for _ in range(6)]
        listening.cancel()
        await asyncio.wait([listening])
        ended = StasisEnd(channel_id=ID, at_ms=AT_MS)
        for part in (received[:3], received[3:]):
            assert part[:2] == [Connected(), ended]
            assert isinstance(part[2], Lost)
        assert ari.unknown_events["Dial"] >= 1
        assert ari.unknown_events["malformed"] >= 1

    server = act(story)
    assert server.asked[:2] == [
        "WS /ari/events?app=consentline&subscribeAll=false",
        "PUT /ari/applications/consentline/eventFilter",
    ]
    assert json.loads(server.bodies[0]) == {
        "disallowed": [{"type": "ChannelVarset"}, {"type": "ChannelDialplan"}]
    }
    assert server.asked.count(server.asked[1]) == server.connections >= 2


def test_another_client_on_our_name_is_fatal() -> None:
    async def story(server: Server, ari: Ari) -> None:
        inbox: asyncio.Queue[Received] = asyncio.Queue()
        with pytest.raises(StateConflict, match="another client"):
            await ari.listen(inbox)
        assert not ari.is_connected

    act(story, Server(send=[message("ApplicationReplaced")]))


def test_a_reader_that_nobody_follows_gives_up_its_connection() -> None:
    async def story(server: Server, ari: Ari) -> None:
        inbox: asyncio.Queue[Received] = asyncio.Queue()
        listening = asyncio.create_task(ari.listen(inbox))
        received = [await inbox.get() for _ in range(1)]
        while not isinstance(received[-1], Lost):
            received.append(await inbox.get())
        listening.cancel()
        await asyncio.wait([listening])

    act(story, Server(send=[message("StasisEnd", channel=CHANNEL)] * 5), queue_limit=2)
