"""Whose promise it is: the organisation, the text, whom to turn to, and where things lie."""

from __future__ import annotations

import datetime as dt
from enum import Enum
from typing import Annotated, Self

from pydantic import model_validator

from policy.section import Chosen, Listed, Section, Text, shaped

Email = Annotated[
    str,
    shaped(
        r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,190}\.[a-z]{2,24}",
        'must be an e-mail address such as "privacy@eindhoven.nl"',
    ),
]
Url = Annotated[
    str, shaped(r"https://[^\s<>\"]{4,200}", 'must be an address such as "https://www.eindhoven.nl/privacy"')
]
KeyPath = Annotated[
    str, shaped(r"[a-z_]+(\.[a-z0-9_]+)*", 'must be the path of a key such as "retention.recording"')
]


class DataCategory(Enum):
    """Personal data that the register names."""

    NAME = "name"
    ADDRESS = "address"
    POSTCODE = "postcode"
    HOUSE_NUMBER = "house_number"
    RESIDENCE = "residence"
    PHONE_NUMBER = "phone_number"
    EMAIL = "email"
    BIRTH_DATE = "birth_date"
    GENDER = "gender"
    BSN = "bsn"
    FINANCIAL = "financial"
    MEDICAL = "medical"
    JUDICIAL = "judicial"
    SUBJECT = "subject"
    CONTENT = "content"
    MANNER = "manner"
    DATE = "date"
    DURATION = "duration"
    WAITING_TIME = "waiting_time"


class Origin(Enum):
    """Who the data come from."""

    CALLER = "caller"
    AGENT = "agent"
    COACH = "coach"


class Contacts(Section):
    """Whom a caller can turn to.

    Attributes:
        privacy_officer: Name or title of the privacy officer.
        fg: Name or title of the functionaris gegevensbescherming.
        email: For questions and requests.
        fg_email: Of the FG.
        complaints_email: For complaints about recording, where that is another address.
        post: Postal address.
        phone: Number for questions.
    """

    privacy_officer: Text | None = None
    fg: Text | None = None
    email: Email | None = None
    fg_email: Email | None = None
    complaints_email: Email | None = None
    post: Text | None = None
    phone: Text | None = None


class Processor(Section):
    """Who records on the organisation's behalf, where somebody does (N11).

    Attributes:
        name: The processor.
        agreement: What the processing agreement is, such as its date or reference.
        signed_by: Who signed it for the organisation.
    """

    name: Text
    agreement: Text
    signed_by: Text | None = None


class Storage(Section):
    """Where recordings lie. Software cannot know it: a named person declares it.

    Attributes:
        place: Such as `own server, apart from the telephone system`.
        region: Such as `EU`; published as declared.
        separate_server: The text promises a server of its own.
        declared_by: Name of the person who declared it.
        declared_on: When.
    """

    place: Text
    region: Text
    separate_server: bool = False
    declared_by: Text | None = None
    declared_on: dt.date | None = None

    @model_validator(mode="after")
    def _a_declaration_has_a_date(self) -> Self:
        if (self.declared_by is None) is not (self.declared_on is None):
            raise ValueError("declared_by and declared_on must be given together, got one of them")
        return self


class Identity(Section):
    """Whose promise this is, and where a caller reads more.

    Attributes:
        organisation: As the caller knows it, such as `gemeente Eindhoven`.
        title: Title of the published text.
        statement: Where the privacy statement stands, as it is spoken.
        statement_url: The same, as it is written.
        date: Date of the text.
        reference: Its number in the organisation's own register, such as `M10495`.
        controller: The controller in the sense of the AVG.
        public_body: A public body may not rest its statutory tasks on ground 6(1)(f).
        contacts: Whom to turn to.
        processor: Who records on the organisation's behalf.
        storage: Where recordings lie.
    """

    organisation: Text
    title: Text
    statement: Text
    statement_url: Url | None = None
    date: dt.date | None = None
    reference: Text | None = None
    controller: Text | None = None
    public_body: bool = True
    contacts: Contacts = Contacts()
    processor: Processor | None = None
    storage: Storage | None = None


class Data(Section):
    """Which personal data there can be, for the register (art. 30 AVG).

    Attributes:
        asked: What agents ask for.
        may_be_spoken: What a caller may say, asked or not.
        call_data: What is kept about a call apart from its recording.
        about_agents: What is kept about the agent.
        comes_from: Who the data come from.
        obliged: Callers are obliged to give them.
        automated_decisions: Decisions are made from them by machine.
        outside_eea: They leave the European Economic Area.
    """

    asked: Listed[Chosen[DataCategory]] = ()
    may_be_spoken: Listed[Chosen[DataCategory]] = ()
    call_data: Listed[Chosen[DataCategory]] = ()
    about_agents: Listed[Chosen[DataCategory]] = ()
    comes_from: Listed[Chosen[Origin]] = (Origin.CALLER, Origin.AGENT)
    obliged: bool = False
    automated_decisions: bool = False
    outside_eea: bool = False


class Occasion(Enum):
    """When agents are told that calls are recorded."""

    FIRST_DAY = "first_day"
    WORK_MEETING = "work_meeting"
    DEVELOPMENT_TALK = "development_talk"


class Staff(Section):
    """How agents know (N12); who was told when is a dated record in the database.

    Attributes:
        told_at: On which occasions agents are told.
    """

    told_at: Listed[Chosen[Occasion]] = ()


class WorksCouncil(Section):
    """The works council's agreement, where agents are reviewed or listened to.

    Attributes:
        date: Of the agreement.
        reference: Under which it is filed.
    """

    date: dt.date
    reference: Text


class Conflict(Section):
    """A contradiction inside the published text: shown, never smoothed (E8).

    Attributes:
        about: The key that it bears upon, such as `sharing.police`.
        says: One passage, in the text's own words.
        but: The other.
        obeyed: What this policy does, until the organisation mends its text.
    """

    about: KeyPath
    says: Text
    but: Text
    obeyed: Text
