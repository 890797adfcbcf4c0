"""What a copy takes of memory does not follow how long the recording is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.copy_memory import PART, apart, copy, make

pytestmark = pytest.mark.exhaustive  # ten minutes of sound, in processes of their own

SPREAD_MB = 8.0


@pytest.mark.parametrize("way", ["zip of flac", PART])
def test_the_peak_of_a_copy_is_that_of_a_short_one(tmp_path: Path, way: str) -> None:
    peaks_mb = []
    for minutes in (1, 12):
        apart(make, tmp_path, minutes)
        peak_mb, _ = apart(copy, tmp_path, minutes, way)
        peaks_mb.append(peak_mb)
    grown_bytes = (tmp_path / "12.sealed").stat().st_size - (tmp_path / "1.sealed").stat().st_size
    assert grown_bytes > 1.5 * SPREAD_MB * 1024 * 1024  # what would be seen, were it held
    assert peaks_mb[1] < peaks_mb[0] + SPREAD_MB
