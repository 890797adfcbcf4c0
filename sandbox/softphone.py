"""A real SIP caller or agent: speaks, listens, presses keys, holds, transfers, hangs up.

pjsua2 wants a process and a thread of its own, so each softphone is a subprocess (`softphone_process`)
that takes one JSON command a line and answers with replies and events. Times are milliseconds of the
machine's monotonic clock, the same in every process.

    with Softphone.start(asterisk.sip_address(), folder, voice=wav) as phone:
        call = phone.call("14040")
        call.wait("confirmed")
        call.dtmf("1")
        call.hang_up()
        print(call.heard)
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from sandbox import deadline
from sandbox.fetch import SandboxError

REPLY_WITHIN_S = 15.0
LEAVE_WITHIN_S = 5.0
LISTEN_GRACE_S = 3.0
BYTES_A_SECOND = 16_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a softphone.

    Attributes:
        kind: "incoming", "ringing", "confirmed", "media_active", "media_held", "listening" (from here on the
            recording of what is heard runs), "digit_sent", "digit_received", "transfer_status",
            "disconnected", "registered".
        call: Number of the call within this softphone; None for "registered".
        at_ms: When, on the machine's monotonic clock.
        code: SIP status, where there is one.
        text: Reason, digit or peer, where there is one.
    """

    kind: str
    call: int | None
    at_ms: float
    code: int = 0
    text: str = ""


