"""Letters to whoever made a request about their data: what was decided, why, and what they can do about it.

Neither a name nor a passphrase ever stands in one: the organisation's own file, under the same
reference, knows where it goes, and the passphrase of a copy is told by another way.

Source: AVG art. 12(3), 12(4) and 15(1); UAVG art. 34 and 35: a decision of an administrative body on
such a request is one under the Awb; Awb art. 3:45, 6:7 and 6:8: six weeks from the day after it was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Final

from policy.clock import LOCAL_ZONE
from policy.model import Policy
from policy.refusals import RefusalGround
from policy.rights import Right
from publish.keeping import terms
from publish.naming import call_data_of, purpose_in_words
from publish.page import Block, Heading, Items, Line, Page, Quote, Strong, Table, paragraph
from publish.people import recipients
from publish.statement import complaints
from publish.words import GROUND, Language, Said, Words, in_words, listed, speaker


class Answer(Enum):
    """What the letter tells."""

    COPY = "copy"
    ERASED = "erased"
    CLOSED_NOW = "closed_now"
    RESTRICTED = "restricted"
    RECTIFIED = "rectified"
    REFUSED = "refused"
    PUT_OFF = "put_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTold:
    """One call, as the letter tells it.

    Attributes:
        folder: Where it lies in the copy, or None.
        notice: What the caller heard first, or None where the words are not kept.
        chosen: The key that decided, or None.
        kept_until: When the recording goes; None: it has gone.
    """

    started_at: datetime
    duration_ms: int | None
    folder: str | None
    notice: str | None
    chosen: str | None
    kept_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """All that a letter is made of, beside the policy.

    Attributes:
        reference: Number of the organisation's own file.
        decide_by: The last day of the term, where it was put off.
        silenced: Whose voice is not in the copy, or None.
        why: The officer's own words, for a refusal or a delay.
    """

    answer: Answer
    language: Language
    reference: str
    right: Right
    received_on: date
    written_on: date
    calls: tuple[CallTold, ...] = ()
    decide_by: date | None = None
    ground: RefusalGround | None = None
    why: str | None = None
    silenced: str | None = None


_ASKED: Final[Words] = {
    Right.ACCESS: Said("inzage", "access"),
    Right.RECTIFICATION: Said("verbetering", "rectification"),
    Right.ERASURE: Said("wissing", "erasure"),
    Right.RESTRICTION: Said("beperking van het gebruik", "restriction"),
    Right.OBJECTION: Said("bezwaar tegen het gebruik", "objection"),
    Right.PORTABILITY: Said("een kopie om mee te nemen", "portability"),
    Right.WITHDRAWAL: Said("intrekking", "withdrawal"),
}

_DECIDED: Final[Words] = {
    Answer.COPY: Said(
        "Wij geven u een kopie. Wat erin zit, leest u hieronder.",
        "We give you a copy. What is in it, you read below.",
    ),
    Answer.ERASED: Said(
        "Wij hebben gedaan wat u vroeg: wat hieronder staat, is gewist. Het is ook uit oude kopieën niet"
        " meer te openen.",
        "We did what you asked: what stands below was erased. Old copies do not open it any more, either.",
    ),
    Answer.CLOSED_NOW: Said(
        "De opname is afgesloten. Niemand gebruikt haar nog voor iets anders dan waarom zij moet blijven.",
        "The recording is closed. Nobody uses it for anything but what it has to stay for.",
    ),
    Answer.RESTRICTED: Said(
        "Wij gebruiken de opname niet meer. Zij is afgesloten.",
        "We do not use the recording any more. It is closed.",
    ),
    Answer.RECTIFIED: Said(
        "Wij hebben verbeterd of aangevuld wat u vroeg.", "We corrected or completed what you asked."
    ),
    Answer.REFUSED: Said("Wij wijzen uw verzoek af.", "We refuse your request."),
    Answer.PUT_OFF: Said("Wij hebben meer tijd nodig om te beslissen.", "We need more time to decide."),
}

GROUNDS: Final[Words] = {
    RefusalGround.IDENTITY: Said(
        "Wij konden niet vaststellen dat u het bent. Niemand krijgt gegevens van een ander.",
        "We could not establish that it is you. Nobody gets somebody else's data.",
    ),
    RefusalGround.NOT_FOUND: Said(
        "Wij hebben van u geen opname, of niet meer: opnames wissen wij na hun bewaartermijn.",
        "We have no recording of you, or not any more: we erase recordings after their term.",
    ),
    RefusalGround.NOT_APPLICABLE: Said(
        "Dit recht geldt niet voor deze opname.", "This right does not reach this recording."
    ),
    RefusalGround.OTHERS_RIGHTS: Said(
        "De rechten en vrijheden van anderen wegen hier zwaarder.",
        "The rights and freedoms of others weigh heavier here.",
    ),
    RefusalGround.ACCURATE: Said(
        "Wat wij hebben, klopt: een opname is wat er is gezegd.",
        "What we have is accurate: a recording is what was said.",
    ),
    RefusalGround.OVERRIDING: Said(
        "Wij hebben dwingende redenen die zwaarder wegen dan uw belang.",
        "We have compelling reasons that outweigh your interest.",
    ),
    RefusalGround.LEGAL_CLAIM: Said(
        "De opname is nodig voor een rechtsvordering.", "The recording is needed for a legal claim."
    ),
    RefusalGround.UNFOUNDED: Said(
        "Uw verzoek is kennelijk ongegrond of buitensporig.",
        "Your request is manifestly unfounded or excessive.",
    ),
    RefusalGround.EXEMPT: Said(
        "De wet laat hier een uitzondering toe.", "The law allows for an exception here."
    ),
}

_MONTHS: Final = (
    *("januari", "februari", "maart", "april", "mei", "juni"),
    *("juli", "augustus", "september", "oktober", "november", "december"),
)
_MONTHS_EN: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_SILENCED: Final[Mapping[str, Said]] = {
    "agent": Said("de medewerker", "the agent"),
    "caller": Said("de beller", "the caller"),
}


def letter(policy: Policy, told: Told) -> Page:
    """Return the letter that goes with an answer."""
    say = speaker(told.language)
    asked = _ASKED[told.right].in_(told.language)
    blocks = (
        *_head(policy, told),
        *_calls(told),
        *_copy(policy, told),
        *_objection(policy, told),
        *complaints(policy, told.language),
        *_greeting(policy, told),
    )
    return Page(
        language=told.language.value,
        title=say(f"Uw verzoek: {asked}", f"Your request: {asked}"),
        blocks=blocks,
        foot=say(
            f"Kenmerk {told.reference}. Gemaakt uit het beleid {policy.name}, versie"
            f" {policy.content_hash[:12]}.",
            f"Reference {told.reference}. Made from policy {policy.name}, version"
            f" {policy.content_hash[:12]}.",
        ),
    )


def in_full(day: date, language: Language) -> str:
    """Return a date as a letter has it: `21 november 2026`."""
    months = _MONTHS if language is Language.NL else _MONTHS_EN
    return f"{day.day} {months[day.month - 1]} {day.year}"


def _head(policy: Policy, told: Told) -> Iterator[Block]:
    say, language = speaker(told.language), told.language
    yield paragraph(
        Quote(policy.identity.controller or policy.identity.organisation),
        say(", ", ", "),
        in_full(told.written_on, language),
        say(". Kenmerk: ", ". Reference: "),
        Strong(told.reference),
        ".",
    )
    yield paragraph(say("Geachte heer of mevrouw,", "Dear Sir or Madam,"))
    received = in_full(told.received_on, language)
    yield paragraph(
        say(
            f"Op {received} kregen wij uw verzoek over opnames van uw telefoongesprekken. ",
            f"On {received} we received your request about recordings of your telephone calls. ",
        ),
        Strong(_DECIDED[told.answer].in_(language)),
    )
    if told.ground is not None:
        article = told.ground.article(told.right)
        yield paragraph(GROUNDS[told.ground].in_(language), f" ({article}).")
    if told.why is not None and told.answer in (Answer.REFUSED, Answer.PUT_OFF):
        yield paragraph(say("Onze toelichting: ", "Our explanation: "), Quote(told.why))
    if told.answer is Answer.PUT_OFF and told.decide_by is not None:
        last = in_full(told.decide_by, language)
        yield paragraph(
            say(
                f"U krijgt uiterlijk op {last} antwoord (artikel 12, lid 3, AVG).",
                f"You get an answer by {last} at the latest (article 12(3) GDPR).",
            )
        )


def _calls(told: Told) -> Iterator[Block]:
    if not told.calls:
        return
    say = speaker(told.language)
    yield Heading(say("Om welke gesprekken het gaat", "Which calls it is about"))
    head = (
        say("Begonnen", "Began"),
        say("Duur", "Lasted"),
        say("Map in de kopie", "Folder in the copy"),
        say("De opname blijft tot", "The recording stays until"),
    )
    yield Table(head, tuple(_call(call, told.language) for call in told.calls))


def _call(call: CallTold, language: Language) -> tuple[Line, ...]:
    say, began = speaker(language), call.started_at.astimezone(LOCAL_ZONE)
    seconds = (call.duration_ms or 0) // 1000
    gone = say("is gewist", "was erased")
    kept = (
        gone if call.kept_until is None else in_full(call.kept_until.astimezone(LOCAL_ZONE).date(), language)
    )
    return (
        (f"{in_full(began.date(), language)}, {began:%H:%M}",),
        (f"{seconds // 60}:{seconds % 60:02d}",),
        (call.folder or "-",),
        (kept,),
    )


def _copy(policy: Policy, told: Told) -> Iterator[Block]:
    if told.answer is not Answer.COPY:
        return
    say, language = speaker(told.language), told.language
    yield Heading(say("Wat u krijgt", "What you get"))
    yield paragraph(
        say(
            "Het bestand is versleuteld. Het wachtwoord staat niet in deze brief: dat krijgt u langs een"
            " andere"
            " weg. 7-Zip, WinZip en een Mac openen het bestand. In elke map staat:",
            "The file is encrypted. Its passphrase is not in this letter: you get it by another way. 7-Zip,"
            " WinZip and a Mac open the file. In each folder there is:",
        )
    )
    yield Items(tuple(_files(told)))
    yield Heading(say("Hoe wij het u vroegen", "How we asked you"))
    for call in told.calls:
        yield paragraph(*_evidence(call, language))
    yield Heading(say("Wat wij met uw gegevens doen", "What we do with your data"))
    purposes = [
        f"{purpose_in_words(purpose, language)}: {GROUND[purpose.ground].in_(language)}"
        for purpose in policy.purposes.values()
    ]
    yield paragraph(say("Waarvoor, en op welke grond:", "What for, and on which ground:"))
    yield Items(tuple((line,) for line in purposes) or ((say("geen eigen doel", "no purpose of its own"),),))
    categories = listed((in_words(one, language) for one in call_data_of(policy)), language)
    yield paragraph(say("Wij bewaren over een gesprek: ", "About a call we keep: "), categories, ".")
    yield paragraph(say("Hoe lang:", "For how long:"))
    yield Items(tuple((f"{what}: {term}.",) for what, term in terms(policy, language)))
    who = tuple(recipients(policy, language))
    if who:
        yield paragraph(say("Wie buiten ons iets kan krijgen:", "Who outside can get something:"))
        yield Items(who)
    if not policy.data.automated_decisions:
        yield paragraph(say("Er beslist geen machine over u.", "No machine decides about you."))
    yield paragraph(
        say(
            "U mag ook vragen om verbetering, wissing of beperking, en bezwaar maken tegen het gebruik.",
            "You may also ask for rectification, erasure or restriction, and object to the use.",
        )
    )


def _files(told: Told) -> Iterator[Line]:
    say = speaker(told.language)
    silenced = ""
    if told.silenced is not None:
        whose = _SILENCED[told.silenced].in_(told.language)
        silenced = say(
            f" De stem van {whose} is vervangen door stilte, want die gegevens zijn van een ander.",
            f" The voice of {whose} is replaced by silence, for those data are somebody else's.",
        )
    yield (Strong("recording.wav"), say(f": de opname.{silenced}", f": the recording.{silenced}"))
    yield (
        Strong("manifest.json"),
        say(
            ": de gegevens over het gesprek, het bewijs van de melding en uw keuze, en wie deze kopie"
            " maakte.",
            ": the data about the call, the evidence of the notice and your choice, and who made this copy.",
        ),
    )
    if told.right is Right.PORTABILITY:
        yield (
            Strong("data.json"),
            say(
                " (naast de mappen): dezelfde gegevens voor een computer.",
                " (beside the folders): the same data for a computer.",
            ),
        )


def _evidence(call: CallTold, language: Language) -> Line:
    say, began = speaker(language), call.started_at.astimezone(LOCAL_ZONE)
    when = f"{in_full(began.date(), language)}, {began:%H:%M}: "
    heard: Line = (
        (say("de woorden zijn niet bewaard.", "the words were not kept."),)
        if call.notice is None
        else (say("u hoorde: „", "you heard: “"), Quote(call.notice), say("”", "”"))
    )
    pressed = (
        say(" U drukte geen toets in.", " You pressed no key.")
        if call.chosen is None
        else say(f" U drukte op {call.chosen}.", f" You pressed {call.chosen}.")
    )
    return (Strong(when), *heard, pressed)


def _objection(policy: Policy, told: Told) -> Iterator[Block]:
    if told.answer is Answer.PUT_OFF:
        return
    say = speaker(told.language)
    yield Heading(say("Bent u het er niet mee eens?", "Do you not agree?"))
    if not policy.identity.public_body:
        yield paragraph(
            say(
                "Binnen zes weken nadat u deze brief kreeg, kunt u de rechtbank vragen om te beslissen"
                " (artikel 35"
                " UAVG).",
                "Within six weeks after you received this letter you can ask the district court to decide"
                " (article 35 UAVG).",
            )
        )
        return
    controller = policy.identity.controller or policy.identity.organisation
    yield paragraph(
        say("Dit is een besluit. Maak binnen ", "This is a decision. Lodge an objection within "),
        Strong(say("zes weken", "six weeks")),
        say(
            " bezwaar, gerekend vanaf de dag na die waarop wij deze brief verstuurden (artikel 6:7 en"
            " 6:8 Awb;"
            " artikel 34 UAVG). Dat doet u met een brief aan ",
            ", counted from the day after we sent this letter (articles 6:7 and 6:8 Awb; article 34"
            " UAVG). Write"
            " to ",
        ),
        Quote(controller),
        *_where(policy, told),
        say(
            ". Zet erin: uw naam en adres, de datum, het kenmerk van deze brief, en waarom u het niet"
            " eens bent."
            " Onderteken de brief.",
            ". Put in it: your name and address, the date, the reference of this letter, and why you do not"
            " agree. Sign it.",
        ),
    )


def _where(policy: Policy, told: Told) -> Line:
    place = policy.rights.objection_at or policy.identity.contacts.post
    return () if place is None else (speaker(told.language)(": ", ": "), Quote(place))


def _greeting(policy: Policy, told: Told) -> Iterator[Block]:
    say, contacts = speaker(told.language), policy.identity.contacts
    roads = [place for place in (contacts.email, contacts.phone, contacts.post) if place is not None]
    if roads:
        yield paragraph(say("Vragen? ", "Questions? "), Quote(", ".join(roads)))
    yield paragraph(say("Met vriendelijke groet,", "Yours faithfully,"))
    yield paragraph(say("namens ", "for "), Quote(policy.identity.controller or policy.identity.organisation))
    if contacts.privacy_officer is not None:
        yield paragraph(Quote(contacts.privacy_officer))
