"""Two legs into one two-channel FLAC: the caller left, the agent right, in step. Blocking; bounded memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import soundfile

from policy.errors import ConsentlineError, IntegrityError
from recorder.spool import Legs
from recorder.wav import CaptureDamaged, Leg, Samples, measure

BLOCK_SAMPLES = 65_536
CONTENT_TYPE = "audio/flac"


class Abandoned(ConsentlineError):
    """Somebody said stop while the file was being made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What two legs hold together.

    Attributes:
        caller, agent: The legs; a leg that is missing counts as silent.
        rate_hz: Of both.
        samples: Of the longer one.
    """

    caller: Leg | None
    agent: Leg | None
    rate_hz: int
    samples: int

    @property
    def empty(self) -> bool:
        """Whether nothing was said: the tape only runs while two people are connected (fact 11)."""
        return self.samples == 0

    @property
    def duration_ms(self) -> int:
        """Length of what was recorded, which can be shorter than the talk (fact 20)."""
        return self.samples * 1000 // self.rate_hz

    @property
    def repaired(self) -> bool:
        """Whether a leg was never closed by its writer."""
        return any(leg is not None and leg.repaired for leg in (self.caller, self.agent))

    @property
    def uneven(self) -> bool:
        """Whether the legs differ in length, which they only do after a crash (fact 20)."""
        lengths = {leg.samples if leg is not None else 0 for leg in (self.caller, self.agent)}
        return len(lengths) > 1


def measure_legs(legs: Legs) -> Measured | None:
    """Return what both legs hold, or None when neither is there.

    Raises:
        CaptureDamaged: If a leg is not what Asterisk writes, or they differ in rate.
    """
    caller, agent = (_measure_if_there(path) for path in legs)
    there = [leg for leg in (caller, agent) if leg is not None]
    if not there:
        return None
    rates = {leg.rate_hz for leg in there if leg.rate_hz is not None}
    if len(rates) > 1:
        raise CaptureDamaged(f"{legs.caller.name}: legs differ in rate: {sorted(rates)}")
    return Measured(
        caller=caller,
        agent=agent,
        rate_hz=rates.pop() if rates else 8000,
        samples=max(leg.samples for leg in there),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Samples from `first` up to and without `end`."""

    first: int
    end: int


def write_flac(
    measured: Measured, target: Path, *, silent: Sequence[Stretch] = (), abandoned: Callable[[], bool]
) -> None:
    """Write both legs into `target`, which has its name only once it is complete.

    Args:
        measured: The legs.
        target: What is made.
        silent: What becomes silence in both channels.
        abandoned: Asked before each block; when true, nothing is left behind.

    Raises:
        Abandoned: If it was.
        CaptureDamaged: If a leg could not be read to its end.
        IntegrityError: If the result does not hold every sample.
        OSError: If the disk is full, or a leg went.
    """
    partial = target.with_name(target.name + ".partial")
    try:
        _write(measured, partial, silent, abandoned)
        written = soundfile.info(str(partial))
        if (written.frames, written.samplerate, written.channels) != (measured.samples, measured.rate_hz, 2):
            raise IntegrityError(
                f"{target.name}: expected {measured.samples} samples in 2 channels, "
                f"got {written.frames} in {written.channels}"
            )
        partial.rename(target)
    except soundfile.SoundFileError as error:
        raise IntegrityError(f"{target.name}: could not be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _write(
    measured: Measured, partial: Path, silent: Sequence[Stretch], abandoned: Callable[[], bool]
) -> None:
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with soundfile.SoundFile(
        descriptor,
        "w",
        samplerate=measured.rate_hz,
        channels=2,
        format="FLAC",
        subtype="PCM_16",
        closefd=True,
    ) as flac:
        both = zip(_padded(measured.caller, measured), _padded(measured.agent, measured), strict=True)
        written = 0
        for caller, agent in both:
            if abandoned():
                raise Abandoned(f"{partial.name}: said stop while it was being made")
            block = np.column_stack((caller, agent))
            for stretch in silent:
                block[max(stretch.first - written, 0) : max(stretch.end - written, 0)] = 0
            flac.write(block)
            written += len(block)


def _padded(leg: Leg | None, measured: Measured) -> Iterator[Samples]:
    """Yield blocks of a leg and then silence, as many samples as the longer leg has."""
    blocks = leg.blocks(BLOCK_SAMPLES) if leg is not None else iter(())
    silence = repeat(np.zeros(BLOCK_SAMPLES, dtype=np.int16))
    left = measured.samples
    for block in chain(blocks, silence):
        if not left:
            return
        whole = block
        size = min(left, BLOCK_SAMPLES)
        if block.size < size:
            whole = np.concatenate((block, np.zeros(size - block.size, dtype=np.int16)))
        left -= size
        yield whole[:size]


def _measure_if_there(path: Path) -> Leg | None:
    try:
        return measure(path)
    except FileNotFoundError:
        return None
