"""`consentline export`: one recording, for one person, whole or not at all."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from commands.invocation import Invocation, pass_invocation
from commands.passphrase import passphrase_option, read_passphrase


@click.command()
@click.argument("recording", metavar="RECORDING")
@click.option("--person", required=True, metavar="LOGIN", help="Whose slot opens it.")
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder to make; it must not exist, or be empty.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["wav", "flac", "mp3", "opus"]),
    default="wav",
    show_default=True,
    help="How the audio is written; the caller is on the left channel, the agent on the right.",
)
@passphrase_option
@pass_invocation
def export(
    invocation: Invocation,
    /,
    *,
    recording: str,
    person: str,
    folder: Path,
    format_name: str,
    passphrase_fd: int | None,
) -> None:
    """Open RECORDING and write its audio and a manifest into a new folder, or nothing.

    The daemon puts the access on the ledger before it releases the recording's envelope;
    the passphrase and the opened key stay in this process. The manifest names the call, the
    evidence of consent, and the SHA-256 of every file.

    \b
    Example:
      consentline export 5f0c1d2e3b4a59687786a5b4c3d2e1f0 --person anna --to ./export
    """
    from commands import disclosure
    from commands.audio import FORMATS
    from policy.clock import SystemClock

    disclosure.refuse_target(folder)
    passphrase = read_passphrase(passphrase_fd, whose=person)
    wanted = disclosure.Wanted(
        recording_id=recording, person=person, folder=folder, audio_format=FORMATS[format_name]
    )
    with _ending_leaves_nothing():
        written = disclosure.disclose(invocation.daemon(), wanted, passphrase, clock=SystemClock())
    for path in written:
        click.echo(str(path))


@contextmanager
def _ending_leaves_nothing() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end this process as Ctrl-C does: after what is half done is removed (I5)."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, _interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
