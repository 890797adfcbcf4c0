"""One running `consentline vault serve`, on this machine or behind ssh, and the turns of talking to it.

Blocking, each wait bounded: a host that went in the middle leaves pipes that are open and say nothing.
"""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import BinaryIO, Final, cast

from policy.errors import Unavailable
from store.files.vault import never
from store.files.vault_wire import (
    BLOCK_BYTES,
    END,
    GREETING,
    LONGEST_LINE_BYTES,
    NO,
    OK,
    WAIT,
    error_of,
)

GREETED_WITHIN_S: Final = 15.0
_LOOK_S: Final = 0.1
_ENDS_WITHIN_S: Final = 1.0


class LinkBroken(Unavailable):
    """The vault host cannot be reached, went, or does not answer in time."""


class Link:
    """A process that answers; greeted when this returns.

    Args:
        command: Runs it, without a shell.
        silence_s: How long it may say nothing.
        abandoned: Asked while waiting; when true, the link breaks.

    Raises:
        LinkBroken: If it cannot be started, or says something else.
    """

    def __init__(
        self, command: Sequence[str], *, silence_s: float, abandoned: Callable[[], bool] = never
    ) -> None:
        self._name = command[0]
        self._silence_s = GREETED_WITHIN_S
        self._abandoned = abandoned
        self._read_ahead = bytearray()
        self._is_broken = False
        self._errors = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - closed with the link
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            raise LinkBroken(f"vault host: {self._name}: cannot be started: {error.strerror}") from error
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101 - pipes
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        try:
            answer = self.ask("hello", GREETING)
            if answer != [GREETING]:
                raise LinkBroken(f"vault host: must greet with {GREETING}, got {' '.join(answer)[:40]!r}")
        except BaseException:
            self.close()
            raise
        self._silence_s = silence_s

    def ask(self, *words: object) -> list[str]:
        """Ask, and return the words of the answer.

        Raises:
            LinkBroken: If none comes; then nothing more can be asked.
            ConsentlineError: What the other side says is wrong.
            OSError: What its disk says is wrong.
        """
        self.send(" ".join(map(str, words)).encode() + b"\n")
        return self.answer()

    def answer(self) -> list[str]:
        """Return the words of the answer to what was sent; errors as those of `ask`."""
        line = self._line()
        verb, *words = line.split() or [""]
        if verb == NO:
            raise error_of(line)
        if verb != OK:
            raise LinkBroken(
                f"vault host: must answer with {OK} or {NO}, got {line[:60]!r}",
                hint="does the command run `consentline vault serve` and print nothing else?",
            )
        return words

    def lines(self) -> Iterator[str]:
        """Yield the lines that follow an answer, to their end."""
        while (line := self._line()) != END:
            if line.startswith(f"{NO} "):
                raise error_of(line)
            yield line

    def send(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            LinkBroken: If they are not taken.
        """
        left = memoryview(data)
        while left:
            self._wait(self._to, select.POLLOUT)
            try:
                left = left[os.write(self._to, left[:BLOCK_BYTES]) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._broken("went") from error

    def receive(self, most: int) -> bytes:
        """Return some bytes, one at least.

        Raises:
            LinkBroken: If none come.
        """
        while not self._read_ahead:
            self._wait(self._from, select.POLLIN)
            try:
                piece = os.read(self._from, BLOCK_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._broken("went") from error
            if not piece:
                raise self._broken("went")
            self._read_ahead += piece
        taken = bytes(self._read_ahead[:most])
        del self._read_ahead[:most]
        return taken

    def close(self) -> None:
        """End the process, by the end of its input or else at once. Again is harmless."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        if not self._is_broken:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_ENDS_WITHIN_S)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _line(self) -> str:
        while True:
            line = self._raw_line()
            if line != WAIT:
                return line

    def _raw_line(self) -> str:
        found = bytearray()
        while True:
            found += self.receive(LONGEST_LINE_BYTES)
            line, newline, rest = found.partition(b"\n")
            if newline:
                self._read_ahead[:0] = rest
                return line.decode("utf-8", "replace")
            if len(found) > LONGEST_LINE_BYTES:
                raise self._broken("says something that is no answer")

    def _wait(self, descriptor: int, event: int) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        waited_s = 0.0
        while not poll.poll(_LOOK_S * 1000):
            waited_s += _LOOK_S
            if self._abandoned():
                raise self._broken("was given up")
            if waited_s >= self._silence_s:
                raise self._broken(f"said nothing for {self._silence_s:g} s")

    def _broken(self, how: str) -> LinkBroken:
        self._is_broken = True
        self._errors.seek(0)
        said = self._errors.read(LONGEST_LINE_BYTES * 16).decode("utf-8", "replace").strip().splitlines()
        told = f": {said[-1][:200]}" if said else ""
        return LinkBroken(
            f"vault host: {self._name} {how}{told}",
            hint="the command of vault.command in the config file says more, run by hand as this login",
        )
