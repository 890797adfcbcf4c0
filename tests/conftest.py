"""What every test shares."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("quick", max_examples=20)

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Let Ctrl-C reach the programs that tests start: the jobs of a shell ignore it, and hand that down."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def eindhoven_file(tmp_path: Path) -> Path:
    """A copy of Eindhoven's policy that a test may spoil."""
    target = tmp_path / "eindhoven.toml"
    target.write_bytes((ROOT / "policies" / "eindhoven.toml").read_bytes())
    return target
