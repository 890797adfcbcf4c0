"""`consentline export`: a copy of one recording to be handed out, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.identity.asking_why import together_options, who_of, who_options, why_of, why_options


@click.command()
@click.argument("recording", metavar="RECORDING")
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR|FILE.zip",
    help="Folder to make, or one ZIP under AES-256; it must not be there, or be an empty folder.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["wav", "flac", "mp3", "opus"]),
    default="wav",
    show_default=True,
    help="How the audio is written; the caller is on the left channel, the agent on the right.",
)
@click.option(
    "--silence",
    type=click.Choice(["caller", "agent"]),
    help="Replace this party's channel by digital silence; what is still heard of them is stated.",
)
@click.option(
    "--zip-passphrase-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Read the passphrase of the ZIP from file descriptor N; tell it by another way than the letter.",
)
@why_options
@together_options
@who_options
@pass_invocation
def export(
    invocation: Invocation,
    /,
    *,
    recording: str,
    target: Path,
    format_name: str,
    silence: str | None,
    zip_passphrase_fd: int | None,
    **given: Any,
) -> None:
    """Make a copy of RECORDING with a manifest, in a new folder or ZIP, or nothing.

    The access is on the ledger before anything can be decrypted, and the digest of the copy
    before it gets its name. The manifest names the call, the evidence of consent, the SHA-256 of
    the audio, who made it, why, and until when the original is kept.

    \b
    Example:
      consentline export 5f0c1d2e3b4a59687786a5b4c3d2e1f0 --purpose data_subject_request \\
        --reason "request of 12 November" --case 2026-118 --silence agent --to ./copy.zip
    """
    from commands.audio import copies, rendering
    from commands.audio.copying import manifest_of, zip_passphrase
    from commands.audio.disclosure import opened
    from commands.frame.endings import ending_leaves_nothing
    from commands.identity.proving import asked

    who, why = who_of(given), why_of(given)
    daemon = invocation.daemon()
    copies.refuse_target(target)
    passphrases = asked(daemon, who)
    secret = zip_passphrase(target, zip_passphrase_fd)
    proved = passphrases.prove(daemon)
    wanted, side = rendering.FORMATS[format_name], None if silence is None else rendering.Side(silence)
    with (
        ending_leaves_nothing(),
        opened(daemon, proved, recording, "export", why) as access,
        copies.new_target(target, secret) as copy,
    ):
        with access.plaintext() as flac, rendering.opened(flac, silence=side) as sound:
            digest = copy.add_audio(sound, wanted)
            copy.add_manifest(manifest_of(access, sound, digest, silence))
        access.complete(copy.finish())
        written = copy.publish()
    for path in written:
        click.echo(str(path))
