"""Making the package of what leaves the house: one ZIP under AES-256 with a manifest, or nothing at all.

What the daemon released decides what is in it: the call itself, where it released a key, and else the data
from the call (G7). The manifest has the digest of each file and the chain of custody up to this moment.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from commands.frame.invocation import Invocation
from commands.identity.asking_why import Who
from commands.identity.passphrase import read_passphrase

if TYPE_CHECKING:
    from commands.audio.copies import Digest, Target
    from commands.audio.disclosure import Access

Command = TypeVar("Command", bound=Callable[..., Any])
DATA: Final = "data.json"

_TO = click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.zip",
    help="One ZIP under AES-256; it must not be there.",
)
_SECRET = click.option(
    "--zip-passphrase-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Read the passphrase of the ZIP from file descriptor N; tell it by another way than the ZIP goes.",
)


def package_options(command: Command) -> Command:
    """Add where a package goes, and under which passphrase."""
    return _TO(_SECRET(command))


def make_package(
    invocation: Invocation, who: Who, path: str, target: Path, zip_passphrase_fd: int | None
) -> Path:
    """Make the package that the daemon releases at a path, whole or not at all (I5).

    Raises:
        click.UsageError: If the target is no ZIP.
        ConsentlineError: If the daemon says no, or it cannot be made.
    """
    from commands.audio import copies
    from commands.audio.disclosure import entered
    from commands.frame.endings import ending_leaves_nothing
    from commands.identity.proving import asked

    if not copies.is_zip(target):
        raise click.UsageError(f"--to: must be a file that ends in .zip, got {target.name}")
    daemon = invocation.daemon()
    copies.refuse_target(target)
    passphrases = asked(daemon, who)
    secret = _zip_passphrase(zip_passphrase_fd)
    proved = passphrases.prove(daemon)
    with (
        ending_leaves_nothing(),
        entered(daemon, proved, path, {}) as access,
        copies.new_target(target, secret) as copy,
    ):
        digest = _fill(access, copy)
        copy.add_manifest(_manifest(access, digest))
        access.complete(copy.finish())
        (written,) = copy.publish()
    return written


def _fill(access: Access, copy: Target) -> Digest:
    """Write the call itself, or the data from it."""
    from commands.audio import rendering

    if not access.released.shares and not access.released.passed:
        return copy.add_data(DATA, access.released.manifest["data"])
    with access.plaintext() as flac, rendering.opened(flac) as sound:
        return copy.add_audio(sound, rendering.FORMATS["wav"])


def _manifest(access: Access, digest: Digest) -> dict[str, Any]:
    from policy.clock import SystemClock, to_iso

    told = {key: value for key, value in access.released.manifest.items() if key != "data"}
    file = {"bytes": digest.size_bytes, "sha256": digest.sha256}
    return {**told, "packaged_at": to_iso(SystemClock().now()), "files": {digest.name: file}}


def _zip_passphrase(descriptor: int | None) -> str:
    from store.keys import check_passphrase

    secret = read_passphrase(
        descriptor, whose="the ZIP", is_new=descriptor is None, option="--zip-passphrase-fd"
    )
    check_passphrase(secret)
    return secret
