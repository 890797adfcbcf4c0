"""One leg as Asterisk writes it, whole or cut off by a crash.

    "RIFF" size:4 "WAVE" "fmt " 16:4 1:2 1:2 rate:4 rate*2:4 2:2 16:2 "data" length:4     44 B, little-endian
    samples: 16 bit, signed, one channel

Asterisk writes both sizes as 0, hands samples to the kernel 32 KiB at a time, and fills the sizes in when it
closes the file. So a length that fits proves that the file was closed, and after a crash the file's own
length is all there is. The file itself is never repaired: it belongs to Asterisk.

Source: `formats/format_wav.c`; design fact 10.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from policy.errors import IntegrityError

HEADER_BYTES = 44
SAMPLE_BYTES = 2
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM = 1

Samples = npt.NDArray[np.int16]


class CaptureDamaged(IntegrityError):
    """A leg is not what Asterisk writes; nobody can say what was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One side of a call.

    Attributes:
        rate_hz: Samples a second; None when not even the header was written.
        samples: How many whole ones are there.
        repaired: Whether the writer never closed the file, so that its length had to be measured.
    """

    path: Path
    rate_hz: int | None
    samples: int
    repaired: bool

    def blocks(self, block_samples: int) -> Iterator[Samples]:
        """Yield the samples in order; every block but the last is full."""
        left = self.samples
        with self.path.open("rb") as file:
            file.seek(HEADER_BYTES)
            while left:
                data = file.read(min(left, block_samples) * SAMPLE_BYTES)
                block = np.frombuffer(data, dtype="<i2", count=len(data) // SAMPLE_BYTES)
                if not block.size:
                    raise CaptureDamaged(f"{self.path.name}: became shorter while it was read")
                left -= block.size
                yield block

    def between(self, first: int, end: int) -> Samples:
        """Return the samples from `first` up to and without `end`, as far as they are there.

        Raises:
            CaptureDamaged: If the file became shorter.
            OSError: If it went.
        """
        wanted = max(min(end, self.samples) - first, 0)
        with self.path.open("rb") as file:
            file.seek(HEADER_BYTES + first * SAMPLE_BYTES)
            found = np.frombuffer(file.read(wanted * SAMPLE_BYTES), dtype="<i2")
        if found.size != wanted:
            raise CaptureDamaged(f"{self.path.name}: became shorter while it was read")
        return found


def measure(path: Path) -> Leg:
    """Return what is in a leg.

    Raises:
        FileNotFoundError: If there is none.
        CaptureDamaged: If it is not 16 bit PCM in one channel.
    """
    header, file_bytes = _look(path)
    if header is None:
        return Leg(path=path, rate_hz=None, samples=0, repaired=True)
    riff, _, wave, fmt, fmt_bytes, coding, channels, rate_hz, _, _, bits, data, stated = header
    shape = (riff, wave, fmt, fmt_bytes, coding, channels, bits, data)
    if shape != (b"RIFF", b"WAVE", b"fmt ", 16, _PCM, 1, 16, b"data") or rate_hz == 0:
        raise CaptureDamaged(
            f"{path.name}: expected a WAV header of 16 bit PCM in one channel, got {shape!r} at {rate_hz} Hz"
        )
    there = file_bytes - HEADER_BYTES
    closed = stated <= there <= stated + 1  # an odd length is padded
    data_bytes = stated if closed else there
    return Leg(path=path, rate_hz=rate_hz, samples=data_bytes // SAMPLE_BYTES, repaired=not closed)


def was_closed(path: Path) -> bool:
    """Tell whether the header proves that the writer has closed the file.

    An empty leg can prove nothing: what was said last may still be on its way.
    """
    try:
        header, file_bytes = _look(path)
    except FileNotFoundError:
        return False
    if header is None:
        return False
    stated: int = header[-1]
    return stated > 0 and stated <= file_bytes - HEADER_BYTES <= stated + 1


def _look(path: Path) -> tuple[tuple[Any, ...] | None, int]:
    """Return the fields of the header, None when it is not all there, and the length of the file."""
    with path.open("rb") as file:
        start = file.read(HEADER_BYTES)
        file_bytes = os.fstat(file.fileno()).st_size
    return (_HEADER.unpack(start) if len(start) == HEADER_BYTES else None), file_bytes
