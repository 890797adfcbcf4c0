"""Who outside the organisation gets what, and what a hand-over must carry."""

from __future__ import annotations

from enum import Enum
from typing import Self

from pydantic import Field, model_validator

from policy.section import Chosen, LanguageTag, Listed, Name, Section, Text


class PoliceWhen(Enum):
    """When the police are given anything."""

    NEVER = "never"
    INCIDENT = "incident"
    INCIDENT_WITH_REPORT = "incident_with_report"
    THREAT = "threat"


class Content(Enum):
    """What is given: data from the call, or the call itself (G7)."""

    DATA = "data"
    AUDIO = "audio"


class HandoverField(Enum):
    """What a hand-over must carry."""

    INCIDENT = "incident"
    REPORT_NUMBER = "report_number"
    LEGAL_BASIS = "legal_basis"
    AUTHORITY = "authority"
    OFFICER = "officer"
    AGREEMENT = "agreement"
    SECOND_PERSON = "second_person"


class ThirdPartyWhen(Enum):
    """When somebody else is given anything."""

    BY_LAW = "by_law"
    EXPLICIT_AGREEMENT = "explicit_agreement"


class Police(Section):
    """What the police are given.

    Attributes:
        when: `never`; `incident`: of aggression; `incident_with_report`: and a report was filed; `threat`.
        content: `data` from the call, or `audio`.
        decided_by: Roles of which one decides.
        fields: What a hand-over must carry.
        denial: The sentence to quote where nothing is given.
    """

    when: Chosen[PoliceWhen] = PoliceWhen.NEVER
    content: Chosen[Content] | None = None
    decided_by: Listed[Name] = ()
    fields: Listed[Chosen[HandoverField]] = (
        HandoverField.INCIDENT,
        HandoverField.LEGAL_BASIS,
        HandoverField.AUTHORITY,
        HandoverField.SECOND_PERSON,
    )
    denial: dict[LanguageTag, Text] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _content_fits(self) -> Self:
        if self.when is PoliceWhen.NEVER:
            if self.content is not None:
                raise ValueError(f'content: has no meaning under when = "never", got "{self.content.value}"')
            return self
        if self.content is None:
            raise ValueError(
                f'content: must be "data" or "audio" under when = "{self.when.value}", got nothing'
            )
        if not self.decided_by:
            raise ValueError(f'decided_by: must name a role under when = "{self.when.value}", got none')
        if self.when is PoliceWhen.INCIDENT_WITH_REPORT and HandoverField.REPORT_NUMBER not in self.fields:
            raise ValueError('fields: must hold "report_number" under when = "incident_with_report"')
        return self


class ThirdParties(Section):
    """What others are given.

    Attributes:
        when: `by_law`: a law requires it; `explicit_agreement`: the data subject agreed. A law
            that requires it does so whatever the text omits.
        decided_by: Roles of which one decides.
        fields: What a hand-over must carry.
    """

    when: Listed[Chosen[ThirdPartyWhen]] = (ThirdPartyWhen.BY_LAW,)
    decided_by: Listed[Name] = ()
    fields: Listed[Chosen[HandoverField]] = (
        HandoverField.LEGAL_BASIS,
        HandoverField.AUTHORITY,
        HandoverField.SECOND_PERSON,
    )


class Recipient(Section):
    """Somebody whom the text names as a recipient, for the register.

    Attributes:
        name: As the text names them.
        why: What for.
    """

    name: Text
    why: Text


class Sharing(Section):
    """Who outside the KCC gets what.

    Attributes:
        police: The police.
        third_parties: Everybody else.
        recipients: Whom the register names as recipients.
    """

    police: Police = Police()
    third_parties: ThirdParties = ThirdParties()
    recipients: Listed[Recipient] = ()
