"""The ears hear what is there and nothing else; pure, no Asterisk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from sandbox import ears, speech
from sandbox.fetch import SandboxError
from sandbox.speech import RATE_HZ, Samples


def _tone(hz: float, seconds: float = 1.0, level: float = 0.3) -> Samples:
    count = int(seconds * RATE_HZ)
    result: Samples = level * np.sin(2 * np.pi * hz * np.arange(count) / RATE_HZ)
    return result


def _voice(seed: int, seconds: float = 3.0) -> Samples:
    noise = np.random.default_rng(seed).normal(0, 0.1, int(seconds * RATE_HZ))
    smoothed: Samples = np.convolve(noise, np.ones(5) / 5, "same")
    return smoothed


def test_a_tone_is_heard_and_its_neighbour_is_not() -> None:
    assert ears.holds_tone(_tone(1000), RATE_HZ, 1000)
    assert not ears.holds_tone(_tone(1000), RATE_HZ, 1100)
    assert not ears.holds_tone(_voice(1), RATE_HZ, 1000)


def test_a_tone_below_speech_is_not_taken_for_a_tone() -> None:
    assert not ears.holds_tone(_tone(1000, 3.0, level=0.02) + _voice(1), RATE_HZ, 1000)


def test_silence_is_silent_and_one_loud_tenth_is_not() -> None:
    quiet = np.zeros(RATE_HZ * 2)
    assert ears.is_silent(quiet)
    quiet[8000:8800] = _tone(440, 0.1)
    assert not ears.is_silent(quiet)
    assert ears.sounding_s(quiet) == pytest.approx(0.1)


def test_a_known_voice_is_found_where_it_begins() -> None:
    known = _voice(2)
    recording = np.concatenate([_voice(3, 1.5), known[: 2 * RATE_HZ] * 0.4, _voice(4, 1.0)])
    match = ears.find_sound(recording, known)
    assert match.likeness > 0.95
    assert match.at_s == pytest.approx(1.5) or match.at_s == pytest.approx(2.5)


def test_another_voice_is_not_found() -> None:
    assert not ears.holds_voice(_voice(5, 6.0), _voice(6))


def test_a_recording_shorter_than_a_second_holds_no_voice() -> None:
    assert ears.find_sound(_voice(7, 0.9), _voice(7)).likeness == 0.0


def test_what_is_cut_off_by_resampling_does_not_come_back_as_another_tone() -> None:
    high = np.sin(2 * np.pi * 9000 * np.arange(22050) / 22050)
    assert ears.is_silent(speech.resample(high, 22050, RATE_HZ)[100:-100])


def test_resampling_keeps_pitch_and_length() -> None:
    low = np.sin(2 * np.pi * 500 * np.arange(22050) / 22050)
    resampled = speech.resample(low, 22050, RATE_HZ)
    assert len(resampled) == RATE_HZ
    assert ears.holds_tone(resampled, RATE_HZ, 500, at_least_s=0.9)


def test_a_tone_file_loops_without_a_click(tmp_path: Path) -> None:
    samples = speech.read_wav(speech.tone(330, 2.0, tmp_path / "tone.wav"))
    twice = np.concatenate([samples, samples])
    steps = np.abs(np.diff(twice))
    assert steps[len(samples) - 1] <= np.max(np.diff(samples)) * 1.01


def test_a_wav_of_another_rate_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "wide.wav", np.zeros(100), 16000)
    with pytest.raises(SandboxError, match="16000 Hz"):
        speech.read_wav(tmp_path / "wide.wav")
