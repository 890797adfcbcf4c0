"""Withdrawing in a call between two softphones, and watching from outside what becomes of the files."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType

import numpy as np

from commands.frame.control import Daemon
from policy.clock import SystemClock
from sandbox import deadline, ears
from sandbox.site import Site
from sandbox.softphone import Call, Softphone
from sandbox.speech import RATE_HZ, TONES_HZ, Samples, read_growing_wav, read_wav
from tests.real.callers import (
    Callers,
    Row,
    agent_at_desk,
    caller_number,
    prompt_file,
    query,
    voice_file,
)

CODE = "*9"
GONE_WITHIN_S = 5.0
SETTLED_WITHIN_S = 30.0
CONFIRMED_WITHIN_S = 15.0
LOOK_EVERY_S = 0.002
TONE_WIDTH_HZ = 10
LIKE_THE_CONFIRMATION = 0.35
"""Over tones, which are taken out: 0.22 to 0.24 where nothing was said, 0.6 to 1.0 where it was.

A busy machine drops single frames of a whisper, and the likeness of a whole second suffers from each.
"""
CALLER_VOICE = voice_file("caller1")
_MOST_AT_ONCE = 24


class Records:
    """What the daemon says, asked on its socket: cheaper than a command line for every look."""

    def __init__(self, site: Site) -> None:
        self._daemon = Daemon(site.home / "control.sock")

    def call(self, digits: str, *, told: Callable[[Row], bool] = lambda row: bool(row["decision"])) -> Row:
        """Return the latest call of a caller, once it is as told."""

        def found() -> Row | None:
            mine = [row for row in self._daemon.calls() if str(row["caller"] or "").endswith(digits)]
            return mine[-1] if mine and told(mine[-1]) else None

        row = deadline.wait_until(found, within_s=SETTLED_WITHIN_S, what=f"call {digits}", every_s=0.1)
        assert row is not None
        return row

    def recording_of(self, digits: str) -> str:
        """Return the id of a caller's recording, once there is one."""
        return str(self.call(digits, told=lambda row: bool(row["recording_id"]))["recording_id"])

    def recording(self, recording_id: str, *, told: Callable[[Row], bool]) -> Row:
        """Return a recording, once it is as told."""

        def found() -> Row | None:
            rows = (row for row in self._daemon.recordings() if row["recording_id"] == recording_id)
            return next((row for row in rows if told(row)), None)

        row = deadline.wait_until(found, within_s=SETTLED_WITHIN_S, what=recording_id, every_s=0.1)
        assert row is not None
        return row

    def erased(self, recording_id: str) -> Row:
        """Return a recording, once its receipt is committed."""
        return self.recording(recording_id, told=lambda row: row["erased_at"] is not None)

    def recording_ids(self) -> dict[str, str]:
        """Return the recording of every caller who has one, by the two digits."""
        return {
            str(row["caller"])[-2:]: str(row["recording_id"])
            for row in self._daemon.calls()
            if row["recording_id"]
        }

    def withdraw(self, recording_id: str) -> Row:
        """Withdraw as `consentline withdraw` does, without a process for it."""
        return self._daemon.withdraw(by="operator", recording_id=recording_id)

    def told_of(self, recording_id: str) -> list[Row]:
        """Return the ledger's entries about a recording, in their order."""
        return [row for row in self._daemon.ledger(first=0) if row["subject"] == recording_id]


