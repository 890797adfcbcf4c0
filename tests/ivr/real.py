"""A real Asterisk for the gate's tests: an ARI user, a dial plan like the one of asterisk_conf, callers
without SIP who follow a script."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import struct
import wave
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

from ivr.ari import Ari
from ivr.prompts import PromptLibrary
from policy.evidence import Prompt
from policy.model import Policy, PromptName
from policy.vocabulary import Voice
from sandbox.asterisk import Asterisk
from sandbox.fetch import fetch
from tests.ivr.fakes import APP

USER, PASSWORD = "consentline", "geheim-22"
NOTICE_S, WITHDRAWN_S = 2.0, 0.5

_ARI = f"""
[{USER}]
type = user
password = {PASSWORD}
"""
_DIALPLAN = """
[ivr-gate]
exten => _X.,1,Answer()
 same => n,Gosub(ivr-consentline,s,1(${EXTEN}))
 same => n,Dial(Local/s@ivr-agent/n)
exten => _e[n].,1,Set(CHANNEL(language)=en)
 same => n,Goto(${EXTEN:2},1)
exten => _dead.,1,Set(TIMEOUT(absolute)=1)
 same => n,Goto(${EXTEN:4},1)
exten => _twice.,1,Answer()
 same => n,Gosub(ivr-consentline,s,1(${EXTEN:5}))
 same => n,Goto(${EXTEN:5},1)

[ivr-consentline]
exten => s,1,Stasis(consentline,gate,${ARG1},)
 same => n,Return()
exten => T,1,Set(TIMEOUT(absolute)=0)
 same => n,Set(CONSENTLINE_DECISION=gate_unavailable)
 same => n,Return()

[consentline-done]
exten => _[a-z].,1,Set(CONSENTLINE_DECISION=${EXTEN})
 same => n,Return()
[consentline-record-not_refused]
exten => _[0-9a-f][0-9a-f].,1,Set(CONSENTLINE_DECISION=not_refused)
 same => n,Set(CONSENTLINE_RECORDING=${EXTEN})
 same => n,Return()

[ivr-agent]
exten => s,1,Answer()
 same => n,Wait(60)

[ivr-caller]
exten => silent,1,Answer()
 same => n,Wait(60)
exten => refuses,1,Answer()
 same => n,Wait(1)
 same => n,SendDTMF(1)
 same => n,Wait(60)
exten => changes,1,Answer()
 same => n,Wait(6)
 same => n,SendDTMF(1)
 same => n,Wait(60)
exten => leaves,1,Answer()
 same => n,Wait(1)
 same => n,Hangup()
exten => withdraws,1,Answer()
 same => n,Wait(7)
 same => n,SendDTMF(*9)
 same => n,Wait(60)
"""


@contextlib.contextmanager
def running_asterisk(folder: Path) -> Iterator[Asterisk]:
    """Start an Asterisk with a gate."""
    unpacked = fetch()
    user, dialplan = folder / "ari_tests.conf", folder / "extensions_tests.conf"
    user.write_text(_ARI)
    dialplan.write_text(_DIALPLAN)
    instance = Asterisk(
        folder / "pbx", unpacked, includes=[("ari.conf", user), ("extensions.conf", dialplan)]
    )
    instance.start()
    try:
        yield instance
    finally:
        instance.stop()


@contextlib.asynccontextmanager
async def client(asterisk: Asterisk, *, port: int | None = None) -> AsyncIterator[Ari]:
    """Have a client; events only once somebody listens."""
    ari = Ari(
        url=f"http://127.0.0.1:{port or asterisk.ports.http}",
        user=USER,
        password=PASSWORD,
        app=APP,
        delays=lambda: itertools.repeat(0.2),
    )
    async with ari:
        yield ari


async def call(asterisk: Asterisk, caller: str, number: str = "14040") -> None:
    """Have a caller who follows a script ring the gate."""
    await asyncio.to_thread(
        asterisk.rx, f"channel originate Local/{number}@ivr-gate/n extension {caller}@ivr-caller"
    )


async def hang_up_everybody(asterisk: Asterisk) -> None:
    """End all calls."""
    await asyncio.to_thread(asterisk.rx, "channel request hangup all")


def write_tone(path: Path, seconds: float) -> None:
    """Write a prompt of that length."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = [int(8000 * math.sin(index / 3)) for index in range(int(8000 * seconds))]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))


class RealPrompts:
    """A library of tones; the port over it."""

    def __init__(self, folder: Path, policies: list[Policy]) -> None:
        self._library = PromptLibrary(folder)
        wanted = [
            (policy, prompt, language)
            for policy in policies
            for prompt in policy.prompts
            for language in policy.notice.text
        ]
        for policy, prompt, language in wanted:
            path = self._library.audio_path(policy, prompt, language)
            write_tone(path, NOTICE_S if prompt == "notice" else WITHDRAWN_S)
            self._library.attest(
                policy,
                prompt,
                language,
                voice=Voice.PLACEHOLDER,
                attested_by="a tone",
                made_at=datetime(2026, 11, 21, tzinfo=UTC),
            )

    async def prepare(self, policy: Policy, prompt: PromptName, language: str) -> Prompt:
        return self._library.prepare(policy, prompt, language)


class Wire:
    """A TCP relay to Asterisk whose event connection can be cut."""

    def __init__(self, asterisk: Asterisk) -> None:
        self._target = asterisk.ports.http
        self._events: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @contextlib.asynccontextmanager
    async def relaying(self) -> AsyncIterator[Wire]:
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    def cut_events(self) -> None:
        """Break the websocket as a crash does; commands go on working."""
        for writer in self._events:
            writer.transport.abort()
        self._events.clear()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there_reader, there = await asyncio.open_connection("127.0.0.1", self._target)
        first = await reader.read(65536)
        if b"/events" in first[:60]:
            self._events += [writer, there]
        there.write(first)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, there))
                both.create_task(_pump(there_reader, writer))
        finally:
            there.transport.abort()
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
