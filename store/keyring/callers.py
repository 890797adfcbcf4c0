"""A caller's number as it is kept: sealed, findable by a keyed tag, shown masked.

Whoever has this machine has the tag key and can try all numbers; the threat model says so.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field

from policy.access import RoleName
from policy.clock import Randomness
from policy.errors import IntegrityError
from policy.key_groups import KeyPath
from policy.numbers import normalise
from policy.vocabulary import CallId
from store.keyring import shares
from store.keyring.reading_keys import SealedTo
from store.keyring.shares import Share
from store.keys import ANONYMOUS, KeyId, encode, mask_number, number_tag

LARGEST_CALLER_CHARACTERS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedCaller:
    """What a row keeps of a caller's number.

    Attributes:
        sealed: The number as the network gave it, in shares; None where it opens for nobody.
        tag: 32 bytes, equal for equal numbers; None for a caller who withheld it.
        masked: What a person may see.
    """

    sealed: bytes | None = field(repr=False)
    tag: bytes | None = field(repr=False)
    masked: str


def seal_caller(
    call_id: CallId, caller: str, *, to: SealedTo | None, tag_key: bytes, randomness: Randomness
) -> SealedCaller:
    """Return what may be kept of a caller's number, whatever the network put there (I10).

    Args:
        call_id: The call; the envelope opens for no other.
        caller: As the network gave it; cut after 512 characters.
        to: Whose keys open it; where nobody's do, the number itself is not kept.
        tag_key: From `settings.tag_key`.
        randomness: For the shares.
    """
    kept = caller[:LARGEST_CALLER_CHARACTERS]
    masked = mask_number(kept)
    if masked == ANONYMOUS:
        return SealedCaller(sealed=None, tag=None, masked=masked)
    tag = number_tag(tag_key, normalise(kept) or kept)
    if to is None:
        return SealedCaller(sealed=None, tag=tag, masked=masked)
    made = shares.split(
        encode(kept), shares.caller_number(call_id), paths=to.paths, keys=to.keys, randomness=randomness
    )
    return SealedCaller(sealed=pack(made), tag=tag, masked=masked)


def pack(made: Sequence[Share]) -> bytes:
    """Return shares as the one value that a call's row keeps: JSON, each sealed part in Base64."""
    rows = [[one.path, one.role, one.key_id, b64encode(one.sealed).decode()] for one in made]
    return json.dumps(rows, separators=(",", ":")).encode()


def unpack(sealed: bytes) -> tuple[Share, ...]:
    """Return the shares in a call's row.

    Raises:
        IntegrityError: If the value is none that `pack` makes.
    """
    try:
        return tuple(
            Share(
                path=KeyPath(path),
                role=RoleName(role),
                key_id=KeyId(key_id),
                sealed=b64decode(data, validate=True),
            )
            for path, role, key_id, data in json.loads(sealed)
        )
    except (ValueError, TypeError) as error:
        raise IntegrityError("caller's number: is not sealed as this program does it") from error
