"""The closed sets of a policy in the words of a citizen: Dutch at B1 level, and plain English.

A test asserts that each member of each set stands here in each language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from policy.access import Action, Calls, IncidentKind
from policy.identity import DataCategory, Occasion, Origin
from policy.period import Period
from policy.purposes import Ground
from policy.retention import DataKind, SelectionList
from policy.reviews import Judged, Seen
from policy.rights import ChannelKind, IdentityCheck, Right
from policy.scope import Direction
from policy.sharing import Content, PoliceWhen, ThirdPartyWhen


class Language(Enum):
    """A language in which pages are published."""

    NL = "nl"
    EN = "en"


@dataclass(frozen=True, slots=True)
class Said:
    """One thing in both languages."""

    nl: str
    en: str

    def in_(self, language: Language) -> str:
        """Return it in one of them."""
        return self.nl if language is Language.NL else self.en


AND: Final = Said("en", "and")
OR: Final = Said("of", "or")

Words: TypeAlias = Mapping[Enum, Said]

GROUND: Final[Words] = {
    Ground.CONSENT: Said("artikel 6, lid 1, onder a, AVG", "article 6(1)(a) GDPR"),
    Ground.AGREEMENT: Said(
        "uitvoering van een overeenkomst (artikel 6, lid 1, onder b, AVG)",
        "performance of an agreement (article 6(1)(b) GDPR)",
    ),
    Ground.LEGAL_OBLIGATION: Said(
        "wettelijke verplichting (artikel 6, lid 1, onder c, AVG)",
        "legal obligation (article 6(1)(c) GDPR)",
    ),
    Ground.VITAL_INTEREST: Said(
        "vitaal belang (artikel 6, lid 1, onder d, AVG)", "vital interest (article 6(1)(d) GDPR)"
    ),
    Ground.PUBLIC_TASK: Said(
        "taak van algemeen belang (artikel 6, lid 1, onder e, AVG)", "public task (article 6(1)(e) GDPR)"
    ),
    Ground.LEGITIMATE_INTEREST: Said(
        "gerechtvaardigd belang (artikel 6, lid 1, onder f, AVG)",
        "legitimate interest (article 6(1)(f) GDPR)",
    ),
}

CATEGORY: Final[Words] = {
    DataCategory.NAME: Said("naam", "name"),
    DataCategory.ADDRESS: Said("adres", "address"),
    DataCategory.POSTCODE: Said("postcode", "postcode"),
    DataCategory.HOUSE_NUMBER: Said("huisnummer", "house number"),
    DataCategory.RESIDENCE: Said("woonplaats", "place of residence"),
    DataCategory.PHONE_NUMBER: Said("telefoonnummer", "telephone number"),
    DataCategory.EMAIL: Said("e-mailadres", "e-mail address"),
    DataCategory.BIRTH_DATE: Said("geboortedatum", "date of birth"),
    DataCategory.GENDER: Said("geslacht", "gender"),
    DataCategory.BSN: Said("burgerservicenummer (BSN)", "citizen service number (BSN)"),
    DataCategory.FINANCIAL: Said("gegevens over geld", "financial data"),
    DataCategory.MEDICAL: Said("gegevens over gezondheid", "medical data"),
    DataCategory.JUDICIAL: Said("gegevens over politie of justitie", "judicial data"),
    DataCategory.SUBJECT: Said("onderwerp van het gesprek", "subject of the call"),
    DataCategory.CONTENT: Said("wat er in het gesprek is gezegd", "what was said in the call"),
    DataCategory.MANNER: Said("hoe het gesprek is gevoerd", "how the call was held"),
    DataCategory.DATE: Said("datum", "date"),
    DataCategory.DURATION: Said("duur van het gesprek", "duration of the call"),
    DataCategory.WAITING_TIME: Said("wachttijd", "waiting time"),
}

ORIGIN: Final[Words] = {
    Origin.CALLER: Said("de beller", "the caller"),
    Origin.AGENT: Said("de medewerker", "the agent"),
    Origin.COACH: Said("de coach", "the coach"),
}

KIND: Final[Words] = {
    DataKind.RECORDING: Said("de opname van het gesprek", "the recording of the call"),
    DataKind.CALL_DATA: Said("gegevens over het gesprek", "data about the call"),
    DataKind.DECISIONS: Said(
        "wat u bij de melding hebt gehoord en gekozen", "what you heard and chose at the notice"
    ),
    DataKind.NOTICE_VERSIONS: Said("de tekst van de melding", "the words of the notice"),
    DataKind.REVIEW_FORMS: Said("beoordelingsformulieren", "review forms"),
    DataKind.INCIDENTS: Said("meldingen van agressie of bedreiging", "records of aggression or threats"),
    DataKind.REQUESTS: Said("verzoeken over privacy", "privacy requests"),
    DataKind.APPROVALS: Said("wie waarvoor akkoord gaf", "who approved what"),
    DataKind.EXPORTS: Said("wat er is afgegeven, zonder het geluid", "what was handed out, without audio"),
    DataKind.DEVIATIONS: Said(
        "besluiten om van de regels af te wijken", "decisions to deviate from the rules"
    ),
    DataKind.LEDGER_PAYLOADS: Said(
        "het logboek van luisteren, afgeven en wissen", "the log of listening, handing out and erasing"
    ),
}

DIRECTION: Final[Words] = {
    Direction.INBOUND: Said("gesprekken waarin u ons belt", "calls in which you call us"),
    Direction.OUTBOUND: Said("gesprekken waarin wij u bellen", "calls in which we call you"),
    Direction.CALL_BACK: Said("gesprekken waarin wij u terugbellen", "calls in which we call you back"),
    Direction.INTERNAL: Said("gesprekken tussen medewerkers", "calls between our staff"),
}

ACTION: Final[Words] = {
    Action.FIND: Said("ziet dat er een opname is", "sees that there is a recording"),
    Action.LISTEN: Said("luistert naar de opname", "listens to the recording"),
    Action.EXPORT: Said("maakt een kopie voor wie erom vroeg", "makes a copy for whoever asked for it"),
    Action.HAND_OVER: Said("geeft gegevens af", "hands data over"),
    Action.REGISTER: Said(
        "schrijft gegevens uit het gesprek op, zonder het geluid", "writes data down, without the audio"
    ),
    Action.RETRIEVE: Said(
        "haalt het verzegelde bestand op en luistert niet", "fetches the sealed file and does not listen"
    ),
    Action.ERASE: Said("wist de opname", "erases the recording"),
    Action.MONITOR: Said("luistert mee terwijl het gesprek duurt", "listens in while the call goes on"),
}

CALLS: Final[Words] = {
    Calls.ALL: Said("alle gesprekken", "all calls"),
    Calls.OWN: Said("gesprekken die deze medewerker zelf voerde", "calls that this agent held"),
    Calls.SAMPLED: Said("gesprekken uit een steekproef", "calls from a sample"),
    Calls.FLAGGED: Said("gemelde gesprekken", "calls that were reported"),
    Calls.KEPT: Said(
        "gemelde gesprekken die zijn beoordeeld en bewaard", "reported calls that were assessed and kept"
    ),
    Calls.REQUESTED: Said("gesprekken waarover iemand een verzoek deed", "calls that a request is about"),
    Calls.LIVE: Said("gesprekken die nog duren", "calls that still go on"),
}

INCIDENT: Final[Words] = {
    IncidentKind.AGGRESSION: Said("agressie", "aggression"),
    IncidentKind.MISCONDUCT: Said("ernstig verwijtbaar gedrag", "seriously culpable conduct"),
    IncidentKind.THREAT: Said("bedreiging", "threat"),
    IncidentKind.EXCEPTIONAL: Said("een uitzonderlijke situatie", "an exceptional situation"),
}

RIGHT: Final[Words] = {
    Right.INFORMATION: Said(
        "U mag weten wat wij met uw gegevens doen.", "You may know what we do with them."
    ),
    Right.ACCESS: Said(
        "U mag uw gegevens inzien, ook de opname van uw gesprek.",
        "You may have access to your data, the recording of your call included.",
    ),
    Right.RECTIFICATION: Said("U mag fouten laten verbeteren.", "You may have mistakes corrected."),
    Right.ERASURE: Said("U mag gegevens laten wissen, geheel of deels.", "You may have data erased."),
    Right.RESTRICTION: Said(
        "U mag ons vragen om gegevens een tijd niet te gebruiken.",
        "You may ask us not to use data for a while.",
    ),
    Right.OBJECTION: Said("U mag bezwaar maken.", "You may object."),
    Right.PORTABILITY: Said(
        "U mag gegevens die u ons gaf meenemen, in een gangbaar bestand.",
        "You may take the data that you gave us along, in a common file format.",
    ),
    Right.WITHDRAWAL: Said(
        "U mag altijd terugkomen op de opname. Wij wissen die dan.",
        "You may always change your mind about the recording. We then erase it.",
    ),
    Right.COMPLAINT: Said("U mag een klacht indienen.", "You may complain."),
}

CHANNEL: Final[Words] = {
    ChannelKind.FORM: Said("formulier", "form"),
    ChannelKind.EMAIL: Said("e-mail", "e-mail"),
    ChannelKind.LETTER: Said("brief", "letter"),
    ChannelKind.PHONE: Said("telefoon", "telephone"),
    ChannelKind.DESK: Said("balie", "desk"),
}

IDENTITY: Final[Words] = {
    IdentityCheck.DIGID: Said("met DigiD", "by DigiD"),
    IdentityCheck.DESK: Said("aan de balie", "at the desk"),
    IdentityCheck.MASKED_COPY: Said(
        "met een kopie van uw identiteitsbewijs waarop u BSN en foto afdekt",
        "by a copy of your identity document with BSN and photo covered",
    ),
    IdentityCheck.CALL_FACTS: Said(
        "met vragen over het gesprek, zoals de datum en het nummer waarmee u belde",
        "by questions about the call, such as its date and the number you called from",
    ),
}

POLICE: Final[Words] = {
    PoliceWhen.NEVER: Said("nooit", "never"),
    PoliceWhen.INCIDENT: Said(
        "als dat nodig is na agressie, intimidatie of bedreiging",
        "when needed after aggression, intimidation or a threat",
    ),
    PoliceWhen.INCIDENT_WITH_REPORT: Said(
        "als er aangifte is gedaan van agressie of bedreiging",
        "when aggression or a threat was reported to the police",
    ),
    PoliceWhen.THREAT: Said("bij een bedreiging", "in case of a threat"),
}

CONTENT: Final[Words] = {
    Content.DATA: Said(
        "gegevens uit het gesprek, niet de opname zelf", "data from the call, not the recording itself"
    ),
    Content.AUDIO: Said("de opname", "the recording"),
}

THIRD_PARTY: Final[Words] = {
    ThirdPartyWhen.BY_LAW: Said("als een wet dat van ons eist", "when a law requires it of us"),
    ThirdPartyWhen.EXPLICIT_AGREEMENT: Said(
        "als u daar uitdrukkelijk ja op zegt", "when you explicitly agree to it"
    ),
}

OCCASION: Final[Words] = {
    Occasion.FIRST_DAY: Said("op de eerste werkdag", "on their first day"),
    Occasion.WORK_MEETING: Said("in het werkoverleg", "at work meetings"),
    Occasion.DEVELOPMENT_TALK: Said("in het ontwikkelgesprek", "at their development talks"),
}

JUDGED: Final[Words] = {
    Judged.MANNER: Said("hoe het gesprek is gevoerd", "how the call was held"),
    Judged.MANNER_AND_CONTENT: Said(
        "hoe het gesprek is gevoerd en wat er is gezegd", "how the call was held and what was said"
    ),
}

SEEN: Final[Words] = {
    Seen.SCORES: Said("ziet de beoordeling", "sees the scores"),
    Seen.NOTE: Said(
        "krijgt alleen een notitie over de ontwikkeling van de medewerker",
        "gets a note on how the agent develops, no more",
    ),
}

TABLES: Final[Mapping[type[Enum], Words]] = {
    Ground: GROUND,
    DataCategory: CATEGORY,
    Origin: ORIGIN,
    DataKind: KIND,
    Direction: DIRECTION,
    Action: ACTION,
    Calls: CALLS,
    IncidentKind: INCIDENT,
    Right: RIGHT,
    ChannelKind: CHANNEL,
    IdentityCheck: IDENTITY,
    PoliceWhen: POLICE,
    Content: CONTENT,
    ThirdPartyWhen: THIRD_PARTY,
    Occasion: OCCASION,
    Judged: JUDGED,
    Seen: SEEN,
}

_UNITS: Final[Mapping[str, tuple[Said, Said]]] = {
    "h": (Said("uur", "hour"), Said("uur", "hours")),
    "d": (Said("dag", "day"), Said("dagen", "days")),
    "wd": (Said("werkdag", "working day"), Said("werkdagen", "working days")),
    "m": (Said("maand", "month"), Said("maanden", "months")),
    "y": (Said("jaar", "year"), Said("jaar", "years")),
}


def in_words(word: Enum, language: Language) -> str:
    """Return a member of a closed set as a citizen reads it."""
    return TABLES[type(word)][word].in_(language)


def listed(words: Iterable[str], language: Language, joint: Said = AND) -> str:
    """Return `a, b en c`."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} {joint.in_(language)} {last}" if most else last


def term_in_words(term: Period | SelectionList, language: Language) -> str:
    """Return a term such as `60 dagen`, or what a selection list decides."""
    if isinstance(term, Period):
        one, more = _UNITS[term.unit]
        return f"{term.count} {(one if term.count == 1 else more).in_(language)}"
    named = Said(
        f"volgens {term.selection_list}, categorie „{term.category}”",
        f"according to {term.selection_list}, category “{term.category}”",
    ).in_(language)
    if term.period is not None:
        return f"{term_in_words(term.period, language)}, {named}"
    return Said(
        f"{named}; deze termijn is nog niet ingevuld, en tot dan maken wij deze gegevens niet",
        f"{named}; no period was filled in yet, and until then we make no such data",
    ).in_(language)


def speaker(language: Language) -> Callable[[str, str], str]:
    """Return a function that picks the Dutch or the English of two texts."""
    return lambda nl, en: nl if language is Language.NL else en
