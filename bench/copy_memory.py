"""How much memory a copy takes, of a short recording and of a long one side by side.

    python -m bench.copy_memory [--minutes 10 120] [--ways "zip of flac"]

Each way is a process of its own, from a sealed file to a whole copy: WAV, FLAC and MP3 in an encrypted
ZIP, and the new sealed copy of an erased part. What is compared is the peak of resident memory (getrusage):
it must not follow the length of the recording, and no decrypted byte may go to a disk for it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
import soundfile

from commands.audio import copies, rendering, sealed_audio
from commands.audio.resealing import silenced
from policy.clock import SystemRandomness
from policy.vocabulary import RecordingId
from store.files import container

T = TypeVar("T")
RATE_HZ = 8000
BLOCK_S = 10
PART = "part erased"
WAYS = ("zip of wav", "zip of flac", "zip of mp3", PART)
RECORDING = RecordingId("ab" * 16)
KEY = bytes(range(32))


def main() -> None:
    """Make the recordings, copy each in every way, and print the peaks side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, nargs="+", default=[10, 120])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, metavar="WAY")
    asked = parser.parse_args()
    minutes = asked.minutes
    with tempfile.TemporaryDirectory(prefix="consentline-bench-") as name:
        folder = Path(name)
        for length in minutes:
            apart(make, folder, length)
        print(f"{'':12s}" + "".join(f"{length:>8d} min" for length in minutes) + "    ratio")
        for way in asked.ways:
            peaks, times = zip(*(apart(copy, folder, length, way) for length in minutes), strict=True)
            shown = "".join(f"{peak_mb:>9.1f} MB" for peak_mb in peaks)
            took = ", ".join(f"{took_s:.1f} s" for took_s in times)
            print(f"{way:12s}{shown} {peaks[-1] / peaks[0]:>8.2f}    {took}", flush=True)


def apart(work: Callable[..., T], *arguments: object) -> T:
    """Run a function in a new process, and return what it returns."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def make(folder: Path, minutes: int) -> None:
    """Seal a recording of soft noise, the least that FLAC makes smaller."""
    chance, plain = np.random.default_rng(1), folder / "plain.flac"
    with soundfile.SoundFile(plain, "w", samplerate=RATE_HZ, channels=2, format="FLAC") as file:
        for _ in range(minutes * 60 // BLOCK_S):
            file.write(chance.integers(-2000, 2000, size=(RATE_HZ * BLOCK_S, 2), dtype=np.int16))
    context = container.recording_context(RECORDING)
    with plain.open("rb") as source, (folder / f"{minutes}.sealed").open("wb") as target:
        container.seal_stream(source, target, KEY, context, bytes(container.SALT_BYTES))
    plain.unlink()


def copy(folder: Path, minutes: int, way: str) -> tuple[float, float]:
    """Make one copy; return the peak of this process in MB, and how long it took."""
    began_s = time.perf_counter()
    with (
        (folder / f"{minutes}.sealed").open("rb") as sealed,
        sealed_audio.opened(sealed, KEY, RECORDING) as flac,
    ):
        if way == PART:
            _erase_part(folder, flac)
        else:
            _zip(folder / f"{minutes}-{way.replace(' ', '-')}.zip", flac, way.rpartition(" ")[2])
    took_s = time.perf_counter() - began_s
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, took_s


def _zip(target: Path, flac: BinaryIO, format_name: str) -> None:
    with (
        rendering.opened(flac, silence=rendering.Side.AGENT) as sound,
        copies.new_target(target, "vier losse woorden samen") as made,
    ):
        made.add_audio(sound, rendering.FORMATS[format_name])
        made.finish()


def _erase_part(folder: Path, flac: BinaryIO) -> None:
    context = container.recording_context(RECORDING)
    with (
        rendering.opened(flac, gap_ms=(1_000, 2_000)) as sound,
        silenced(sound, SystemRandomness()) as new,
        (folder / "new.sealed").open("wb") as target,
    ):
        container.seal_stream(new, target, KEY, context, bytes(container.SALT_BYTES))


if __name__ == "__main__":
    main()
