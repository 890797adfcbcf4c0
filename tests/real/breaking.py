"""Breaking things at chosen moments, on the real ones; and whether everything is in step afterwards."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from asyncinotify import Inotify, Mask

from commands.doctor import patience
from commands.frame.control import Daemon
from policy.errors import ConsentlineError
from sandbox import deadline, ports
from sandbox.asterisk import Asterisk
from sandbox.site import Site
from tests.real import callers
from tests.real.callers import Row

SETTLED_WITHIN_S = 30.0
OPEN_WITHIN_S = 30.0
LOOK_EVERY_S = 0.1
_CHUNK_BYTES = 65_536
_EVENTS = b"/ari/events"
_RECORDING_ID = re.compile(r"[0-9a-f]{32}")


# --- whether everything is in step ------------------------------------------------------------------


def assert_in_step(site: Site) -> None:
    """Assert that nothing without consent is kept, and that spool, vault and database tell the same.

    All calls have to be over, or nearly; its daemon runs.
    """

    def settled() -> bool:
        unsettled = [row for row in _rows(site) if row["state"] in _PASSING]
        return not unsettled and not site.asterisk.channels() and not _plaintext(site)

    try:
        deadline.wait_until(settled, within_s=SETTLED_WITHIN_S, what="it settles", every_s=LOOK_EVERY_S)
    finally:
        rows = _rows(site)
        told = [(row["recording_id"][:8], row["state"], row["erased_because"]) for row in rows]
        print(f"recordings: {told}; spool: {sorted(path.name for path in site.spool.iterdir())}")
    sealed = {row["recording_id"] for row in rows if row["state"] == "sealed"}
    in_vault = {path.name for path in site.vault.rglob("*") if _RECORDING_ID.search(path.name)}
    assert in_vault == {f"{recording_id}.sealed" for recording_id in sealed}
    permitted = {
        row["recording_id"] for row in callers.query(site, _PERMITTED) if row["recording_id"] is not None
    }
    assert {row["recording_id"] for row in rows} <= permitted
    decided = {row["call_id"]: row["decision"] for row in daemon(site).calls()}
    assert {decided[row["call_id"]] for row in rows if row["state"] == "sealed"} <= set(_PERMITTING)
    wrapped = {row["recording_id"] for row in callers.query(site, "SELECT recording_id FROM envelopes")}
    assert wrapped == sealed
    assert all(row["erased_at"] for row in rows if row["state"] in ("withdrawn", "purged", "empty"))
    assert not list((site.home / "marks").iterdir())
    assert daemon(site).sweep(dry_run=True) == []
    verified = site.run("ledger", "verify", check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr


_PASSING = ("recording", "captured", "purging")
_PERMITTING = ("not_refused", "accepted", "announced")
_PERMITTED = "SELECT recording_id FROM decisions WHERE outcome IN ('not_refused', 'accepted', 'announced')"


def _plaintext(site: Site) -> set[str]:
    """Return the recordings of which something lies in the spool."""
    return {found[0] for path in site.spool.iterdir() if (found := _RECORDING_ID.search(path.name))}


def _rows(site: Site) -> Sequence[Row]:
    return daemon(site).recordings()


def daemon(site: Site) -> Daemon:
    """Return a client of the running daemon."""
    return Daemon(site.home / "control.sock")


def row_of(site: Site, recording_id: str) -> Row:
    """Return a recording's row from the database itself: the daemon may be dead."""
    (row,) = callers.query(site, "SELECT * FROM recordings WHERE recording_id = ?", recording_id)
    return row


def wait_until_open(site: Site) -> None:
    """Return when the daemon has both its connections and Asterisk would hand it a call."""

    def is_open() -> bool:
        try:
            status = daemon(site).status()
        except ConsentlineError:
            return False
        return bool(status["ari"] and status["ami"]) and "consentline" in site.asterisk.rx("ari show apps")

    deadline.wait_until(is_open, within_s=OPEN_WITHIN_S, what="the gate is open", every_s=LOOK_EVERY_S)


def wait_until_recorded(site: Site, digits: str, *, bytes_each: int = 65_000) -> str:
    """Return the recording of a caller once an agent is on the line and both voices are on the disk."""
    recording_id: str = callers.decision(site, digits)["recording_id"]

    def grown() -> bool:
        legs = [site.spool / f"{recording_id}-{side}.wav" for side in ("caller", "agent")]
        return all(leg.exists() and leg.stat().st_size >= bytes_each for leg in legs)

    deadline.wait_until(grown, within_s=30, what=f"{bytes_each} bytes of each voice of {digits}")
    return recording_id