class Floor:
    """Callers, and agents at softphones, in one running exchange.

    Attributes:
        records: What the daemon says.
        confirmation: The sound that both parties have to hear.
    """

    def __init__(self, site: Site, folder: Path, phones: ExitStack, desks: Mapping[str, Softphone]) -> None:
        self.site = site
        self.records = Records(site)
        self.confirmation = read_wav(prompt_file(site, "kort", "withdrawn"))
        self._folder = folder
        self._phones = phones
        self._desks = desks

    @classmethod
    @contextmanager
    def open(cls, site: Site, folder: Path, *, agents: Sequence[str] = ()) -> Iterator[Floor]:
        """Register the agents, who answer by themselves."""
        with ExitStack() as phones:
            desks = {user: phones.enter_context(agent_at_desk(site, folder, user=user)) for user in agents}
            yield cls(site, folder, phones, desks)

    def place(self, number: str, digits: str) -> Call:
        """Have somebody call, from a softphone of their own: a process of pjsua2 holds four calls."""
        callers = Callers(self.site, self._folder, name=f"caller-{digits}-{number}")
        return self._phones.enter_context(callers).place(number, digits)

    def out_of_queue(self, *agents: str) -> None:
        """Have the queue leave these agents alone; Dial() does not."""
        for agent in agents:
            self.site.asterisk.rx(f"queue pause member PJSIP/{agent} queue kcc-phones")

    def desk(self, agent: str) -> Softphone:
        """Return an agent's softphone."""
        return self._desks[agent]

    def answered(self, caller: str, *agents: str, within_s: float = 30.0) -> Call:
        """Return the agent's side of a call, as soon as one of these agents (or any) answered it.

        Args:
            caller: Number that the agent is shown.
            *agents: Where to look.
            within_s: How long it may take.
        """

        def found() -> Call | None:
            for agent in agents or tuple(self._desks):
                desk = self._desks[agent]
                for event in desk.events():
                    if event.kind == "incoming" and caller in event.text and event.call is not None:
                        return Call(desk, event.call)
            return None

        call = deadline.wait_until(found, within_s=within_s, what=f"{caller} reaches an agent")
        assert call is not None
        call.wait("confirmed")
        return call

    def connected(self, number: str, digits: str) -> tuple[Call, Call]:
        """Have somebody call and talk with an agent: return both sides."""
        caller = self.place(number, digits)
        agent = self.answered(caller_number(digits))
        caller.listen(1.5)
        return caller, agent


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """How a withdrawal by key went.

    Attributes:
        files: How many files grew in the spool before.
        took_ms: From the first key to the last file gone.
        by: Who said stop, as the ledger has it.
        row: The recording afterwards.
        caller_heard, agent_heard: Likeness of the confirmation in what each heard.
        caller_hears_agent, agent_hears_caller: Likeness of the other's voice after the confirmation.
    """

    files: int
    took_ms: float
    by: str
    row: Row
    caller_heard: float
    agent_heard: float
    caller_hears_agent: float
    agent_hears_caller: float


def withdraw_by_key(floor: Floor, digits: str, *, caller: Call, agent: Call, by: Call) -> Withdrawn:
    """Press the code on one side of a call, listen on both, and hang up.

    Args:
        floor: Where they are.
        digits: The caller's.
        caller: The caller's side.
        agent: The side of whoever the caller is connected with.
        by: The side that presses.
    """
    recording_id = floor.records.recording_of(digits)
    files = spool_names(floor.site, recording_id)
    agent_voice = voice_file(agent.phone.name.removeprefix("desk-"))
    for side in (caller, agent):
        side.say(voice_file("tone"))  # what is said over a tone can be told from it, unlike over talk
    pressed_ms = by.dtmf(CODE)
    gone_ms = when_gone(floor.site, recording_id)
    heard = [wait_for_sound(side, floor.confirmation) for side in (caller, agent)]
    marks = [len(read_growing_wav(side.heard)) for side in (caller, agent)]
    caller.say(CALLER_VOICE)
    agent.say(agent_voice)
    for side in (caller, agent):
        side.listen(6.0 if side is caller else 0.5)  # the rest of the confirmation, and a stretch of voice
    after = [read_growing_wav(side.heard)[mark:] for side, mark in zip((caller, agent), marks, strict=True)]
    caller.hang_up()
    agent.wait("disconnected")
    row = floor.records.erased(recording_id)
    told = [entry for entry in floor.records.told_of(recording_id) if entry["kind"] == "withdrawn"]
    return Withdrawn(
        files=len(files),
        took_ms=gone_ms - pressed_ms,
        by=",".join(str(entry["actor"]) for entry in told),
        row=row,
        caller_heard=heard[0],
        agent_heard=heard[1],
        caller_hears_agent=likeness(after[0], agent_voice),
        agent_hears_caller=likeness(after[1], CALLER_VOICE),
    )


