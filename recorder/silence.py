"""Which stretches of a capture become silence before it is sealed, because a number was spoken.

Theory of operation
===================

While a recording is paused Asterisk is told to mute the tape, and writes zeros. That is checked here, and
where it cannot be shown the stretch is silenced, with a margin: in doubt silence.

Where a pause lies is known by the length of the spool's files at the key, not by a clock: nothing is written
while neither side sends a frame (fact 20). But Asterisk holds up to 32 KiB back before the kernel sees them:

    on disk at the key   <=   where the pause begins   <=   on disk at the key + UNWRITTEN_SAMPLES

so each end is known to some two seconds only. Between them a tape that was muted shows one run of zeros in
both legs, as long as the pause. Where there is none, or Asterisk never said that it obeyed, all that may
belong to the pause becomes silence: up to two seconds of talk before and after it are lost.

Source: Asterisk 22, main/file.c: `setvbuf(fs->f, fs->write_buffer, _IOFBF, 32768)`; main/audiohook.c: what a
muted hook reads is cleared, for each leg.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from recorder.finalise import Measured, Stretch
from recorder.ports import Pause
from recorder.wav import Leg, Samples

UNWRITTEN_SAMPLES = 32_768 // 2 + 320
"""What Asterisk has not handed to the kernel yet, and two frames on their way to the tape."""
TOLERANCE_MS = 400
"""By how much the zeros may be shorter than the pause: the way of two commands to Asterisk."""


def to_silence(measured: Measured, pauses: Sequence[Pause]) -> tuple[Stretch, ...]:
    """Return the stretches that have to become silence in both channels.

    Raises:
        CaptureDamaged: If a leg could not be read.
        OSError: If a leg went.
    """
    return tuple(_to_silence(measured, pauses))


def _to_silence(measured: Measured, pauses: Sequence[Pause]) -> Iterator[Stretch]:
    for pause in pauses:
        first = min(pause.from_sample, measured.samples)
        if pause.until_sample is None:
            yield Stretch(first=first, end=measured.samples)
            continue
        around = Stretch(first=first, end=min(pause.until_sample + UNWRITTEN_SAMPLES, measured.samples))
        if not _is_muted(measured, pause, pause.until_sample, around):
            yield around


def _is_muted(measured: Measured, pause: Pause, until_sample: int, around: Stretch) -> bool:
    """Tell whether the tape shows that it was silent for as long as it was to be."""
    if not pause.muted or pause.lasted_ms is None:
        return False
    silence = _longest_silence(measured, around)
    needed = max(pause.lasted_ms - TOLERANCE_MS, 0) * measured.rate_hz // 1000
    surely = Stretch(first=pause.from_sample + UNWRITTEN_SAMPLES, end=min(until_sample, measured.samples))
    covers = surely.first >= surely.end or (silence.first <= surely.first and surely.end <= silence.end)
    return covers and silence.end - silence.first >= needed


def _longest_silence(measured: Measured, within: Stretch) -> Stretch:
    """Return the longest run of zeros in both legs."""
    sounds = _samples(measured.caller, within) != 0
    sounds |= _samples(measured.agent, within) != 0
    edges = np.flatnonzero(np.diff(np.concatenate(([True], sounds, [True])).astype(np.int8)))
    begins, ends = edges[::2], edges[1::2]
    if not begins.size:
        return Stretch(first=within.first, end=within.first)
    longest = int(np.argmax(ends - begins))
    return Stretch(first=within.first + int(begins[longest]), end=within.first + int(ends[longest]))


def _samples(leg: Leg | None, within: Stretch) -> Samples:
    """Return a leg's samples of a stretch; what it lacks is silence."""
    there = np.zeros(within.end - within.first, dtype=np.int16)
    if leg is not None:
        found = leg.between(within.first, within.end)
        there[: found.size] = found
    return there
