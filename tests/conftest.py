"""What every test shares."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def eindhoven_file(tmp_path: Path) -> Path:
    """A copy of Eindhoven's policy that a test may spoil."""
    target = tmp_path / "eindhoven.toml"
    target.write_bytes((ROOT / "policies" / "eindhoven.toml").read_bytes())
    return target
