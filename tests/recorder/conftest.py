"""What the recorder's tests share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.asterisk import Asterisk
from tests.recorder.real import running_asterisk


@dataclass(frozen=True, slots=True, kw_only=True)
class Pbx:
    """A real Asterisk, and where it records."""

    asterisk: Asterisk
    spool: Path


@pytest.fixture(scope="session")
def pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pbx]:
    """One Asterisk for all tests of this folder."""
    spool = tmp_path_factory.mktemp("spool")
    with running_asterisk(tmp_path_factory.mktemp("pbx"), spool) as asterisk:
        yield Pbx(asterisk=asterisk, spool=spool)
