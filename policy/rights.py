"""How data subjects use their rights. What a text names is a floor: the law's rights apply too (X11)."""

from __future__ import annotations

from enum import Enum
from typing import Final, Self

from pydantic import model_validator

from policy.period import Period
from policy.section import Chosen, Listed, Section, Text

_ONE_MONTH: Final = Period(1, "m")
_TWO_MONTHS: Final = Period(2, "m")


class Right(Enum):
    """A right of the data subject."""

    INFORMATION = "information"
    ACCESS = "access"
    RECTIFICATION = "rectification"
    ERASURE = "erasure"
    RESTRICTION = "restriction"
    OBJECTION = "objection"
    PORTABILITY = "portability"
    WITHDRAWAL = "withdrawal"
    COMPLAINT = "complaint"


REQUESTABLE: Final = (
    Right.ACCESS,
    Right.RECTIFICATION,
    Right.ERASURE,
    Right.RESTRICTION,
    Right.OBJECTION,
    Right.PORTABILITY,
    Right.WITHDRAWAL,
)
"""What a data subject asks for in a request; each can be asked for under every policy (X11)."""

NEEDS_IT_KEPT: Final = frozenset({Right.ACCESS, Right.PORTABILITY, Right.RECTIFICATION, Right.RESTRICTION})
"""What cannot be given once the recording is gone; for the others, that it went is what was asked."""


class AskingKeeps(Enum):
    """What asking does to the end of a recording that it may be about."""

    UNTIL_SETTLED = "until_settled"
    UNTIL_CHECKED = "until_checked"


class ChannelKind(Enum):
    """By which road a request comes in."""

    FORM = "form"
    EMAIL = "email"
    LETTER = "letter"
    PHONE = "phone"
    DESK = "desk"


class IdentityCheck(Enum):
    """How somebody shows to be the data subject."""

    DIGID = "digid"
    DESK = "desk"
    MASKED_COPY = "masked_copy"
    CALL_FACTS = "call_facts"


class Channel(Section):
    """One road for requests.

    Attributes:
        kind: `form`, `email`, `letter`, `phone` or `desk`.
        address: Where it leads.
        identity_check: What this road itself proves, such as `digid`.
    """

    kind: Chosen[ChannelKind]
    address: Text
    identity_check: Chosen[IdentityCheck] | None = None


class Rights(Section):
    """How data subjects use their rights.

    Attributes:
        named: The rights that the text names.
        channels: Roads for requests.
        deadline: Within how long a decision is made; at most one month (AVG art. 12(3)).
        extension: By how much it can be put off, told within the deadline; at most two months.
        identity_check: How identity is checked.
        asking_keeps: What a request that came in time does to the end of a recording:
            `until_settled`: kept until it is settled; `until_checked`: kept unseen until identity
            is checked, and longer only when somebody decides so about that recording (G6).
        identity_within: How long a recording is kept unseen at most while identity is being checked.
        other_party_silenced: The other voice is silenced in a copy for a data subject.
        objection_at: Where an objection goes, if elsewhere.
        complaints_at: Where complaints go, beside the AP.
    """

    named: Listed[Chosen[Right]] = ()
    channels: Listed[Channel] = ()
    deadline: Period = _ONE_MONTH
    extension: Period = _TWO_MONTHS
    identity_check: Listed[Chosen[IdentityCheck]] = (IdentityCheck.CALL_FACTS,)
    asking_keeps: Chosen[AskingKeeps] = AskingKeeps.UNTIL_SETTLED
    identity_within: Period = _ONE_MONTH
    other_party_silenced: bool = True
    objection_at: Text | None = None
    complaints_at: Listed[Text] = ()

    @model_validator(mode="after")
    def _no_slower_than_the_law(self) -> Self:
        if not self.deadline.at_most(_ONE_MONTH):
            raise ValueError(f'deadline: must be at most "1m" (AVG art. 12(3)), got "{self.deadline}"')
        if not self.extension.at_most(_TWO_MONTHS):
            raise ValueError(f'extension: must be at most "2m" (AVG art. 12(3)), got "{self.extension}"')
        if not self.identity_within.at_most(_ONE_MONTH):
            raise ValueError(
                'identity_within: must be at most "1m" (AVG art. 5(1)(e) and 12(3)),'
                f' got "{self.identity_within}"'
            )
        return self
