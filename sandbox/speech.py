"""Spoken prompts and test voices: 8 kHz, 16 bit, one channel, as Asterisk plays them."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from sandbox.fetch import SandboxError, Unpacked

RATE_HZ = 8000
PEAK = 0.5

Samples = npt.NDArray[np.float64]

# Who says what in the sandbox: file name -> language, espeak voice, text. Different voices and words, so
# that a recording shows who is in it.
VOICES = {
    "agent1": ("nl", "nl+f2", "Goedemorgen, met het klantcontactcentrum. Waarmee kan ik u helpen vandaag?"),
    "agent2": (
        "nl",
        "nl+m3",
        "Met de gemeente, goedendag. Ik zoek het dossier er even bij, een ogenblik graag.",
    ),
    "agent3": ("nl", "nl+f4", "Contactcentrum, goedemiddag. Mag ik uw postcode en huisnummer van u horen?"),
    "agent4": ("nl", "nl+m7", "Hallo, u bent doorverbonden met een collega van de afdeling burgerzaken."),
    "stranger": ("en", "en+m1", "This is the garage on Station Road, your bicycle is ready on Thursday."),
    "caller1": ("nl", "nl+m1", "Ja goedemorgen, ik bel over mijn paspoort, dat verloopt volgende week al."),
    "caller2": ("nl", "nl+f5", "Dag, de container in onze straat is niet geleegd, hoe kan dat nou toch?"),
    "caller3": ("en", "en+f3", "Hello, I moved here last month and would like to register my new address."),
}
TONES_HZ = {"tone": 1000, "moh/tone": 330}
TONE_S = 2.0


_WAV_HEADER_BYTES = 44


def speak(unpacked: Unpacked, text: str, language: str, target: Path, *, voice: str | None = None) -> Path:
    """Write `text`, spoken in `language` ("nl", "en"), to the WAV file `target`.

    Raises:
        SandboxError: espeak-ng does not know the voice, or cannot run.
    """
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "speech.wav"
        command = [
            *unpacked.command("usr/bin/espeak-ng"),
            f"--path={unpacked.libraries()}",
            *("-v", voice or language, "-w", str(raw), "--stdin"),
        ]
        done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
        if done.returncode or not raw.is_file() or not raw.stat().st_size:
            raise SandboxError(f"espeak-ng, voice {voice or language}: {done.stderr.strip() or 'no speech'}")
        samples, rate = soundfile.read(raw, dtype="float64")
    write_wav(target, resample(samples, rate, RATE_HZ))
    return target


def tone(hz: float, seconds: float, target: Path) -> Path:
    """Write a pure tone, whole periods long so that a loop does not click."""
    periods = round(hz * seconds)
    count = round(periods / hz * RATE_HZ)
    write_wav(target, np.sin(2 * np.pi * hz * np.arange(count) / RATE_HZ))
    return target


def make_voices(unpacked: Unpacked, folder: Path) -> Path:
    """Write every voice and tone of the sandbox into `folder`; keep those already there."""
    for name, (language, voice, text) in VOICES.items():
        if not (folder / f"{name}.wav").exists():
            speak(unpacked, text, language, folder / f"{name}.wav", voice=voice)
    for name, hz in TONES_HZ.items():
        if not (folder / f"{name}.wav").exists():
            tone(hz, TONE_S, folder / f"{name}.wav")
    return folder


def read_wav(path: Path) -> Samples:
    """Return the samples of an 8 kHz WAV, between -1 and 1; channels are columns if there are several.

    Raises:
        SandboxError: another rate.
    """
    samples, rate = soundfile.read(path, dtype="float64")
    if rate != RATE_HZ:
        raise SandboxError(f"{path}: {rate} Hz, expected {RATE_HZ}")
    result: Samples = samples
    return result


def read_growing_wav(path: Path) -> Samples:
    """Return the samples so far of an 8 kHz, 16-bit, mono WAV that is still being written."""
    with path.open("rb") as file:
        file.seek(_WAV_HEADER_BYTES)
        data = file.read()
    result: Samples = np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2") / 32768
    return result


def write_wav(target: Path, samples: Samples) -> None:
    """Write one channel at 8 kHz, brought to the common peak; a reader sees the whole file or none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    loudest = float(np.max(np.abs(samples), initial=0.0)) or 1.0
    partial = target.with_suffix(f".{os.getpid()}.partial")
    soundfile.write(partial, samples / loudest * PEAK, RATE_HZ, subtype="PCM_16", format="WAV")
    partial.rename(target)


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Return the same sound at another rate: what lies above half the new rate is cut off."""
    if from_hz == to_hz:
        return samples
    count = round(len(samples) * to_hz / from_hz)
    spectrum = np.fft.rfft(samples)
    kept = spectrum[: count // 2 + 1]
    result: Samples = np.fft.irfft(kept, count) * (count / len(samples))
    return result