def wait_for_sound(side: Call, sound: Samples, *, within_s: float = CONFIRMED_WITHIN_S) -> float:
    """Return how like the best place is, as soon as this side heard the sound; else when time is up."""
    until_s = time.monotonic() + within_s
    known = without_tones(sound)

    def found() -> float:
        best = ears.find_sound(without_tones(read_growing_wav(side.heard)), known).likeness
        return best if best > LIKE_THE_CONFIRMATION or time.monotonic() > until_s else 0.0

    return deadline.wait_until(found, within_s=within_s + 2, what="time is up", every_s=0.5)


def without_tones(samples: Samples) -> Samples:
    """Take the sandbox's tones out, music on hold among them.

    People hear what is said over them; a correlation hears the louder of the two.
    """
    spectrum = np.fft.rfft(samples)
    at_hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    for tone_hz in TONES_HZ.values():
        spectrum[np.abs(at_hz - tone_hz) < TONE_WIDTH_HZ] = 0
    result: Samples = np.fft.irfft(spectrum, len(samples))
    return result


def likeness(samples: Samples, voice: Path) -> float:
    """Return how like the best place in it is to a voice."""
    return ears.find_sound(samples, read_wav(voice)).likeness


def spool_names(site: Site, recording_id: str) -> list[str]:
    """Return what lies in the spool of a recording, under whatever name."""
    return sorted(path.name for path in site.spool.glob(f"{recording_id}*"))


def when_gone(site: Site, recording_id: str, *, within_s: float = GONE_WITHIN_S) -> float:
    """Return the moment, on the monotonic clock, at which nothing of it is left in the spool."""
    deadline.wait_until(
        lambda: not spool_names(site, recording_id),
        within_s=within_s,
        what=f"the files of {recording_id} are gone",
        every_s=0.005,
    )
    return time.monotonic() * 1000


def side_by_side(scenes: Mapping[str, Callable[[], object]]) -> dict[str, Future[object]]:
    """Play scenes at once; each result, or what went wrong in it, waits for the test that asks."""
    with ThreadPoolExecutor(max_workers=_MOST_AT_ONCE) as stage:
        return {name: stage.submit(scene) for name, scene in scenes.items()}


def envelopes_of(site: Site, recording_id: str) -> list[Row]:
    """Return a recording's envelopes, from the database itself."""
    return query(site, "SELECT * FROM envelopes WHERE recording_id = ?", recording_id)


def marks(site: Site) -> list[str]:
    """Return the names of the marks that wait for the daemon."""
    return sorted(path.name for path in (site.home / "marks").iterdir())


class SpoolWatch:
    """Looks into the spool every two milliseconds, in a thread of its own.

    Attributes:
        presences: For each recording, pairs of a moment on the monotonic clock in milliseconds, and whether
            from then on anything of it was there.
    """

    def __init__(self, site: Site) -> None:
        self.presences: dict[str, list[tuple[float, bool]]] = {}
        self._began_at = SystemClock().now()
        self._began_ms = time.monotonic() * 1000
        self._folder = site.spool
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="spool watch", daemon=True)

    def __enter__(self) -> SpoolWatch:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join()

    def gone_at(self, recording_id: str) -> datetime:
        """Return when, on the wall clock, the last of it was gone."""
        at_ms, there = self.presences[recording_id][-1]
        assert not there, recording_id
        return self._began_at + timedelta(milliseconds=at_ms - self._began_ms)

    def appearances(self, recording_id: str) -> list[tuple[float, float]]:
        """Return from when to when something of it was there; the last may be open (infinity)."""
        moments = self.presences.get(recording_id, [])
        ends = [at_ms for at_ms, there in moments if not there] + [float("inf")]
        return list(zip((at_ms for at_ms, there in moments if there), ends, strict=False))

    def _look(self) -> None:
        before: set[str] = set()
        while not self._stop.wait(LOOK_EVERY_S):
            now_ms = time.monotonic() * 1000
            now = {path.name[:32] for path in self._folder.iterdir()}
            for recording_id in now ^ before:
                self.presences.setdefault(recording_id, []).append((now_ms, recording_id in now))
            before = now
