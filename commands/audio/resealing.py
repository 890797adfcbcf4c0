"""A new sealed copy of a recording with a part silenced, made in the process of who may erase it.

    FLAC, decrypted where it is read -> silence in both channels -> FLAC that only this process can read
    -> sealed under a new key into a file without a name -> handed in, with the shares of that key

Memory stays bounded by a block, however long the recording is (`commands/audio/scratch.py`). The
public halves that the new key is shared to are those that the daemon seals every recording to.
"""

from __future__ import annotations

import hashlib
import tempfile
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from commands.audio import rendering
from commands.audio.copies import in_words
from commands.audio.disclosure import Access
from commands.audio.rendering import Audio
from commands.audio.scratch import Scratch
from commands.frame.control import Daemon
from policy.access import RoleName
from policy.clock import Randomness, SystemRandomness
from policy.errors import StateConflict, Unavailable
from policy.key_groups import KeyPath
from store.files import container
from store.keyring import shares
from store.keyring.key_wire import ShareWire, to_json
from store.keys import PublicHalf


def erase_part(
    daemon: Daemon, access: Access, part_ms: tuple[int, int], *, randomness: Randomness | None = None
) -> Mapping[str, Any]:
    """Replace a part of a recording by silence, and return the daemon's answer.

    Args:
        daemon: The daemon.
        access: Released for erasing.
        part_ms: From when to when.
        randomness: For key and salt; the kernel's by default.

    Raises:
        StateConflict: If the part begins after the recording's end.
        IntegrityError: If the recording is not what was sealed.
        Unavailable: If there is no room for the copy, or the daemon cannot be asked.
    """
    random = randomness or SystemRandomness()
    key, salt = random.token(container.KEY_BYTES), random.token(container.SALT_BYTES)
    context = container.recording_context(access.recording_id)
    with in_words(), _nameless() as sealed:
        with access.plaintext() as flac, rendering.opened(flac, gap_ms=part_ms) as sound:
            _must_begin_within(sound, part_ms)
            with silenced(sound, random) as new:
                size_bytes = container.seal_stream(new, sealed, key, context, salt)
        sealed.seek(0)
        container.authenticate(sealed, key, context)
        sealed.seek(0)
        sha256 = hashlib.file_digest(sealed, "sha256").hexdigest()  # type: ignore[arg-type]  # typeshed wants readinto of its own
        sealed.seek(0)
        daemon.send(f"/access/{access.released.token}/part", sealed, size_bytes)
    return daemon.ask_object(
        "POST",
        f"/access/{access.released.token}/part",
        {
            "from_ms": part_ms[0],
            "to_ms": part_ms[1],
            "sealed_bytes": size_bytes,
            "sealed_sha256": sha256,
            "shares": _shares(access, key, random),
        },
    )


@contextmanager
def silenced(sound: Audio, randomness: Randomness) -> Iterator[BinaryIO]:
    """Give a recording's FLAC anew, its gap silenced; what lies on a disk of it is encrypted.

    Raises:
        Unavailable: If there is no room for it.
    """
    with Scratch(randomness) as scratch:
        rendering.encode(sound, cast(BinaryIO, scratch), rendering.FORMATS["flac"])
        scratch.seek(0)
        yield cast(BinaryIO, scratch)


def _must_begin_within(sound: Audio, part_ms: tuple[int, int]) -> None:
    if part_ms[0] >= sound.duration_ms:
        raise StateConflict(f"--from: lies at {part_ms[0]} ms, the recording ends at {sound.duration_ms} ms")


def _shares(access: Access, key: bytes, randomness: Randomness) -> list[dict[str, Any]]:
    to = access.released.sealed_to
    try:
        paths = [KeyPath(path) for path in (to or {})["paths"]]
        keys = {RoleName(role): PublicHalf(data=b64decode(half)) for role, half in (to or {})["keys"].items()}
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(
            f"erase: the daemon did not say what to seal to: {error}", hint="restart the daemon"
        ) from error
    subject = shares.recording(access.recording_id)
    made = shares.split(key, subject, paths=paths, keys=keys, randomness=randomness)
    return [to_json(ShareWire.of(share)) for share in made]


def _nameless() -> BinaryIO:
    return cast(BinaryIO, tempfile.TemporaryFile(buffering=0))
