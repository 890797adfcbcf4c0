"""Spoken prompts: eight thousand samples a second, properly."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from commands.prompts import speech
from policy.errors import ConfigError, ConsentlineError, NotFound, Unavailable


def _tone(hz: float, rate_hz: int, seconds: float = 1.0) -> speech.Samples:
    wave: speech.Samples = np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz) * 0.5
    return wave


def _espeak(folder: Path, body: str) -> tuple[str, ...]:
    """A program that is called as espeak-ng is."""
    program = folder / "espeak"
    program.write_text(f"#!{sys.executable}\nimport sys\n{body}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return speech.espeak_command(str(program), None)


@pytest.mark.parametrize("rate_hz", [8000, 11_025, 16_000, 22_050, 44_100, 48_000])
def test_a_voice_keeps_pitch_and_length_at_any_rate(rate_hz: int) -> None:
    narrow = speech.resampled(_tone(1000, rate_hz), rate_hz)
    assert len(narrow) == speech.RATE_HZ
    assert np.argmax(np.abs(np.fft.rfft(narrow))) == 1000
    assert np.max(np.abs(narrow[100:-100])) == pytest.approx(0.5, abs=0.02)


def test_what_is_too_high_for_a_telephone_is_taken_out_and_not_folded_down() -> None:
    narrow = speech.resampled(_tone(6000, 22_050), 22_050)
    assert np.max(np.abs(narrow[200:-200])) < 0.005


def test_speech_comes_from_the_words_on_stdin(tmp_path: Path) -> None:
    body = (
        "import numpy, soundfile\n"
        "words = sys.stdin.read()\n"
        "assert words == '-v; $(rm) \"words\"', words\n"
        "assert sys.argv[1:3] == ['-v', 'nl'], sys.argv\n"
        "soundfile.write(sys.argv[sys.argv.index('-w') + 1], numpy.ones(22050) * 0.1, 22050)"
    )
    samples = speech.synthesise('-v; $(rm) "words"', "nl", espeak=_espeak(tmp_path, body))
    assert len(samples) == speech.RATE_HZ
    assert np.max(np.abs(samples)) == pytest.approx(speech.PEAK)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("sys.exit('Error: The specified espeak-ng voice does not exist.')", "voice does not exist"),
        ("", 'no speech in language "nl"'),
    ],
)
def test_an_espeak_that_cannot_speak_is_told_in_one_line(tmp_path: Path, body: str, told: str) -> None:
    with pytest.raises(Unavailable, match=told) as raised:
        speech.synthesise("woorden", "nl", espeak=_espeak(tmp_path, body))
    assert "--espeak-data" in (raised.value.hint or "")


def test_an_espeak_that_is_not_there_is_told_with_how_to_name_it() -> None:
    with pytest.raises(Unavailable, match="cannot be run") as raised:
        speech.synthesise("woorden", "nl", espeak=("/nowhere/espeak-ng",))
    assert "--espeak" in (raised.value.hint or "")


def test_an_organisations_own_recording_keeps_its_level(tmp_path: Path) -> None:
    own = tmp_path / "own.wav"
    soundfile.write(own, np.stack([_tone(500, 48_000)] * 2, axis=1), 48_000)
    samples = speech.from_recording(own)
    assert np.max(np.abs(samples[100:-100])) == pytest.approx(0.5, abs=0.02)
    target = tmp_path / "prompt.wav"
    speech.write_wav(target, samples)
    told = soundfile.info(target)
    assert (told.samplerate, told.channels, told.subtype, told.frames) == (8000, 1, "PCM_16", 8000)


@pytest.mark.parametrize(
    ("samples", "rate_hz", "told"),
    [
        (np.zeros(16_000), 16_000, "got silence"),
        (_tone(500, 6000), 6000, "samples a second"),
        (_tone(500, 8000, 121), 8000, "at most 120 s"),
    ],
    ids=["silent", "narrow", "long"],
)
def test_a_recording_that_is_no_prompt_is_refused(
    tmp_path: Path, samples: speech.Samples, rate_hz: int, told: str
) -> None:
    own = tmp_path / "own.wav"
    soundfile.write(own, samples, rate_hz)
    with pytest.raises(ConfigError, match=told):
        speech.from_recording(own)


@pytest.mark.parametrize("content", [None, b"", b"no audio at all"])
def test_a_file_that_is_no_audio_is_refused(tmp_path: Path, content: bytes | None) -> None:
    own = tmp_path / "own.wav"
    if content is not None:
        own.write_bytes(content)
    with pytest.raises(ConsentlineError) as raised:
        speech.from_recording(own)
    assert isinstance(raised.value, NotFound if content is None else ConfigError)


def test_espeak_may_be_a_command_line_of_its_own() -> None:
    words = speech.espeak_command("/lib/ld.so --library-path '/a b' /usr/bin/espeak-ng", Path("/data"))
    assert words == ("/lib/ld.so", "--library-path", "/a b", "/usr/bin/espeak-ng", "--path=/data")
