"""What every copy that is handed out has in common: its manifest, and the passphrase of its ZIP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.audio.copies import Digest, is_zip
from commands.audio.disclosure import Access
from commands.audio.rendering import CHANNELS, Audio
from commands.identity.passphrase import read_passphrase
from policy.clock import SystemClock, to_iso
from store.keys import check_passphrase


def manifest_of(access: Access, sound: Audio, digest: Digest, silence: str | None) -> dict[str, Any]:
    """Return the manifest of one recording in a copy, once its audio was written.

    Args:
        access: By which it was opened.
        sound: As it was read to its end.
        digest: Of the audio in the copy.
        silence: Whose voice was replaced, or None.
    """
    echo = sound.echo()
    return {
        **access.released.manifest,
        "exported_at": to_iso(SystemClock().now()),
        "channels": [side.value for side in CHANNELS],
        "duration_ms": sound.duration_ms,
        "silenced": None
        if silence is None or echo is None
        else {"party": silence, "how": "replaced by digital silence", "residual_echo": echo.to_json()},
        "files": {digest.name.rpartition("/")[2]: {"bytes": digest.size_bytes, "sha256": digest.sha256}},
    }


def zip_passphrase(target: Path, descriptor: int | None) -> str | None:
    """Return the passphrase of a copy that is a ZIP, or None for a folder.

    Raises:
        click.UsageError: If there is nobody to ask, or it is for no ZIP.
        ConsentlineError: If it is too weak.
    """
    if not is_zip(target):
        if descriptor is not None:
            raise click.UsageError("--zip-passphrase-fd: is for a --to that ends in .zip")
        return None
    secret = read_passphrase(
        descriptor, whose="the ZIP", is_new=descriptor is None, option="--zip-passphrase-fd"
    )
    check_passphrase(secret)
    return secret
