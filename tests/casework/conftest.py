"""Fixtures of the tests of casework."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.scene import Scene, scene


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    """An installation of Eindhoven."""
    with scene(tmp_path / "store") as opened:
        yield opened
