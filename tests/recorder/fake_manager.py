"""A manager interface on 127.0.0.1:0 that speaks for the fake Asterisk, and can fall silent or hang up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from policy.vocabulary import CallId
from recorder.ami import AmiAccess
from recorder.ports import StopOutcome
from tests.recorder.ami_words import described
from tests.recorder.fakes import BRIDGE, FakeAsterisk

PASSWORD = "geheim, en: lang"
_WORDS = {
    StopOutcome.NOT_RUNNING: "Could not stop monitoring channel",
    StopOutcome.CHANNEL_GONE: "No such channel",
}


class FakeManager:
    """The server.

    Attributes:
        requests: Every action that came, as its headers.
        deaf_to: Names of actions that are taken and never answered.
        extra: Bytes sent right behind the answer to a login, in the same packet.
    """

    def __init__(self, asterisk: FakeAsterisk) -> None:
        self._asterisk = asterisk
        self._writers: list[asyncio.StreamWriter] = []
        self._serving: set[asyncio.Task[None]] = set()
        self.requests: list[dict[str, str]] = []
        self.deaf_to: set[str] = set()
        self.extra = b""
        self.greeting = b"Asterisk Call Manager/11.0.0\r\n"
        self.port = 0

    @contextlib.asynccontextmanager
    async def listen(self, port: int = 0) -> AsyncIterator[AmiAccess]:
        """Listen, and hang up on everybody in the end."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield AmiAccess(host="127.0.0.1", port=self.port, user="consentline", password=PASSWORD)
        finally:
            server.close()
            self.hang_up()
            if self._serving:
                await asyncio.wait(self._serving)
            await server.wait_closed()

    def hang_up(self) -> None:
        """Close every connection, as a restart of Asterisk does."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    def say(self, event: bytes) -> None:
        """Send an event to everybody."""
        for writer in self._writers:
            writer.write(event)

    def names(self) -> list[str]:
        """Return the names of the actions that came."""
        return [request["Action"] for request in self.requests]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        self._writers.append(writer)
        writer.write(self.greeting)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                text = (await reader.readuntil(b"\r\n\r\n")).decode()
                request = dict(line.split(": ", 1) for line in text.strip().split("\r\n"))
                self.requests.append(request)
                if request["Action"] not in self.deaf_to:
                    writer.write(self._answer(request))
        writer.close()

    def _answer(self, request: dict[str, str]) -> bytes:
        match request["Action"]:
            case "Login":
                good = request["Secret"] == PASSWORD
                return _reply(request, None if good else "Authentication failed") + self.extra
            case "Ping":
                return _reply(request, None, "Ping: Pong", "Timestamp: 1795283143.1")
            case "Getvar":
                channel = self._asterisk.channels.get(CallId(request["Channel"]))
                if channel is None:
                    return _reply(request, "No such channel")
                named = {f"CONSENTLINE_MMID_{name}": tape for name, tape in channel.named.items()}
                named["CONSENTLINE_RECORDING"] = channel.recording_id or ""
                value = {"CONSENTLINE_MMID": channel.ours, **named}.get(request["Variable"], "")
                return _reply(request, None, f"Variable: {request['Variable']}", f"Value: {value}")
            case "Setvar":
                channel = self._asterisk.channels.get(CallId(request["Channel"]))
                if channel is None:
                    return _reply(request, "No such channel")
                assert "Value" not in request
                if request["Variable"] == "CONSENTLINE_RECORDING":
                    channel.recording_id = None
                return _reply(request, None)
            case "StopMixMonitor":
                outcome = self._asterisk.stop(CallId(request["Channel"]), request.get("MixMonitorID"))
                return _reply(request, _WORDS.get(outcome))
            case "MixMonitorMute":
                call_id, on = CallId(request["Channel"]), request["State"] == "1"
                assert request["Direction"] == "both"
                obeyed = self._asterisk.mute(call_id, request["MixMonitorID"], on=on)
                return _reply(request, None if obeyed else "Cannot set mute flag")
            case "Status":
                return self._status(request)
            case _:
                return _reply(request, "Permission denied")

    def _status(self, request: dict[str, str]) -> bytes:
        tag = f"ActionID: {request['ActionID']}"
        parts = [_reply(request, None, "EventList: start", "Message: Channel status will follow")]
        for call_id, channel in self._asterisk.channels.items():
            lines = (
                "Event: Status",
                "Privilege: Call",
                described(f"Local/s@talk-{call_id};1", call_id).removesuffix("\r\n"),
                f"BridgeID: {BRIDGE if channel.bridged else ''}",
                f"Variable: CONSENTLINE_MMID={channel.ours or '(null)'}",
                f"Variable: CONSENTLINE_RECORDING={channel.recording_id or '(null)'}",
                tag,
            )
            parts.append(_message(*lines))
        parts.append(
            _message("Event: StatusComplete", tag, "EventList: Complete", f"ListItems: {len(parts)}")
        )
        return b"".join(parts)


def _reply(request: dict[str, str], problem: str | None, *more: str) -> bytes:
    first = "Response: Success" if problem is None else "Response: Error"
    told = () if problem is None else (f"Message: {problem}",)
    return _message(first, f"ActionID: {request['ActionID']}", *told, *more)


def _message(*lines: str) -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
