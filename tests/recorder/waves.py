"""WAV files as Asterisk writes them: open, closed, or cut off."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from recorder.wav import Samples

RATE_HZ = 8000


def header(data_bytes: int, *, rate_hz: int = RATE_HZ, channels: int = 1, bits: int = 16) -> bytes:
    """Return the 44 bytes; `data_bytes` 0 is what stands there until the file is closed."""
    frame = channels * bits // 8
    riff = data_bytes + 36 if data_bytes else 0
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", riff, b"WAVE", b"fmt ", 16, 1, channels, rate_hz),
        *(rate_hz * frame, frame, bits, b"data", data_bytes),
    )


def tone(samples: int, *, every: int = 20, height: int = 8000) -> Samples:
    """Return a square wave; two of different `every` are told apart easily."""
    return np.where(np.arange(samples) // every % 2 == 0, height, -height).astype(np.int16)


def write_closed(path: Path, samples: Samples, *, rate_hz: int = RATE_HZ) -> None:
    """Write a leg whose writer closed it."""
    data = samples.astype("<i2").tobytes()
    path.write_bytes(header(len(data), rate_hz=rate_hz) + data)


def write_open(path: Path, samples: Samples, *, stray_bytes: int = 0) -> None:
    """Write a leg whose writer was killed: sizes 0, perhaps half a sample at the end."""
    path.write_bytes(header(0) + samples.astype("<i2").tobytes() + b"\x01" * stray_bytes)
