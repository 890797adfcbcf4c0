"""What the tests of the command line share: a config file, a command line, a daemon that answers."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli import run
from daemon.control import ControlSocket, Route
from daemon.desks.operations import Operations, OperationsDesk
from daemon.peers import Doorman
from policy.config import Control

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command line ended."""

    code: int
    out: str
    err: str


CommandLine = Callable[..., Ended]
OpenDesk = Callable[[Sequence[Route]], None]


@pytest.fixture
def config_file(tmp_path: Path, eindhoven_file: Path) -> Path:
    """A config file with one policy beside it; nothing else is made yet."""
    home = tmp_path / "home"
    (home / "policies").mkdir(parents=True)
    (home / "policies" / "eindhoven.toml").write_bytes(eindhoven_file.read_bytes())
    path = home / "consentline.toml"
    path.write_text(
        """
        [paths]
        spool = "spool"

        [asterisk]
        ari_url = "http://127.0.0.1:1"
        ari_user = "consentline"
        ari_password = "ari-password"
        ami_port = 1
        ami_user = "consentline"
        ami_password = "ami-password"
        """,
        encoding="utf-8",
    )
    return path


@pytest.fixture
def command(config_file: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """Run a command line on that config file, in this process."""

    def call(*words: object) -> Ended:
        code = run(["--config", str(config_file), *(str(word) for word in words)])
        said = capsys.readouterr()
        return Ended(code=code, out=said.out, err=said.err)

    return call


@pytest.fixture
def serve(open_desk: OpenDesk) -> Callable[[Operations], None]:
    """Answer what the first desk answers, from a script."""
    return lambda operations: open_desk(OperationsDesk(operations).routes())


@pytest.fixture
def open_desk(config_file: Path) -> Iterator[OpenDesk]:
    """Answer on the control socket of that config file, as the daemon does, from a thread."""
    loops: list[_Serving] = []

    def start(routes: Sequence[Route]) -> None:
        serving = _Serving(config_file.parent / "control.sock", routes)
        loops.append(serving)
        serving.start()

    yield start
    for serving in loops:
        serving.stop()


async def _nobody(login: str) -> None:
    """Return nobody: the command line is the daemon's own user here."""


class _Serving:
    def __init__(self, path: Path, routes: Sequence[Route]) -> None:
        self._socket = ControlSocket(path, routes, Doorman(Control(), _nobody))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._socket.start(), self._loop).result(timeout=10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._socket.stop(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()


def descriptor(secret: str) -> int:
    """Return a file descriptor from which a secret can be read, once; the caller closes it."""
    reader, writer = os.pipe()
    os.write(writer, secret.encode() + b"\n")
    os.close(writer)
    return reader


def one_error(ended: Ended, code: int, *words: str) -> None:
    """Assert that a command line ended with one error line, its hint, and nothing on stdout."""
    lines: Sequence[str] = ended.err.splitlines()
    assert ended.code == code, ended.err
    assert [line for line in lines if line.startswith("Error: ")] == lines[:1], ended.err
    assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("Hint: ")), ended.err
    for word in words:
        assert word in ended.err
    assert ended.out == ""
