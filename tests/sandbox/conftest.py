"""A real Asterisk, shared by the tests of this folder, and callers for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sandbox.asterisk import Asterisk
from sandbox.fetch import Unpacked, fetch, sandbox_folder
from sandbox.softphone import Softphone
from sandbox.speech import Samples, make_voices, read_wav

PhoneMaker = Callable[..., Softphone]
Voice = Callable[[str], Samples]


@pytest.fixture(scope="session")
def unpacked() -> Unpacked:
    """The fetched packages."""
    return fetch()


@pytest.fixture(scope="session")
def voices(unpacked: Unpacked) -> Path:
    """The folder of the sandbox's voices and tones."""
    return make_voices(unpacked, sandbox_folder() / "speech")


@pytest.fixture(scope="session")
def voice(voices: Path) -> Voice:
    """The samples of one of the sandbox's voices, by name."""
    return lambda name: read_wav(voices / f"{name}.wav")


@pytest.fixture(scope="session")
def asterisk(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asterisk]:
    """An Asterisk that runs for all tests of this folder."""
    instance = Asterisk(tmp_path_factory.mktemp("pbx"), unpacked)
    instance.start()
    try:
        yield instance
    finally:
        instance.stop()


@pytest.fixture
def phone(asterisk: Asterisk, voices: Path, tmp_path: Path) -> Iterator[PhoneMaker]:
    """Start softphones by name; each says the voice of that name where there is one."""
    with ExitStack() as started:

        def start(name: str, *, server: Asterisk = asterisk, speaks: str | None = None) -> Softphone:
            says = voices / f"{speaks or name}.wav"
            made = Softphone.start(
                server.sip_address(), tmp_path, name=name, voice=says if says.exists() else None
            )
            return started.enter_context(made)

        yield start
