"""A recording's audio: out of its FLAC, one channel silenced where asked, into the format wanted.

Memory stays bounded by a block, however long the recording is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO, Final, TypeAlias

import numpy as np
import soundfile

from commands.audio.echo import Echo, EchoMeter
from policy.errors import IntegrityError, Unavailable

BLOCK_FRAMES: Final = 65_536
SAMPLE_BYTES: Final = 2
WAV_HEADER_BYTES: Final = 44
_LARGEST_WAV_BYTES: Final = 2**32 - 1

SEALED_TYPE: Final = "audio/flac"
"""What lies inside a sealed file: FLAC, caller on the left channel, agent on the right."""

Block: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.int16]]


class Side(Enum):
    """Whose channel."""

    CALLER = "caller"
    AGENT = "agent"

    @property
    def channel(self) -> int:
        """Its place in a frame."""
        return 0 if self is Side.CALLER else 1

    @property
    def other(self) -> Side:
        """Who they speak with."""
        return Side.AGENT if self is Side.CALLER else Side.CALLER


CHANNELS: Final = (Side.CALLER, Side.AGENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFormat:
    """How soundfile writes a format."""

    extension: str
    container: str
    encoding: str


FORMATS = {
    "wav": AudioFormat(extension="wav", container="WAV", encoding="PCM_16"),
    "flac": AudioFormat(extension="flac", container="FLAC", encoding="PCM_16"),
    "mp3": AudioFormat(extension="mp3", container="MP3", encoding="MPEG_LAYER_III"),
    "opus": AudioFormat(extension="opus", container="OGG", encoding="OPUS"),
}


class Audio:
    """The audio of one recording, to be read once from its beginning.

    Args:
        source: FLAC; seekable.
        silence: Whose channel is replaced by digital silence, or None.
        gap_ms: From when to when both channels are, or None.

    Raises:
        IntegrityError: If the source is no audio of two channels.
    """

    def __init__(
        self, source: BinaryIO, *, silence: Side | None = None, gap_ms: tuple[int, int] | None = None
    ) -> None:
        try:
            self._file = soundfile.SoundFile(source)
        except soundfile.LibsndfileError as error:
            raise IntegrityError(f"the recording holds no audio: {error.error_string}") from error
        if self._file.channels != len(CHANNELS):
            raise IntegrityError(f"the recording must have 2 channels, has {self._file.channels}")
        self._silence = silence
        self._meter = EchoMeter(self._file.samplerate)
        self.frames: int = self._file.frames
        self.rate_hz: int = self._file.samplerate
        # The first sample of the gap and the first after it: never less than was asked for.
        from_ms, to_ms = gap_ms or (0, 0)
        self._gap = (from_ms * self.rate_hz // 1000, -(-to_ms * self.rate_hz // 1000))

    @property
    def duration_ms(self) -> int:
        """How long it lasts."""
        return self.frames * 1000 // self.rate_hz

    def blocks(self) -> Iterator[Block]:
        """Yield it block by block, silenced where asked.

        Raises:
            IntegrityError: If it is shorter than it says.
        """
        heard = 0
        for block in self._file.blocks(blocksize=BLOCK_FRAMES, dtype="int16"):
            first, end = (max(0, frame - heard) for frame in self._gap)
            block[first:end] = 0
            heard += len(block)
            if self._silence is not None:
                kept, silenced = self._silence.other.channel, self._silence.channel
                self._meter.hear(block[:, kept] / 32768, block[:, silenced] / 32768)
                block[:, silenced] = 0
            yield block
        if heard != self.frames:
            raise IntegrityError(f"the recording must hold {self.frames} samples, holds {heard}")

    def echo(self) -> Echo | None:
        """Return what the silenced party left in the other channel, once all was read; None: nobody was."""
        return None if self._silence is None else self._meter.measure()

    def close(self) -> None:
        """Let go of the source."""
        self._file.close()


@contextmanager
def opened(
    source: BinaryIO, *, silence: Side | None = None, gap_ms: tuple[int, int] | None = None
) -> Iterator[Audio]:
    """Give the audio of a recording; errors as those of `Audio`."""
    audio = Audio(source, silence=silence, gap_ms=gap_ms)
    try:
        yield audio
    finally:
        audio.close()


def wav_header(audio: Audio) -> bytes:
    """Return the 44 bytes before the samples, with the length that is known beforehand.

    Raises:
        Unavailable: If it is too long for WAV, 37 hours at 8 kHz.
    """
    size_bytes = audio.frames * len(CHANNELS) * SAMPLE_BYTES
    if size_bytes + WAV_HEADER_BYTES > _LARGEST_WAV_BYTES:
        raise Unavailable("wav: cannot hold more than 4 GiB", hint="choose another --format")
    frame_bytes = len(CHANNELS) * SAMPLE_BYTES
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        size_bytes + WAV_HEADER_BYTES - 8,
        b"WAVE",
        b"fmt ",
        16,
        1,
        len(CHANNELS),
        audio.rate_hz,
        audio.rate_hz * frame_bytes,
        frame_bytes,
        SAMPLE_BYTES * 8,
        b"data",
        size_bytes,
    )


def stream_wav(audio: Audio) -> Iterator[bytes]:
    """Yield a WAV file from its first byte to its last; nothing of it is held."""
    yield wav_header(audio)
    for block in audio.blocks():
        yield block.astype("<i2").tobytes()


def encode(audio: Audio, target: BinaryIO, wanted: AudioFormat) -> None:
    """Write the audio in a format that wants to look back while it writes, channels kept apart.

    Raises:
        Unavailable: If this libsndfile does not know the format, or the target takes no more; MP3 and Opus
            pass over that, so the target has to be asked.
    """
    try:
        written = soundfile.SoundFile(
            target,
            "w",
            samplerate=audio.rate_hz,
            channels=len(CHANNELS),
            format=wanted.container,
            subtype=wanted.encoding,
        )
    except (soundfile.LibsndfileError, ValueError) as error:
        raise Unavailable(
            f"{wanted.extension}: this machine's libsndfile does not write it", hint="choose another --format"
        ) from error
    try:
        with written:
            for block in audio.blocks():
                written.write(block)
    # A full disk is a short write to libsndfile, which soundfile asserts against.
    except (soundfile.LibsndfileError, AssertionError) as error:
        raise Unavailable(f"{wanted.extension}: cannot be written: the disk is full or fails") from error
