"""Fixtures of the store's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.scene import Scene, scene


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    """An empty installation."""
    with scene(tmp_path) as opened:
        yield opened
