"""A recording's audio in the formats in which it can be handed over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import soundfile

from policy.errors import IntegrityError, Unavailable

BLOCK_FRAMES = 65_536

SEALED_TYPE = "audio/flac"
"""What lies inside a sealed file: FLAC, caller on the left channel, agent on the right."""


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


def convert(source: BinaryIO, target: Path, wanted: AudioFormat) -> None:
    """Write the audio of a FLAC to a new file, channels kept apart; memory stays bounded.

    Raises:
        IntegrityError: If the source is no audio.
        Unavailable: If this libsndfile does not know the format.
        OSError: If writing fails.
    """
    try:
        audio = soundfile.SoundFile(source)
    except soundfile.LibsndfileError as error:
        raise IntegrityError(f"the recording holds no audio: {error.error_string}") from error
    with audio:
        try:
            written = soundfile.SoundFile(
                target,
                "w",
                samplerate=audio.samplerate,
                channels=audio.channels,
                format=wanted.container,
                subtype=wanted.encoding,
            )
        except (soundfile.LibsndfileError, ValueError) as error:
            raise Unavailable(
                f"{wanted.extension}: this machine's libsndfile does not write it",
                hint="choose another --format",
            ) from error
        with written:
            for block in audio.blocks(blocksize=BLOCK_FRAMES, dtype="int16"):
                written.write(block)
