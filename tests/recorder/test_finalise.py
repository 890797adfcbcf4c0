"""Two legs into one file, whole or cut off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.vocabulary import RecordingId
from recorder.finalise import BLOCK_SAMPLES, Abandoned, Measured, measure_legs, write_flac
from recorder.spool import Legs, Spool
from recorder.wav import HEADER_BYTES, CaptureDamaged, Samples, measure, was_closed
from tests.recorder import waves

ID = RecordingId("ab" * 16)


@pytest.fixture
def legs(tmp_path: Path) -> Legs:
    return Spool(tmp_path, floor_bytes=0).legs(ID)


def finalise(legs: Legs, target: Path) -> tuple[Measured, Samples]:
    """Return what was measured and the two channels of the file that came of it."""
    measured = measure_legs(legs)
    assert measured is not None
    write_flac(measured, target, abandoned=lambda: False)
    audio, rate_hz = soundfile.read(str(target), dtype="int16", always_2d=True)
    assert rate_hz == measured.rate_hz
    return measured, audio


def test_the_caller_is_left_and_the_agent_right_sample_by_sample(legs: Legs, tmp_path: Path) -> None:
    caller, agent = waves.tone(20_001, every=7), waves.tone(20_001, every=30, height=1234)
    waves.write_closed(legs.caller, caller)
    waves.write_closed(legs.agent, agent)
    measured, audio = finalise(legs, tmp_path / "both.flac")
    assert np.array_equal(audio[:, 0], caller)
    assert np.array_equal(audio[:, 1], agent)
    assert measured.duration_ms == 2500
    assert (measured.repaired, measured.uneven, measured.empty) == (False, False, False)
    assert sorted(path.name for path in tmp_path.glob("*.flac*")) == ["both.flac"]
    assert (tmp_path / "both.flac").stat().st_mode & 0o777 == 0o600
    assert soundfile.info(str(tmp_path / "both.flac")).subtype == "PCM_16"


@settings(max_examples=30, deadline=None)
@given(
    caller=st.integers(0, 3 * BLOCK_SAMPLES // 2),
    agent=st.integers(1, 3 * BLOCK_SAMPLES // 2),
    stray=st.integers(0, 1),
)
def test_a_crash_at_any_length_keeps_every_whole_sample_and_pads_the_shorter_leg(
    tmp_path_factory: pytest.TempPathFactory, caller: int, agent: int, stray: int
) -> None:
    folder = tmp_path_factory.mktemp("crash")
    legs = Spool(folder, floor_bytes=0).legs(ID)
    waves.write_open(legs.caller, waves.tone(caller), stray_bytes=stray)
    waves.write_open(legs.agent, waves.tone(agent, every=50))
    measured, audio = finalise(legs, folder / "both.flac")
    assert measured.repaired
    assert measured.uneven == (caller != agent)
    assert len(audio) == max(caller, agent)
    assert np.array_equal(audio[:caller, 0], waves.tone(caller))
    assert np.array_equal(audio[:agent, 1], waves.tone(agent, every=50))
    assert not audio[caller:, 0].any()
    assert not audio[agent:, 1].any()


def test_the_rate_of_the_legs_is_kept(legs: Legs, tmp_path: Path) -> None:
    for leg in legs:
        waves.write_closed(leg, waves.tone(16_000), rate_hz=16_000)
    measured, _ = finalise(legs, tmp_path / "both.flac")
    assert (measured.rate_hz, measured.duration_ms) == (16_000, 1000)


def test_two_legs_of_44_bytes_are_empty(legs: Legs) -> None:
    for leg in legs:
        leg.write_bytes(waves.header(0))
    measured = measure_legs(legs)
    assert measured is not None
    assert measured.empty
    assert measured.duration_ms == 0


def test_a_leg_cut_off_within_its_header_is_empty_and_not_a_fault(legs: Legs) -> None:
    legs.caller.write_bytes(waves.header(0)[:17])
    legs.agent.write_bytes(b"")
    measured = measure_legs(legs)
    assert measured is not None
    assert measured.empty
    assert measured.repaired


def test_a_missing_leg_is_silent_and_two_missing_legs_are_nothing(legs: Legs, tmp_path: Path) -> None:
    assert measure_legs(legs) is None
    waves.write_closed(legs.agent, waves.tone(800))
    measured, audio = finalise(legs, tmp_path / "both.flac")
    assert measured.uneven
    assert not audio[:, 0].any()
    assert audio[:, 1].any()


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(waves.header(8, channels=2), id="stereo"),
        pytest.param(waves.header(8, bits=8), id="8 bit"),
        pytest.param(waves.header(8, rate_hz=0), id="no rate"),
        pytest.param(b"OggS" + bytes(60), id="ogg"),
    ],
)
def test_a_leg_that_asterisk_did_not_write_is_refused_by_name(legs: Legs, header: bytes) -> None:
    legs.caller.write_bytes(header + bytes(8))
    with pytest.raises(CaptureDamaged, match="-caller.wav: expected a WAV header"):
        measure(legs.caller)


def test_legs_of_different_rates_are_refused(legs: Legs) -> None:
    waves.write_closed(legs.caller, waves.tone(800), rate_hz=8000)
    waves.write_closed(legs.agent, waves.tone(800), rate_hz=16_000)
    with pytest.raises(CaptureDamaged, match=r"differ in rate: \[8000, 16000\]"):
        measure_legs(legs)


def test_what_is_abandoned_leaves_nothing_behind(legs: Legs, tmp_path: Path) -> None:
    for leg in legs:
        waves.write_closed(leg, waves.tone(4 * BLOCK_SAMPLES))
    measured = measure_legs(legs)
    assert measured is not None
    answers = iter([False, False, True])
    with pytest.raises(Abandoned):
        write_flac(measured, tmp_path / "both.flac", abandoned=lambda: next(answers))
    assert list(tmp_path.glob("*.flac*")) == []


def test_a_leg_that_shrinks_while_it_is_read_is_damaged(legs: Legs) -> None:
    waves.write_closed(legs.caller, waves.tone(1000))
    leg = measure(legs.caller)
    legs.caller.write_bytes(legs.caller.read_bytes()[: HEADER_BYTES + 100])
    with pytest.raises(CaptureDamaged, match="became shorter"):
        list(leg.blocks(10))


def test_only_a_length_that_fits_proves_that_a_leg_was_closed(legs: Legs) -> None:
    assert not was_closed(legs.caller)
    legs.caller.write_bytes(waves.header(0))
    assert not was_closed(legs.caller)
    waves.write_open(legs.caller, waves.tone(500))
    assert not was_closed(legs.caller)
    waves.write_closed(legs.caller, waves.tone(500))
    assert was_closed(legs.caller)
    legs.caller.write_bytes(legs.caller.read_bytes()[:-4])
    assert not was_closed(legs.caller)
