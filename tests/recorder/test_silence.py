"""Which stretches become silence: exactly the pause where the tape shows it, and more in any doubt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from policy.vocabulary import RecordingId
from recorder.finalise import BLOCK_SAMPLES, Stretch, measure_legs, write_flac
from recorder.ports import Pause
from recorder.silence import UNWRITTEN_SAMPLES, to_silence
from recorder.spool import Legs, Spool
from recorder.wav import Samples
from tests.recorder import waves

ID = RecordingId("ab" * 16)
LENGTH = 20 * waves.RATE_HZ
FROM, UNTIL = 6 * waves.RATE_HZ, 12 * waves.RATE_HZ
"""Where the pause truly lies."""
ON_DISK = 5 * waves.RATE_HZ, 11 * waves.RATE_HZ
"""What the kernel had seen by then: Asterisk holds the rest back."""


def pause(*, muted: bool = True, until: int | None = ON_DISK[1], lasted_ms: int | None = 6000) -> Pause:
    return Pause(from_sample=ON_DISK[0], until_sample=until, lasted_ms=lasted_ms, muted=muted)


def muted_tape(*, agent_too: bool = True) -> tuple[Samples, Samples]:
    caller, agent = waves.tone(LENGTH), waves.tone(LENGTH, every=50)
    caller[FROM:UNTIL] = 0
    if agent_too:
        agent[FROM:UNTIL] = 0
    return caller, agent


def sealed(folder: Path, caller: Samples, agent: Samples, *pauses: Pause) -> Samples:
    """Return the two channels of what is made of both legs."""
    legs: Legs = Spool(folder, floor_bytes=0).legs(ID)
    waves.write_closed(legs.caller, caller)
    waves.write_closed(legs.agent, agent)
    measured = measure_legs(legs)
    assert measured is not None
    silent = to_silence(measured, pauses)
    write_flac(measured, folder / "both.flac", silent=silent, abandoned=lambda: False)
    audio: Samples = soundfile.read(str(folder / "both.flac"), dtype="int16", always_2d=True)[0]
    assert len(audio) == LENGTH
    return audio


def silent_between(audio: Samples) -> tuple[int, int]:
    """Return the first and last sample of silence; what lies between has to be silent, too."""
    quiet = np.flatnonzero(~audio.any(axis=1))
    assert quiet.size == quiet[-1] - quiet[0] + 1
    return int(quiet[0]), int(quiet[-1]) + 1


def test_a_tape_that_was_mute_for_all_of_the_pause_loses_nothing_else(tmp_path: Path) -> None:
    assert silent_between(sealed(tmp_path, *muted_tape(), pause())) == (FROM, UNTIL)


@pytest.mark.parametrize("muted", [False, True])
def test_a_tape_that_was_not_mute_is_silenced_with_what_asterisk_may_have_held_back(
    tmp_path: Path, muted: bool
) -> None:
    audio = sealed(tmp_path, waves.tone(LENGTH), waves.tone(LENGTH, every=50), pause(muted=muted))
    first, end = silent_between(audio)
    assert (first, end) == (ON_DISK[0], ON_DISK[1] + UNWRITTEN_SAMPLES)
    assert first <= FROM
    assert end >= UNTIL


def test_one_leg_that_was_not_mute_is_enough_for_doubt(tmp_path: Path) -> None:
    audio = sealed(tmp_path, *muted_tape(agent_too=False), pause())
    assert silent_between(audio) == (ON_DISK[0], ON_DISK[1] + UNWRITTEN_SAMPLES)


def test_zeros_that_are_shorter_than_the_pause_are_not_believed(tmp_path: Path) -> None:
    caller, agent = muted_tape()
    caller[FROM : FROM + waves.RATE_HZ] = 100
    assert silent_between(sealed(tmp_path, caller, agent, pause()))[0] == ON_DISK[0]


def test_zeros_elsewhere_are_not_taken_for_the_pause(tmp_path: Path) -> None:
    caller, agent = waves.tone(LENGTH), waves.tone(LENGTH, every=50)
    for leg in (caller, agent):
        leg[ON_DISK[0] : ON_DISK[0] + 6 * waves.RATE_HZ - UNWRITTEN_SAMPLES] = 0
    assert silent_between(sealed(tmp_path, caller, agent, pause()))[1] >= UNTIL


@pytest.mark.parametrize("muted", [False, True])
def test_a_pause_that_nobody_ended_goes_to_the_end(tmp_path: Path, muted: bool) -> None:
    caller, agent = waves.tone(LENGTH), waves.tone(LENGTH, every=50)
    audio = sealed(tmp_path, caller, agent, pause(muted=muted, until=None, lasted_ms=None))
    assert silent_between(audio) == (ON_DISK[0], LENGTH)


def test_a_pause_beyond_what_was_recorded_silences_nothing(tmp_path: Path) -> None:
    late = Pause(from_sample=LENGTH + 5, until_sample=LENGTH + 9, lasted_ms=1, muted=False)
    assert sealed(tmp_path, waves.tone(LENGTH), waves.tone(LENGTH, every=50), late).all()


def test_silence_is_written_across_blocks_and_nowhere_else(tmp_path: Path) -> None:
    legs = Spool(tmp_path, floor_bytes=0).legs(ID)
    for leg in legs:
        waves.write_closed(leg, waves.tone(3 * BLOCK_SAMPLES))
    measured = measure_legs(legs)
    assert measured is not None
    stretches = (
        Stretch(first=BLOCK_SAMPLES - 1, end=2 * BLOCK_SAMPLES + 1),
        Stretch(first=3 * BLOCK_SAMPLES - 2, end=4 * BLOCK_SAMPLES),
    )
    write_flac(measured, tmp_path / "both.flac", silent=stretches, abandoned=lambda: False)
    audio, _ = soundfile.read(str(tmp_path / "both.flac"), dtype="int16", always_2d=True)
    quiet = set(np.flatnonzero(~audio.any(axis=1)).tolist())
    assert quiet == {
        *range(BLOCK_SAMPLES - 1, 2 * BLOCK_SAMPLES + 1),
        *range(3 * BLOCK_SAMPLES - 2, 3 * BLOCK_SAMPLES),
    }
