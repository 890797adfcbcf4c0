"""On which ground a request of a data subject can be refused, and which article says so."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from policy.rights import REQUESTABLE, Right

_COPIES: Final = (Right.ACCESS, Right.PORTABILITY)
_GOES: Final = (Right.ERASURE, Right.OBJECTION, Right.WITHDRAWAL)


class RefusalGround(Enum):
    """Why a request is not granted."""

    IDENTITY = "identity"
    NOT_FOUND = "not_found"
    NOT_APPLICABLE = "not_applicable"
    OTHERS_RIGHTS = "others_rights"
    ACCURATE = "accurate"
    OVERRIDING = "overriding"
    LEGAL_CLAIM = "legal_claim"
    UNFOUNDED = "unfounded"
    EXEMPT = "exempt"

    def fits(self, right: Right) -> bool:
        """Return whether a request for this right can be refused on this ground."""
        return right in _FITS.get(self, REQUESTABLE)

    def article(self, right: Right) -> str:
        """Return the article by which a request for this right is refused on this ground."""
        if self is RefusalGround.NOT_APPLICABLE:
            return _REACH[right]
        return _ARTICLE[self]

    @property
    def before_identity(self) -> bool:
        """Whether it is found before anybody knows who asks, or whatever the call."""
        return self in (RefusalGround.IDENTITY, RefusalGround.UNFOUNDED, RefusalGround.NOT_APPLICABLE)


_FITS: Final[Mapping[RefusalGround, tuple[Right, ...]]] = {
    RefusalGround.OTHERS_RIGHTS: _COPIES,
    RefusalGround.ACCURATE: (Right.RECTIFICATION,),
    RefusalGround.OVERRIDING: (Right.OBJECTION, Right.WITHDRAWAL),
    RefusalGround.LEGAL_CLAIM: _GOES,
}

_ARTICLE: Final[Mapping[RefusalGround, str]] = {
    RefusalGround.IDENTITY: "AVG art. 11(2), 12(2) and 12(6)",
    RefusalGround.NOT_FOUND: "AVG art. 5(1)(e) and 15(1)",
    RefusalGround.OTHERS_RIGHTS: "AVG art. 15(4) and 20(4)",
    RefusalGround.ACCURATE: "AVG art. 16",
    RefusalGround.OVERRIDING: "AVG art. 21(1)",
    RefusalGround.LEGAL_CLAIM: "AVG art. 17(3)(e) and 21(1)",
    RefusalGround.UNFOUNDED: "AVG art. 12(5)(b)",
    RefusalGround.EXEMPT: "UAVG art. 41(1)",
}

_REACH: Final[Mapping[Right, str]] = {
    Right.ACCESS: "AVG art. 15(1)",
    Right.RECTIFICATION: "AVG art. 16",
    Right.ERASURE: "AVG art. 17(1)",
    Right.RESTRICTION: "AVG art. 18(1)",
    Right.PORTABILITY: "AVG art. 20(1)(a)",
    Right.OBJECTION: "AVG art. 21(1)",
    Right.WITHDRAWAL: "AVG art. 7(3)",
}
"""Where each right says whom and what it reaches."""
