"""Spoken prompts as Asterisk plays them: 8 kHz, 16 bit, one channel; from espeak-ng or a WAV."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from policy.errors import ConfigError, NotFound, Unavailable

RATE_HZ = 8000
LONGEST_S = 120
PEAK = 0.5
SPEAKING_TIMEOUT_S = 60.0
WORDS_A_MINUTE = 150

Samples = npt.NDArray[np.float64]

_MARGIN_S = 0.25


def synthesise(text: str, language: str, *, espeak: Sequence[str]) -> Samples:
    """Return espeak-ng's reading of a text, at 8 kHz: a placeholder for a person's voice.

    Args:
        text: The words.
        language: Two letters.
        espeak: The program and its first arguments, such as `("espeak-ng", "--path=/usr/share")`.

    Raises:
        Unavailable: If espeak-ng is not there or cannot speak that language.
    """
    with tempfile.TemporaryDirectory(prefix="consentline-speech-") as folder:
        raw = Path(folder) / "speech.wav"
        # The words go in by stdin: nothing in them can be taken for an option.
        command = [*espeak, "-v", language, "-s", str(WORDS_A_MINUTE), "-w", str(raw), "--stdin"]
        try:
            done = subprocess.run(
                command, input=text.encode(), capture_output=True, check=False, timeout=SPEAKING_TIMEOUT_S
            )
        except OSError as error:
            raise Unavailable(
                f"{espeak[0]}: cannot be run: {error.strerror}",
                hint="install espeak-ng, or name it with --espeak",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"{espeak[0]}: did not end within {SPEAKING_TIMEOUT_S:g} s") from error
        if done.returncode or not raw.is_file() or raw.stat().st_size <= 44:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise Unavailable(
                f'{espeak[0]}: no speech in language "{language}": {said[-1] if said else "no reason given"}',
                hint="its data may lie elsewhere: --espeak-data DIR, the folder that holds espeak-ng-data",
            )
        samples, rate_hz = soundfile.read(raw, dtype="float64")
    return _levelled(resampled(samples, rate_hz))


def from_recording(wav: Path) -> Samples:
    """Return an organisation's own recording at 8 kHz, its level untouched, channels mixed.

    Raises:
        NotFound: If the file is not there.
        ConfigError: If it is no audio, is silent, is narrower than 8 kHz, or is over two minutes long.
    """
    if not wav.is_file():
        raise NotFound(f"{wav}: must be a WAV file, got none")
    try:
        samples, rate_hz = soundfile.read(wav, dtype="float64", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ConfigError(f"{wav}: must be a WAV file, got something else: {error.error_string}") from error
    if rate_hz < RATE_HZ:
        raise ConfigError(f"{wav}: must have at least {RATE_HZ} samples a second, got {rate_hz}")
    if len(samples) > LONGEST_S * rate_hz:
        raise ConfigError(f"{wav}: must be at most {LONGEST_S} s long, got {len(samples) / rate_hz:.0f} s")
    if float(np.max(np.abs(samples), initial=0.0)) < 0.001:
        raise ConfigError(f"{wav}: must hold speech, got silence")
    return np.clip(resampled(samples.mean(axis=1), rate_hz), -1.0, 1.0)


def resampled(samples: Samples, rate_hz: int) -> Samples:
    """Return the same sound at 8 kHz, with everything above 4 kHz taken out first.

    The spectrum is cut rather than folded; the margin of silence keeps the end of the
    sound from ringing into its beginning.
    """
    if rate_hz == RATE_HZ:
        return samples
    margin = round(_MARGIN_S * rate_hz)
    # As many samples before as after the change give a whole number: no drift of pitch.
    padded = np.concatenate([np.zeros(margin), samples, np.zeros(margin)])
    whole = np.concatenate([padded, np.zeros(-len(padded) % rate_hz)])
    count = len(whole) // rate_hz * RATE_HZ
    narrow = np.fft.irfft(np.fft.rfft(whole)[: count // 2 + 1], count) * (count / len(whole))
    first = round(margin * RATE_HZ / rate_hz)
    result: Samples = narrow[first : first + round(len(samples) * RATE_HZ / rate_hz)]
    return result


def write_wav(target: Path, samples: Samples) -> None:
    """Write a WAV of 8 kHz, 16 bit, one channel."""
    soundfile.write(target, samples, RATE_HZ, subtype="PCM_16", format="WAV")


def espeak_command(espeak: str, data: Path | None) -> tuple[str, ...]:
    """Return the start of a command line that runs espeak-ng.

    Args:
        espeak: A program, or a program with its first arguments.
        data: The folder that holds `espeak-ng-data`, or None for its own.
    """
    words = shlex.split(espeak)
    return (*words, f"--path={data}") if data is not None else tuple(words)


def _levelled(samples: Samples) -> Samples:
    loudest = float(np.max(np.abs(samples), initial=0.0)) or 1.0
    return samples / loudest * PEAK
