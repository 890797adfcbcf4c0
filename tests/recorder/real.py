"""A real Asterisk for the recorder's tests: an AMI user of class `call` alone, and calls without SIP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from policy.vocabulary import CallId, RecordingId
from recorder.ami import Ami, AmiAccess, Heard
from recorder.mixmonitor import MixMonitors
from recorder.ports import Tape
from sandbox.asterisk import Asterisk
from sandbox.fetch import fetch
from tests.recorder.patience import until

ID = RecordingId("ab" * 16)
PASSWORD = "geheim-22"

_MANAGER = f"""
[consentline]
secret = {PASSWORD}
read = call
write = call
eventfilter(action(include),name(BridgeEnter)) =
eventfilter(action(include),name(BridgeLeave)) =
eventfilter(action(include),name(Hangup)) =
eventfilter(action(include),name(MixMonitorStart)) =
"""
# The line of asterisk_conf/extensions.conf, in a call that needs no gate.
_DIALPLAN = """
[recorder-tests]
exten => _[0-9a-f][0-9a-f].,1,Answer()
 same => n,Set(CONSENTLINE_RECORDING=${{EXTEN}})
 same => n,MixMonitor(,bi(CONSENTLINE_MMID)r({spool}/${{EXTEN}}-caller.wav)t({spool}/${{EXTEN}}-agent.wav))
 same => n,Set(CONSENTLINE_MMID_${{EXTEN}}=${{CONSENTLINE_MMID}})
 same => n,Dial(Local/agent1@sandbox-agents/n)
 same => n,Hangup()
exten => plain,1,Answer()
 same => n,Dial(Local/agent2@sandbox-agents/n)
 same => n,Hangup()
exten => waits,1,Answer()
 same => n,Wait(600)

[recorder-tests-caller]
exten => s,1,Answer()
 same => n(again),Playback({speech}/caller1)
 same => n,Goto(again)
"""


@contextlib.contextmanager
def running_asterisk(folder: Path, spool: Path) -> Iterator[Asterisk]:
    """Start an Asterisk that records into `spool`."""
    unpacked = fetch()
    manager, dialplan = folder / "manager_tests.conf", folder / "extensions_tests.conf"
    manager.write_text(_MANAGER)
    instance = Asterisk(
        folder / "pbx", unpacked, includes=[("manager.conf", manager), ("extensions.conf", dialplan)]
    )
    dialplan.write_text(_DIALPLAN.format(spool=spool, speech="${SPEECH}"))
    instance.start()
    try:
        yield instance
    finally:
        instance.stop()


def access(asterisk: Asterisk) -> AmiAccess:
    """Return how to log in."""
    return AmiAccess(host="127.0.0.1", port=asterisk.ports.manager, user="consentline", password=PASSWORD)


@contextlib.asynccontextmanager
async def connected(
    asterisk: Asterisk, heard: list[Heard], *, answer_within_s: float = 5.0
) -> AsyncIterator[Ami]:
    """Have a client at work."""
    ami = Ami(access(asterisk), hear=heard.append, answer_within_s=answer_within_s)
    await ami.connect()
    running = asyncio.create_task(ami.run())
    try:
        yield ami
    finally:
        running.cancel()
        await asyncio.wait({running})


def originate(asterisk: Asterisk, extension: str) -> CallId:
    """Have a caller who speaks enter the dialplan at `extension`, and return the caller's channel."""
    before = set(_uniqueids(asterisk, extension))
    asterisk.rx(f"channel originate Local/s@recorder-tests-caller/n extension {extension}@recorder-tests")
    for _ in range(500):
        new = [uniqueid for uniqueid in _uniqueids(asterisk, extension) if uniqueid not in before]
        if new:
            return CallId(new[0])
    raise AssertionError(f"no call came to {extension}")


def _uniqueids(asterisk: Asterisk, extension: str) -> list[str]:
    lines = [line.split("!") for line in asterisk.rx("core show channels concise").splitlines()]
    return [line[-1] for line in lines if line[1:3] == ["recorder-tests", extension]]


class RealSite:
    """The site of the contract suite."""

    def __init__(self, asterisk: Asterisk, tape: Tape) -> None:
        self._asterisk = asterisk
        self.tape = tape

    async def call(self, *, recorded: bool) -> CallId:
        """Have a call, and wait until it is connected."""
        call_id = await asyncio.to_thread(originate, self._asterisk, ID if recorded else "plain")
        await until(lambda: self._connected(call_id))
        return call_id

    async def add_foreign_tape(self, call_id: CallId) -> None:
        """Record it once more, by another's hand."""
        channel = await self._name(call_id)
        target = self._asterisk.folder / "foreign.wav"
        await asyncio.to_thread(self._asterisk.rx, f"mixmonitor start {channel} {target}")

    async def hang_up(self, call_id: CallId) -> None:
        """End the call."""
        channel = await self._name(call_id)
        await asyncio.to_thread(self._asterisk.rx, f"channel request hangup {channel}")
        await until(lambda: self._gone(call_id))

    async def go_away(self) -> None:
        """Freeze it."""
        pid = self._asterisk.pid()
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)

    async def _connected(self, call_id: CallId) -> bool:
        return any(c.channel_id == call_id and c.bridge_id for c in await self.tape.channels())

    async def _gone(self, call_id: CallId) -> bool:
        return not await self.tape.alive(call_id)

    async def _name(self, call_id: CallId) -> str:
        lines = await asyncio.to_thread(self._asterisk.rx, "core show channels concise")
        found = re.search(rf"^([^!]+)!.*!{re.escape(call_id)}$", lines, re.MULTILINE)
        assert found is not None
        return found[1]


@contextlib.asynccontextmanager
async def real_site(asterisk: Asterisk) -> AsyncIterator[RealSite]:
    """Have the contract suite's site on a real Asterisk; afterwards no call is left on it."""
    async with connected(asterisk, [], answer_within_s=2) as ami:
        try:
            yield RealSite(asterisk, MixMonitors(ami))
        finally:
            pid = asterisk.pid()
            assert pid is not None
            os.kill(pid, signal.SIGCONT)
            await asyncio.to_thread(asterisk.rx, "channel request hangup all")
