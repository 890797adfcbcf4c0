"""A caller's number as it is kept: sealed, findable by a keyed tag, shown masked.

Whoever has this machine has the tag key and can try all numbers; the threat model says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from policy.numbers import normalise
from policy.vocabulary import CallId
from store.keys import (
    ANONYMOUS,
    KeyId,
    PublicHalf,
    Purpose,
    envelope_info,
    mask_number,
    number_tag,
    seal_to,
)

LARGEST_CALLER_CHARACTERS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedCaller:
    """What a row keeps of a caller's number.

    Attributes:
        sealed: The number as the network gave it, to the policy's reading key; None without one.
        key_id: That key, or None.
        tag: 32 bytes, equal for equal numbers; None for a caller who withheld it.
        masked: What a person may see.
    """

    sealed: bytes | None = field(repr=False)
    key_id: KeyId | None
    tag: bytes | None = field(repr=False)
    masked: str


def seal_caller(call_id: CallId, caller: str, *, public: PublicHalf | None, tag_key: bytes) -> SealedCaller:
    """Return what may be kept of a caller's number, whatever the network put there (I10).

    Args:
        call_id: The call; the envelope opens for no other.
        caller: As the network gave it; cut after 512 characters.
        public: The policy's reading key; without one the number itself is not kept.
        tag_key: From `settings.tag_key`.
    """
    kept = caller[:LARGEST_CALLER_CHARACTERS]
    masked = mask_number(kept)
    if masked == ANONYMOUS:
        return SealedCaller(sealed=None, key_id=None, tag=None, masked=masked)
    tag = number_tag(tag_key, normalise(kept) or kept)
    if public is None:
        return SealedCaller(sealed=None, key_id=None, tag=tag, masked=masked)
    info = envelope_info(Purpose.CALLER_NUMBER, call_id)
    sealed = seal_to(public, kept.encode("utf-8", "surrogatepass"), info)
    return SealedCaller(sealed=sealed, key_id=public.key_id, tag=tag, masked=masked)
