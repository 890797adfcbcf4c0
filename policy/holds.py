"""Why one recording may stay longer than its term: holds (X6) and the hardship clause (H8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from policy.identity import KeyPath
from policy.period import Period
from policy.section import Day, Listed, Name, Section, Text, Told


class HoldReason(Section):
    """A reason that the policy knows.

    Attributes:
        description: In each language.
        decided_by: Roles of which one decides.
        longest: No hold for this reason ends later than so long after it was placed.
        renewable: It may be placed anew, by a new decision.
    """

    description: Told
    decided_by: Annotated[Listed[Name], Field(min_length=1)]
    longest: Period
    renewable: bool = False


class Holds(Section):
    """Which reasons keep a recording beyond its term.

    Attributes:
        reasons: The organisation's own, by name.
        law_decided_by: Roles of which one decides on a hold that the law asks for.
    """

    reasons: dict[Name, HoldReason] = Field(default_factory=dict)
    law_decided_by: Annotated[Listed[Name], Field(min_length=1)] = ("privacy_officer",)

    @model_validator(mode="after")
    def _the_laws_reasons_keep_their_names(self) -> Self:
        if taken := sorted(set(self.reasons) & set(HOLDS_BY_LAW)):
            raise ValueError(
                f"reasons.{taken[0]}: is a hold that every policy has by law; choose another name"
            )
        return self

    def known(self) -> Mapping[str, HoldReason]:
        """Return every reason, those that the law gives to every policy included."""
        by_law = {
            name: reason.model_copy(update={"decided_by": self.law_decided_by})
            for name, reason in HOLDS_BY_LAW.items()
        }
        return by_law | self.reasons


def _by_law(source: str, longest: str, *, nl: str, en: str, renewable: bool) -> HoldReason:
    return HoldReason(
        source=source,
        description={"nl": nl, "en": en},
        decided_by=("privacy_officer",),
        longest=Period.parse(longest),
        renewable=renewable,
    )


HOLDS_BY_LAW: Final[Mapping[str, HoldReason]] = {
    "access_request": _by_law(
        "AVG art. 15 and 12(3): a month, and two more",
        "3m",
        nl="een betrokkene heeft om inzage gevraagd; de opname blijft tot het verzoek is afgehandeld",
        en="a data subject asked for access; the recording stays until the request is settled",
        renewable=False,
    ),
    "erasure_opposed": _by_law(
        "AVG art. 18(1)(b)",
        "1y",
        nl="de verwerking is onrechtmatig, maar de betrokkene wil beperking in plaats van wissing",
        en="the processing is unlawful, but the data subject wants restriction instead of erasure",
        renewable=True,
    ),
    "legal_claim": _by_law(
        "AVG art. 18(1)(c)",
        "1y",
        nl="de betrokkene heeft de opname nodig voor een rechtsvordering",
        en="the data subject needs the recording for a legal claim",
        renewable=True,
    ),
    "woo_request": _by_law(
        "Woo art. 4.1 and 4.4; Awb art. 6:7: a pending request, its objection and appeal",
        "1y",
        nl="er loopt een verzoek op grond van de Wet open overheid",
        en="a request under the Dutch open government act is pending",
        renewable=True,
    ),
    "court_matter": _by_law(
        "Rv art. 194 and Awb art. 8:42: evidence in a pending matter",
        "1y",
        nl="er loopt een zaak bij de rechter waarin deze opname bewijs is",
        en="a court matter is pending in which this recording is evidence",
        renewable=True,
    ),
}
"""The few holds that every policy has, whatever its text promises."""


class Deviation(Section):
    """One deviation that was granted, on record.

    Attributes:
        finding: Why strict application would be disproportionate.
        approved_by: Name of the person or body.
        approved_on: When.
        until: Its end.
        deviates_from: The key it deviates from, such as `access.grants.quality.calls`; never a term: longer
            keeping is a hold on named recordings.
    """

    finding: Text
    approved_by: Text
    approved_on: Day
    until: Day
    deviates_from: KeyPath

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> Self:
        if self.until <= self.approved_on:
            raise ValueError(f"until: must be after approved_on ({self.approved_on}), got {self.until}")
        return self


class Hardship(Section):
    """The hardship clause: strict application may be disproportionate (H8).

    Attributes:
        approved_by: Roles of which one approves a deviation.
        longest: No deviation ends later than so long after it was approved. Longer keeping is
            only ever a hold on named recordings.
    """

    approved_by: Annotated[Listed[Name], Field(min_length=1)]
    longest: Period
