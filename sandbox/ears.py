"""What can be heard in a recording: a tone, a known voice, silence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox.speech import RATE_HZ, Samples

SILENCE_RMS = 0.002
TONE_SHARE = 0.5
_FRAME_S = 0.1
# A stretch of voice of this length is looked for, so that a loop joined half-way, or hold, does not matter.
_SNIPPET_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Where a known sound was found.

    Attributes:
        likeness: Normalised correlation of the best place, 0 to 1; above 0.6 after A-law is the same sound.
        at_s: Where in the recording that place is.
    """

    likeness: float
    at_s: float


def loudness(samples: Samples) -> float:
    """Root of the mean square; 1 is full scale."""
    return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0


def is_silent(samples: Samples, *, threshold: float = SILENCE_RMS) -> bool:
    """Tell whether no tenth of a second is louder than the threshold."""
    return all(loudness(frame) < threshold for frame in _frames(samples, RATE_HZ))


def sounding_s(samples: Samples, *, threshold: float = SILENCE_RMS) -> float:
    """Seconds, in tenths, in which something is heard."""
    return _FRAME_S * sum(loudness(frame) >= threshold for frame in _frames(samples, RATE_HZ))


def holds_tone(samples: Samples, rate: int, hz: float, *, at_least_s: float = 0.3) -> bool:
    """Tell whether a tone of `hz` dominates for `at_least_s` seconds in all."""
    return tone_s(samples, rate, hz) >= at_least_s


def tone_s(samples: Samples, rate: int, hz: float) -> float:
    """Seconds, in tenths, in which most of the energy lies at `hz`."""
    return _FRAME_S * sum(_tone_share(frame, rate, hz) > TONE_SHARE for frame in _frames(samples, rate))


def find_sound(recording: Samples, known: Samples) -> Match:
    """Look for any one-second stretch of `known` in `recording`, both at the same rate."""
    snippet = int(_SNIPPET_S * RATE_HZ)
    if len(recording) < snippet or len(known) < snippet:
        return Match(likeness=0.0, at_s=0.0)
    starts = range(0, len(known) - snippet + 1, snippet)
    stretches = [known[start : start + snippet] for start in starts]
    voiced = [stretch for stretch in stretches if loudness(stretch) > 10 * SILENCE_RMS]
    return max((_best_place(recording, stretch) for stretch in voiced), key=lambda match: match.likeness)


def holds_voice(recording: Samples, known: Samples, *, likeness: float = 0.6) -> bool:
    """Tell whether a stretch of `known` is heard in `recording`."""
    return find_sound(recording, known).likeness >= likeness


def _frames(samples: Samples, rate: int) -> list[Samples]:
    size = int(_FRAME_S * rate)
    return [samples[start : start + size] for start in range(0, len(samples) - size + 1, size)]


def _tone_share(frame: Samples, rate: int, hz: float) -> float:
    """Share of the frame's energy at one frequency (Goertzel, with a window of one frame)."""
    energy = float(np.mean(np.square(frame)))
    if energy < SILENCE_RMS**2:
        return 0.0
    wave = np.exp(-2j * np.pi * hz * np.arange(len(frame)) / rate)
    amplitude = 2 * abs(np.mean(frame * wave))
    return float(min(1.0, amplitude**2 / 2 / energy))


def _best_place(recording: Samples, stretch: Samples) -> Match:
    """The place where the normalised correlation is highest, over all shifts at once by FFT."""
    centred = stretch - np.mean(stretch)
    size = 1 << (len(recording) + len(stretch)).bit_length()
    spectrum = np.fft.rfft(recording, size) * np.conj(np.fft.rfft(centred, size))
    products = np.fft.irfft(spectrum, size)[: len(recording) - len(stretch) + 1]
    energy = np.concatenate(([0.0], np.cumsum(np.square(recording))))
    windows = energy[len(stretch) :] - energy[: -len(stretch)]
    scale = np.sqrt(np.maximum(windows, (SILENCE_RMS**2) * len(stretch)) * np.sum(np.square(centred)))
    likeness = products / scale
    best = int(np.argmax(likeness))
    return Match(likeness=float(max(0.0, likeness[best])), at_s=best / RATE_HZ)
