"""A small typed client for the Asterisk REST Interface, in the vocabulary of ari-py.

Events come over a websocket whose reader does nothing but parse and queue, for Asterisk closes one that
stalls for 100 ms; commands go over HTTP, for one blocked command would stall the websocket (fact 5). The
password travels in the Authorization header only. Nothing is sent twice by itself (I7).
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
from yarl import URL

from ivr import ari_wire
from ivr.ari_wire import ApplicationReplaced, AriEvent, Channel, Unknown
from ivr.ports import Answer, Whisper
from policy.errors import StateConflict, Unavailable
from policy.vocabulary import CallId

log = logging.getLogger(__name__)

T = TypeVar("T")

Delays = Callable[[], Iterator[float]]
"""Seconds to wait before each next attempt; never ends."""

COMMAND_LIMIT_S = 5.0
HEARTBEAT_S = 10.0
KEEPALIVE_S = 5.0
"""Shorter than Asterisk's own 15 s, so that no command meets a connection just being closed."""
QUEUE_LIMIT = 50_000

_GONE, _ELSEWHERE = (404,), (409, 412, 422)
_REFUSED = (401, 403)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """Events flow from here on; what happened before was not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Events do not come any more."""

    reason: str


Received = AriEvent | Connected | Lost
Socket = aiohttp.ClientWebSocketResponse


