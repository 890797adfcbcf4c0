"""By which ways an agent can be known on a telephone: endpoint, queue member, number dialled.

With a call only keyed tags of them are kept: who was called outside, in a transfer, is nobody's
business here, and what was dialled stands in the name of a queue's member too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from policy.numbers import normalise
from policy.scope import Answered
from store.keys import number_tag


class LineKind(Enum):
    """What a line is known by."""

    ENDPOINT = "endpoint"
    QUEUE_MEMBER = "queue_member"
    DIALLED = "dialled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way, as it is compared.

    Attributes:
        matched: Keyed tag in hexadecimal; equal for equal names, and for all spellings of a number.
    """

    kind: LineKind
    matched: str


def way(kind: LineKind, address: str, *, tag_key: bytes) -> Way:
    """Return the way of an address.

    Args:
        address: Such as `PJSIP/6001`, `Local/6001@agents/n` or `+31341259911`.
        tag_key: From `settings.tag_key`.
    """
    told = normalise(address) if kind is LineKind.DIALLED else address
    known = f"{kind.value} {told}".encode("utf-8", "backslashreplace").decode()
    return Way(kind=kind, matched=number_tag(tag_key, known).hex())


def ways_of(answers: Iterable[Answered], *, tag_key: bytes) -> frozenset[Way]:
    """Return every way in which somebody who answered may be known."""
    return frozenset(
        way(kind, address, tag_key=tag_key)
        for answered in answers
        for kind, address in (
            (LineKind.ENDPOINT, answered.endpoint),
            (LineKind.QUEUE_MEMBER, answered.queue_member),
            (LineKind.DIALLED, answered.dialled),
        )
        if address
    )