class Softphone:
    """One SIP user agent in a process of its own.

    Attributes:
        name: Of its files.
        folder: Where they are.
    """

    def __init__(self, process: subprocess.Popen[str], folder: Path, name: str) -> None:
        """Wrap a running softphone process; use `start`."""
        self.name = name
        self.folder = folder
        self._process = process
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._events: list[Event] = []
        self._replies: dict[int, dict[str, Any]] = {}
        self._ended = False
        self._reader = threading.Thread(target=self._read, name=f"softphone {name}", daemon=True)
        self._reader.start()

    @classmethod
    def start(
        cls,
        server: str,
        folder: Path,
        *,
        name: str = "phone",
        voice: Path | None = None,
        codec: str = "PCMA",
    ) -> Softphone:
        """Start a softphone that is not registered.

        Args:
            server: Where the PBX listens, "127.0.0.1:PORT".
            folder: Gets `<name>.log` and, for each call, `<name>-<call>.wav` with what was heard.
            name: Of its files.
            voice: 8 kHz WAV that it says in a loop; silent without one.
            codec: "PCMA", "PCMU" or "L16" offered first.
        """
        folder.mkdir(parents=True, exist_ok=True)
        settings = {"server": server, "folder": str(folder), "name": name, "codec": codec}
        settings["voice"] = str(voice) if voice else ""
        with (folder / f"{name}.err").open("w") as complaints:
            process = subprocess.Popen(
                [sys.executable, "-m", "sandbox.softphone_process", json.dumps(settings)],
                cwd=Path(__file__).resolve().parent.parent,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
            )
        return cls(process, folder, name)

    def register(self, user: str, password: str, *, answer_after_ms: int | None = None) -> None:
        """Register, and answer each call after so many milliseconds; without a number, never by itself.

        Raises:
            SandboxError: refused.
        """
        self._ask("register", user=user, password=password, answer_after_ms=answer_after_ms)
        event = self.wait("registered")
        if event.code != 200:
            raise SandboxError(f"{self.name}: not registered as {user}: {event.code} {event.text}")

    def call(
        self,
        number: str,
        *,
        caller_id: str = "0612345678",
        display_name: str = "",
        as_registered: bool = False,
    ) -> Call:
        """Start a call to `number` at the server; its progress arrives as events.

        Args:
            number: Called number or word, such as "14040" or "en14040".
            caller_id: User part of the From header.
            display_name: Display name of the From header.
            as_registered: Call as the user that was registered, with its password, instead.

        Raises:
            SandboxError: pjsua2 refuses these names.
        """
        identity = {} if as_registered else {"caller_id": caller_id, "display_name": display_name}
        reply = self._ask("call", number=number, **identity)
        return Call(self, int(reply["call"]))

    def incoming(self, *, within_s: float = 15.0, after_ms: float = 0.0) -> Call:
        """Wait for a call to this softphone."""
        event = self.wait("incoming", within_s=within_s, after_ms=after_ms)
        assert event.call is not None
        return Call(self, event.call)

    def wait(
        self, kind: str, *, call: int | None = None, within_s: float = 15.0, after_ms: float = 0.0
    ) -> Event:
        """Return the first event of that kind after `after_ms`, one that came already included.

        Raises:
            SandboxError: it does not come, or the softphone has ended.
        """

        def found() -> Event | None:
            for event in self._events:
                if event.kind == kind and event.at_ms > after_ms and call in {None, event.call}:
                    return event
            return None

        with self._changed:
            self._changed.wait_for(lambda: found() or self._ended, timeout=within_s)
            event = found()
        if event is None:
            seen = ", ".join(event.kind for event in self.events(call)) or "nothing"
            raise SandboxError(f"{self.name}: no {kind} within {within_s:g} s; saw {seen}")
        return event

    def events(self, call: int | None = None) -> tuple[Event, ...]:
        """Return what has happened so far, of one call or of all."""
        with self._changed:
            return tuple(event for event in self._events if call in {None, event.call})

    def close(self) -> None:
        """Hang up everything, complete the recordings and end. Harmless when it has ended."""
        if self._process.poll() is None:
            try:
                self._ask("quit")
                self._process.wait(LEAVE_WITHIN_S)
            except (SandboxError, subprocess.TimeoutExpired):
                self.kill()
        self._reader.join(LEAVE_WITHIN_S)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                stream.close()

    def kill(self) -> None:
        """End without a word: no BYE, as when a phone loses its network."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Softphone:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _ask(self, command: str, **arguments: object) -> dict[str, Any]:
        number = next(self._numbers)
        assert self._process.stdin is not None
        try:
            with self._writing:
                self._process.stdin.write(json.dumps({"id": number, "do": command, **arguments}) + "\n")
                self._process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise SandboxError(f"{self.name}: the softphone has ended") from error
        with self._changed:
            self._changed.wait_for(lambda: number in self._replies or self._ended, timeout=REPLY_WITHIN_S)
            reply = self._replies.pop(number, None)
        if reply is None:
            raise SandboxError(f"{self.name}: no reply to {command}; see {self.folder / self.name}.err")
        if "error" in reply:
            raise SandboxError(f"{self.name}: {command}: {reply['error']}")
        return reply

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            with self._changed:
                if "id" in message:
                    self._replies[message["id"]] = message
                else:
                    self._events.append(Event(**message))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


class Call:
    """One call of a softphone."""

    def __init__(self, phone: Softphone, number: int) -> None:
        """Name call `number` of `phone`."""
        self.phone = phone
        self.number = number

    @property
    def heard(self) -> Path:
        """The WAV of what this side hears; once the call has ended, the complete one.

        Raises:
            SandboxError: the call has ended and its WAV is not completed.
        """
        path = self.phone.folder / f"{self.phone.name}-{self.number}.wav"
        kinds = {event.kind for event in self.events()}
        if {"listening", "disconnected"} <= kinds:
            what = f"{path.name} is complete"
            deadline.wait_until(lambda: _is_complete_wav(path), within_s=LEAVE_WITHIN_S, what=what)
        return path

    def wait(self, kind: str, *, within_s: float = 15.0, after_ms: float = 0.0) -> Event:
        """Return the first event of that kind; see `Softphone.wait`."""
        return self.phone.wait(kind, call=self.number, within_s=within_s, after_ms=after_ms)

    def events(self) -> tuple[Event, ...]:
        """Return what has happened to this call so far."""
        return self.phone.events(self.number)

    def listen(self, seconds: float) -> None:
        """Return when this side has heard so many seconds more, silence included.

        Raises:
            SandboxError: the call ended before that.
        """
        self.wait("listening")
        wanted = self.heard.stat().st_size + seconds * BYTES_A_SECOND
        deadline.wait_until(
            lambda: self.heard.stat().st_size >= wanted,
            within_s=seconds + LISTEN_GRACE_S,
            what=f"{self.phone.name} hears {seconds:g} s more",
        )

    def dtmf(self, digits: str, *, method: str = "rfc4733") -> float:
        """Press keys, each 100 ms long, by "rfc4733" or "info"; return when the first was sent."""
        return float(self._do("dtmf", digits=digits, method=method)["at_ms"])

    def say(self, voice: Path | None) -> None:
        """Say another WAV in a loop, or nothing."""
        self._do("say", voice=str(voice) if voice else "")

    def hold(self) -> None:
        """Put the other side on hold."""
        self.wait("confirmed")
        after_ms = _now_ms()
        self._do("hold")
        self.wait("media_held", after_ms=after_ms)

    def unhold(self) -> None:
        """Take the other side back."""
        after_ms = _now_ms()
        self._do("unhold")
        self.wait("media_active", after_ms=after_ms)

    def transfer(self, number: str) -> None:
        """Blind transfer: the other side goes to `number` (REFER); once it has, this call ends."""
        self._do("transfer", number=number)

    def transfer_to(self, other: Call) -> None:
        """Attended transfer: the other sides of both calls go together (REFER with Replaces)."""
        self._do("transfer_to", other=other.number)

    def answer(self, code: int = 200) -> None:
        """Answer, or refuse with another code, an incoming call."""
        self._do("answer", code=code)

    def hang_up(self) -> Event:
        """End the call and return its end."""
        self._do("hangup")
        return self.wait("disconnected")

    def _do(self, command: str, **arguments: object) -> dict[str, Any]:
        return self.phone._ask(command, call=self.number, **arguments)


def _now_ms() -> float:
    return time.monotonic() * 1000


def _is_complete_wav(path: Path) -> bool:
    """Tell whether the header names the file's size: pjsua2 writes it last, from another thread."""
    with path.open("rb") as file:
        header = file.read(8)
    return len(header) == 8 and int.from_bytes(header[4:], "little") == path.stat().st_size - 8
