"""`consentline listen`: one recording, played and not kept."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.identity.asking_why import together_options, who_of, who_options, why_of, why_options

if TYPE_CHECKING:
    from commands.audio.rendering import Audio


@click.command()
@click.argument("recording", metavar="RECORDING")
@click.option(
    "--player",
    metavar="COMMAND",
    help="Program that plays WAV from its standard input, such as `aplay -q` or `mpv -`.  [default: stdout]",
)
@why_options
@together_options
@who_options
@pass_invocation
def listen(invocation: Invocation, /, *, recording: str, player: str | None, **given: Any) -> None:
    """Hear RECORDING: as WAV to a player or to standard output, the caller left, the agent right.

    The access is on the ledger before anything can be decrypted. The whole file is
    authenticated before the first sound is heard, and no decrypted byte is written to a disk.

    \b
    Example:
      consentline listen 5f0c1d2e3b4a59687786a5b4c3d2e1f0 --purpose quality \\
        --reason "review of week 47" --player "aplay -q"
    """
    from commands.audio import rendering
    from commands.audio.disclosure import opened
    from commands.frame.endings import ending_leaves_nothing
    from commands.identity.proving import asked

    who, why = who_of(given), why_of(given)
    words = _player(player)
    if not words and sys.stdout.isatty():
        raise click.UsageError("sound is not for a terminal: add --player, or send it to a program with |")
    daemon = invocation.daemon()
    proved = asked(daemon, who).prove(daemon)
    with ending_leaves_nothing(), opened(daemon, proved, recording, "listen", why) as access:
        with access.plaintext() as flac, rendering.opened(flac) as sound, _played_by(words) as play:
            heard_ms = _play(sound, play)
        access.complete(heard_ms=heard_ms)


def _player(command: str | None) -> list[str]:
    try:
        words = [] if command is None else shlex.split(command)
    except ValueError as error:
        raise click.UsageError(f"--player: {error}") from error
    if command is not None and not words:
        raise click.UsageError("--player: must name a program")
    return words


def _play(sound: Audio, play: Callable[[bytes], object]) -> int:
    """Send the sound, and return how much of it was taken, in milliseconds."""
    from commands.audio.rendering import CHANNELS, SAMPLE_BYTES, WAV_HEADER_BYTES, stream_wav

    taken_bytes = 0
    try:
        for piece in stream_wav(sound):
            play(piece)
            taken_bytes += len(piece)
    except BrokenPipeError:
        pass  # who listens stopped: that is not a failure
    frames = max(0, taken_bytes - WAV_HEADER_BYTES) // (len(CHANNELS) * SAMPLE_BYTES)
    return frames * 1000 // sound.rate_hz


@contextmanager
def _played_by(words: list[str]) -> Iterator[Callable[[bytes], object]]:
    """Give where the sound goes; a player is waited for, and its failure is ours.

    Raises:
        Unavailable: If the player cannot be started, or fails.
    """
    from policy.errors import Unavailable

    if not words:
        stream: IO[bytes] = sys.stdout.buffer
        yield stream.write
        stream.flush()
        return
    try:
        process = subprocess.Popen(words, stdin=subprocess.PIPE)
    except OSError as error:
        raise Unavailable(f"--player {words[0]}: cannot be started: {error.strerror}") from error
    assert process.stdin is not None  # noqa: S101 - asked for above
    try:
        yield process.stdin.write
    except BaseException:
        process.kill()
        raise
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()
    if process.returncode:
        raise Unavailable(f"--player {words[0]}: ended with exit code {process.returncode}")