class LoginRefused(Unavailable):
    """Asterisk is there and does not know our user or password; trying again would not help."""

    def __init__(self, url: URL, status: int) -> None:
        super().__init__(
            f"ARI at {url}: login refused (HTTP {status})",
            hint="ari_user and ari_password in the config must match a user in ari.conf",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What `doctor` wants to know.

    Attributes:
        version: Of Asterisk.
        is_safe_version: Whether it has the fixes that Consentline relies upon.
        app_registered: Whether somebody receives our application's events now.
    """

    version: str
    is_safe_version: bool
    app_registered: bool


class Ari:
    """One Asterisk and one application on it.

    Attributes:
        is_connected: Whether events come in now.
        unknown_events: How many events of each kind were dropped because nobody here needs them.

    Args:
        url: Base of the HTTP server, such as `http://127.0.0.1:8088`.
        app: Name of the Stasis application.
        delays: Seconds to wait before each reconnect; asked anew after every success.
        command_limit_s: After how long a command is `UNKNOWN`.
        queue_limit: How many events may wait; beyond, the connection is given up.
    """

    def __init__(
        self,
        *,
        url: str,
        user: str,
        password: str,
        app: str,
        delays: Delays,
        command_limit_s: float = COMMAND_LIMIT_S,
        queue_limit: int = QUEUE_LIMIT,
    ) -> None:
        self.app = app
        self.is_connected = False
        self.unknown_events: Counter[str] = Counter()
        self._delays = delays
        self._queue_limit = queue_limit
        self._http = _Http(url, user, password, command_limit_s)
        self.channels = _Channels(self._http, app)
        self.playbacks = _Playbacks(self._http)
        self.applications = _Applications(self._http, app)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.close()

    async def __aenter__(self) -> Ari:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def listen(self, inbox: asyncio.Queue[Received]) -> None:
        """Put every event into `inbox`, for ever, over as many connections as it takes.

        `Connected` and `Lost` stand between the events of one connection and those of the next.

        Args:
            inbox: Unbounded.

        Raises:
            StateConflict: If another client took our application's name (fact 4).
            LoginRefused: If Asterisk refuses our login.
        """
        delays, told = self._delays(), ""
        while True:
            try:
                async with self._http.events(self.app) as socket:
                    await self.applications.filter_events()
                    delays = self._delays()
                    reason = await self._receive(socket, inbox)
            except LoginRefused:
                raise
            except Unavailable as error:
                reason = error.text
            if reason != told:
                log.warning("no ARI events: %s", reason)
            told = reason
            await asyncio.sleep(next(delays))

    async def _receive(self, socket: Socket, inbox: asyncio.Queue[Received]) -> str:
        inbox.put_nowait(Connected())
        self.is_connected = True
        log.info("ARI events come in")
        reason = "the connection was lost"
        try:
            reason = await self._read(socket, inbox)
        finally:
            self.is_connected = False
            inbox.put_nowait(Lost(reason=reason))
        return reason

    async def _read(self, socket: Socket, inbox: asyncio.Queue[Received]) -> str:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            event = ari_wire.parse_event(message.data)
            match event:
                case ApplicationReplaced():
                    raise StateConflict(
                        f'another client took the ARI application "{self.app}"',
                        hint="stop the other daemon, or give this one its own app name",
                    )
                case Unknown():
                    self.unknown_events[event.kind] += 1
                case _:
                    inbox.put_nowait(event)
            if inbox.qsize() > self._queue_limit:
                return f"more than {self._queue_limit} events wait to be worked on"
        return f"Asterisk closed the websocket (code {socket.close_code})"

    async def self_check(self) -> Health:
        """Log in and look.

        Raises:
            LoginRefused: If Asterisk refuses our login.
            Unavailable: If it cannot be reached.
        """
        status, text = await self._http.ask("GET", "asterisk", "info", only="system")
        version = _parsed(ari_wire.parse_version, _must(status, text))
        registered, _ = await self._http.ask("GET", "applications", self.app)
        return Health(
            version=version,
            is_safe_version=ari_wire.is_safe_version(version),
            app_registered=registered == 200,
        )


class _Channels:
    def __init__(self, http: _Http, app: str) -> None:
        self._http = http
        self._app = app

    async def list(self) -> tuple[Channel, ...]:
        status, text = await self._http.ask("GET", "channels")
        return _parsed(ari_wire.parse_channels, _must(status, text))

    async def get(self, channel_id: CallId) -> Channel | None:
        status, text = await self._http.ask("GET", "channels", channel_id)
        return None if status in _GONE else _parsed(ari_wire.parse_channel, _must(status, text))

    async def answer(self, channel_id: CallId) -> Answer:
        return await self._http.order("POST", "channels", channel_id, "answer")

    async def play(self, channel_id: CallId, playback_id: str, *, path: str, language: str) -> Answer:
        sound = f"sound:{path}"
        return await self._http.order(
            "POST", "channels", channel_id, "play", playback_id, media=sound, lang=language
        )

    async def set_variable(self, channel_id: CallId, name: str, value: str) -> Answer:
        return await self._http.order("POST", "channels", channel_id, "variable", variable=name, value=value)

    async def continue_in_dialplan(self, channel_id: CallId, *, context: str, extension: str) -> Answer:
        return await self._http.order(
            "POST", "channels", channel_id, "continue", context=context, extension=extension, priority="1"
        )

    async def play_tones(self, channel_id: CallId, playback_id: str, tones: str) -> Answer:
        media = f"tone:{tones}"
        return await self._http.order("POST", "channels", channel_id, "play", playback_id, media=media)

    async def snoop(self, channel_id: CallId, snoop_id: CallId, *, whisper: Whisper) -> Answer:
        return await self._http.order(
            "POST",
            "channels",
            channel_id,
            "snoop",
            snoop_id,
            app=self._app,
            appArgs=f"confirm,{channel_id}",
            spy="none",
            whisper=whisper.value,
        )

    async def hangup(self, channel_id: CallId) -> Answer:
        return await self._http.order("DELETE", "channels", channel_id)


class _Playbacks:
    def __init__(self, http: _Http) -> None:
        self._http = http

    async def stop(self, playback_id: str) -> Answer:
        return await self._http.order("DELETE", "playbacks", playback_id)


class _Applications:
    def __init__(self, http: _Http, app: str) -> None:
        self._http = http
        self._app = app

    async def filter_events(self) -> None:
        """Keep the noisiest events away.

        Raises:
            Unavailable: If Asterisk does not.
        """
        status, text = await self._http.ask(
            "PUT", "applications", self._app, "eventFilter", body=ari_wire.event_filter()
        )
        _must(status, text)

    async def subscribe(self, channel_id: CallId) -> Answer:
        return _about_channel(await self._subscription("POST", channel_id))

    async def unsubscribe(self, channel_id: CallId) -> Answer:
        return _about_channel(await self._subscription("DELETE", channel_id))

    async def _subscription(self, method: str, channel_id: CallId) -> Answer:
        source = f"channel:{channel_id}"
        return await self._http.order(method, "applications", self._app, "subscription", eventSource=source)


class _Http:
    """Requests and their fates."""

    def __init__(self, url: str, user: str, password: str, limit_s: float) -> None:
        self._base = URL(url) / "ari"
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        self._limit_s = limit_s
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def events(self, app: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        url = (self._base / "events").with_query(app=app, subscribeAll="false")
        try:
            async with self._connections().ws_connect(url, heartbeat=HEARTBEAT_S) as socket:
                yield socket
        except aiohttp.WSServerHandshakeError as error:
            raise self._refusal(error.status) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(error) from error

    async def ask(self, method: str, *path: str, body: str | None = None, **query: str) -> tuple[int, str]:
        """Return status and text; a question may be asked again, so any failure is `Unavailable`."""
        try:
            return await self._send(method, path, body, query)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(error) from error

    async def order(self, method: str, *path: str, **query: str) -> Answer:
        """Return what became of a command; one that may have arrived is `UNKNOWN`, not failed."""
        try:
            status, text = await self._send(method, path, None, query)
        except aiohttp.ClientConnectorError as error:
            raise self._unreachable(error) from error
        except (aiohttp.ClientError, OSError, TimeoutError):
            return Answer.UNKNOWN
        if status in _GONE:
            return Answer.GONE
        if status in _ELSEWHERE:
            return Answer.ELSEWHERE
        _must(status, text)
        return Answer.DONE

    async def _send(
        self, method: str, path: tuple[str, ...], body: str | None, query: dict[str, str]
    ) -> tuple[int, str]:
        url = self._base
        for part in path:
            url = url / part
        request = self._connections().request(method, url.with_query(query), data=body)
        async with request as response:
            if response.status in _REFUSED:
                raise self._refusal(response.status)
            return response.status, await response.text()

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=self._limit_s),
                connector=aiohttp.TCPConnector(keepalive_timeout=KEEPALIVE_S, limit=0),
            )
        return self._session

    def _refusal(self, status: int) -> Unavailable:
        if status in _REFUSED:
            return LoginRefused(self._base, status)
        return Unavailable(f"ARI at {self._base}: HTTP {status}")

    def _unreachable(self, error: Exception) -> Unavailable:
        why = str(error) or "no answer in time"
        if isinstance(error, aiohttp.ClientConnectorError):
            why = os.strerror(error.os_error.errno or 0)
        hint = "is Asterisk running, with enabled=yes in http.conf and ari.conf?"
        return Unavailable(f"ARI at {self._base}: {why}", hint=hint)


def _must(status: int, text: str) -> str:
    if not 200 <= status < 300:
        raise Unavailable(f"ARI: HTTP {status}: {text[:200]}")
    return text


def _parsed(parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise Unavailable(f"ARI: {error}") from error


def _about_channel(answer: Answer) -> Answer:
    """Read 422, the event source does not exist, and 404, our application does not: the channel may."""
    return {Answer.ELSEWHERE: Answer.GONE, Answer.GONE: Answer.ELSEWHERE}.get(answer, answer)