def wait_until_noticed(site: Site, digits: str) -> Row:
    """Return the call of a caller to whom the notice is being played."""
    call = callers.at_gate(site, digits)
    deadline.wait_until(
        lambda: "Stasis" in site.asterisk.rx(f"core show channel {callers.channel_name(site, call)}"),
        within_s=5,
        what="the caller is at the gate",
    )
    return call


def tapes(site: Site, call: Row) -> list[str]:
    """Return the tapes that run on a caller's channel, as Asterisk lists them."""
    listed = site.asterisk.rx(f"mixmonitor list {callers.channel_name(site, call)}")
    return [line for line in listed.splitlines() if line.startswith("0x")]


def patience_s(site: Site) -> int:
    """Return how long the dialplan lets a caller stand at the gate."""
    stated = patience.stated_s((site.home / "asterisk/extensions.conf").read_text())
    assert stated is not None
    return stated


# --- killing at a moment ----------------------------------------------------------------------------


@contextmanager
def locked_database(site: Site) -> Iterator[None]:
    """Hold the write lock: whatever the daemon wants to commit waits, 15 s at most."""
    with closing(sqlite3.connect(site.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


class Ambush:
    """Waits for a file to appear, and acts at once.

    Args:
        folder: Watched with the folders in it, and with those that are made.
        pattern: Of the file's name.
        act: Called once, in a thread of its own.
    """

    def __init__(self, folder: Path, pattern: str, act: Callable[[], object]) -> None:
        self._folder = folder
        self._pattern = re.compile(pattern)
        self._act = act
        self._ready = threading.Event()
        self._sprung = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._watch()), daemon=True)

    def __enter__(self) -> Self:
        """Return itself, watching."""
        self._thread.start()
        self._ready.wait(5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until it has acted, unless something else went wrong."""
        if kind is None:
            assert self._sprung.wait(SETTLED_WITHIN_S), f"{self._pattern.pattern}: never appeared"
            self._thread.join()

    async def _watch(self) -> None:
        with Inotify() as inotify:
            for folder in (self._folder, *(path for path in self._folder.iterdir() if path.is_dir())):
                inotify.add_watch(folder, Mask.CREATE | Mask.MOVED_TO)
            self._ready.set()
            async for event in inotify:
                if event.path is None:
                    continue
                there = [event.path]
                if Mask.ISDIR in event.mask:
                    inotify.add_watch(event.path, Mask.CREATE | Mask.MOVED_TO)
                    there = list(event.path.iterdir())
                if any(self._pattern.fullmatch(path.name) for path in there):
                    self._act()
                    self._sprung.set()
                    return


def stop_the_daemon_in_its_tracks(site: Site) -> None:
    """SIGKILL without waiting: usable from any thread."""
    pid = site.daemon_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


# --- a daemon that ends by itself -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a `consentline serve` ended.

    Attributes:
        errors: Its lines that begin with "Error: ".
        hints: Its lines that begin with "Hint: ".
        said: Everything.
    """

    code: int
    errors: list[str]
    hints: list[str]
    said: str


def serve(site: Site, config: Path) -> Ended:
    """Run the daemon on a config file until it ends, within 20 s."""
    environment = {**site.environment(), "CONSENTLINE_CONFIG": str(config)}
    done = subprocess.run(
        [str(site.executable), "serve"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=20,
    )
    return ended(done.returncode, done.stdout + done.stderr)


class Serving:
    """A `consentline serve` of the test's own, which is to end by itself."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ended(self) -> Ended:
        """Wait for its end, 20 s at most."""
        said, _ = self._process.communicate(timeout=20)
        return ended(self._process.returncode, said)


@contextmanager
def serving(site: Site) -> Iterator[Serving]:
    """Run the daemon of a site whose own is stopped; it takes calls when the block begins."""
    with subprocess.Popen(
        [str(site.executable), "serve"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=site.environment(),
    ) as process:
        try:
            wait_until_open(site)
            yield Serving(process)
        finally:
            process.kill()


def ended(code: int, said: str) -> Ended:
    """Return how a daemon ended, from what it said."""
    lines = said.splitlines()
    return Ended(
        code=code,
        errors=[line for line in lines if line.startswith("Error: ")],
        hints=[line for line in lines if line.startswith("Hint: ")],
        said=said,
    )


def config_with(site: Site, name: str, *changes: tuple[str, str]) -> Path:
    """Write a config file beside the site's own with some lines changed.

    Args:
        changes: Pairs of a line's beginning and what stands in its place; a new one goes to the end.
    """
    text = site.config.read_text()
    for beginning, line in changes:
        changed = re.sub(rf"(?m)^{re.escape(beginning)}.*$", line, text)
        text = changed if changed != text else f"{text}\n{line}\n"
    path = site.home / name
    path.write_text(text)
    return path


# --- cutting lines ----------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class _Pair:
    to_client: asyncio.StreamWriter
    to_server: asyncio.StreamWriter
    is_events: bool = False

    def close(self) -> None:
        for writer in (self.to_client, self.to_server):
            if (transport := writer.transport) is not None:
                transport.abort()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trigger:
    """What is done when the daemon sends something."""

    pattern: re.Pattern[bytes]
    act: Callable[[], object]


@dataclass(slots=True)
class _Wire:
    pairs: set[_Pair] = field(default_factory=set)
    triggers: list[_Trigger] = field(default_factory=list)


class Line:
    """A wire between the daemon and a port of Asterisk, which can be cut.

    Attributes:
        port: Where the daemon has to connect to instead.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._wire = _Wire()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = 0
        self._run(self._listen())

    def cut(self) -> None:
        """Cut every connection, and refuse new ones until it is mended."""
        self._run(self._cut(refuse=True))

    def mend(self) -> None:
        """Let connections through again."""
        self._run(self._listen())

    def cut_events(self) -> None:
        """Cut ARI's websocket alone; commands still pass, and it may connect again at once."""
        self._run(self._cut(refuse=False))

    def cut_when_sent(self, pattern: bytes) -> None:
        """Cut, and refuse, at the moment in which the daemon sends this: it does not arrive."""
        trigger = _Trigger(pattern=re.compile(pattern), act=lambda: None)
        self._loop.call_soon_threadsafe(self._wire.triggers.append, trigger)

    def close(self) -> None:
        """End it for good."""
        self._run(self._cut(refuse=True))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _run(self, work: object) -> None:
        assert asyncio.iscoroutine(work)
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, ports.LOOPBACK, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self, *, refuse: bool) -> None:
        if refuse and self._server is not None:
            self._server.close()
            self._server = None
        for pair in tuple(self._wire.pairs):
            if refuse or pair.is_events:
                pair.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection(ports.LOOPBACK, self._target)
        except OSError:
            writer.transport.abort()
            return
        pair = _Pair(writer, to_server)
        self._wire.pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pass_on(reader, to_server, pair, from_daemon=True))
                tasks.create_task(self._pass_on(from_server, writer, pair, from_daemon=False))
        finally:
            self._wire.pairs.discard(pair)
            pair.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pair: _Pair, *, from_daemon: bool
    ) -> None:
        try:
            while data := await reader.read(_CHUNK_BYTES):
                if from_daemon and _EVENTS in data:
                    pair.is_events = True
                if from_daemon and self._springs(data):
                    await self._cut(refuse=True)
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # cut: what was under way is lost
        finally:
            pair.close()

    def _springs(self, data: bytes) -> bool:
        sprung = [trigger for trigger in self._wire.triggers if trigger.pattern.search(data)]
        for trigger in sprung:
            self._wire.triggers.remove(trigger)
        return bool(sprung)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The two wires between a daemon and its Asterisk."""

    ari: Line
    ami: Line


@contextmanager
def behind_lines(site: Site) -> Iterator[Lines]:
    """Have the site's daemon reach Asterisk over wires that can be cut, from its next start on."""
    asterisk: Asterisk = site.asterisk
    lines = Lines(ari=Line(asterisk.ports.http), ami=Line(asterisk.ports.manager))
    before = site.config.read_text()
    after = re.sub(r'(?m)^ari_url = ".*"$', f'ari_url = "http://127.0.0.1:{lines.ari.port}"', before)
    site.config.write_text(re.sub(r"(?m)^ami_port = \d+$", f"ami_port = {lines.ami.port}", after))
    try:
        yield lines
    finally:
        site.config.write_text(before)
        lines.ari.close()
        lines.ami.close()
