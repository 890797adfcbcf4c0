"""The privacy statement: a page for callers, made from the policy that runs (X9).

Source: AVG art. 12 to 14 and 21(4): what a data subject is told, in clear and plain language.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policy.model import Policy
from policy.purposes import Ground
from policy.rights import AskingKeeps, Right
from policy.rules import objection_is_withdrawal, rights_of
from policy.scope import AnsweredBy, TransferOutside
from policy.vocabulary import ConsentMode
from publish.choices import hearing, refusing, withdrawing
from publish.contradictions import notes, others
from publish.keeping import keeping
from publish.naming import call_data_of, purpose_in_words, purposes_of
from publish.page import Block, Heading, Items, Line, Page, Piece, Quote, Strong, paragraph
from publish.people import listeners, sharing
from publish.words import Language, in_words, listed, speaker, term_in_words

AP: Final = "Autoriteit Persoonsgegevens"

_SHOWN_WHERE_THEY_MATTER: Final = (
    *("purposes", "balancing", "scope", "staff", "consent", "notice", "identity", "data"),
    *("retention", "extensions", "holds", "backups", "access", "reviews", "sharing", "incidents", "rights"),
)


def privacy_statement(policy: Policy, language: Language) -> Page:
    """Return the privacy statement of a policy.

    Args:
        policy: Holds every text in that language; see `naming.missing_texts`.
        language: Of the page.
    """
    say = speaker(language)
    blocks = (
        *_who(policy, language),
        *_why(policy, language),
        *_which_calls(policy, language),
        *hearing(policy, language),
        *refusing(policy, language),
        *withdrawing(policy, language),
        *_data(policy, language),
        *keeping(policy, language),
        *listeners(policy, language),
        *sharing(policy, language),
        *_where(policy, language),
        *_rights(policy, language),
        *complaints(policy, language),
        *others(policy, language, *_SHOWN_WHERE_THEY_MATTER),
    )
    organisation = policy.identity.organisation
    return Page(
        language=language.value,
        title=say(
            f"Privacyverklaring: wij nemen telefoongesprekken op ({organisation})",
            f"Privacy statement: we record telephone calls ({organisation})",
        ),
        blocks=blocks,
        foot=say(
            f"Gemaakt uit het beleid dat de telefoon volgt: {policy.name}, versie"
            f" {policy.content_hash[:12]}.",
            f"Made from the policy that the telephone obeys: {policy.name}, version"
            f" {policy.content_hash[:12]}.",
        ),
    )


def addresses(policy: Policy, language: Language) -> tuple[Line, ...]:
    """Return every way to use a right, one line each."""
    lines: list[Line] = []
    for channel in policy.rights.channels:
        how = channel.identity_check
        line: list[Piece] = [f"{in_words(channel.kind, language)}: ", Quote(channel.address)]
        if how is not None:
            line.append(f" ({in_words(how, language)})")
        lines.append(tuple(line))
    return tuple(lines) or _contacts(policy, language)


def _who(policy: Policy, language: Language) -> Iterator[Block]:
    say, identity = speaker(language), policy.identity
    yield Heading(say("Wie zijn wij?", "Who are we?"))
    yield paragraph(
        say("Verantwoordelijk is ", "The controller is "),
        Quote(identity.controller or identity.organisation),
        say(". Deze pagina hoort bij: ", ". This page belongs to: "),
        Quote(f"„{identity.title}”"),
        f" ({identity.date.isoformat()})" if identity.date is not None else "",
        say(f", nummer {identity.reference}", f", number {identity.reference}") if identity.reference else "",
        ".",
    )
    if contacts := _contacts(policy, language):
        yield Items(contacts)
    if not identity.public_body:
        return
    yield paragraph(
        say(
            "De functionaris gegevensbescherming (FG) let erop dat wij de privacyregels volgen: ",
            "The data protection officer (FG) sees to it that we keep the rules: ",
        ),
        _fg(policy, language),
    )


def _contacts(policy: Policy, language: Language) -> tuple[Line, ...]:
    say, contacts = speaker(language), policy.identity.contacts
    known = (
        (say("privacy officer", "privacy officer"), contacts.privacy_officer),
        (say("e-mail", "e-mail"), contacts.email),
        (say("post", "post"), contacts.post),
        (say("telefoon", "telephone"), contacts.phone),
    )
    return tuple((f"{what}: ", Quote(where)) for what, where in known if where is not None)


def _fg(policy: Policy, language: Language) -> str:
    say, contacts = speaker(language), policy.identity.contacts
    if contacts.fg_email is not None:
        return f"{contacts.fg_email}."
    where = contacts.email or contacts.post
    if where is not None:
        return say(f"{where}, ter attentie van de FG.", f"{where}, for the attention of the FG.")
    return say(
        f"schrijf naar {policy.identity.organisation}, ter attentie van de FG.",
        f"write to {policy.identity.organisation}, for the attention of the FG.",
    )


def _why(policy: Policy, language: Language) -> Iterator[Block]:
    say = speaker(language)
    yield Heading(say("Waarom doen wij dit, en mag dat?", "Why do we do this, and may we?"))
    yield Items(
        tuple(
            (
                purpose_in_words(purpose, language),
                say(". Grond: ", ". Ground: "),
                f"{in_words(purpose.ground, language)}.",
            )
            for purpose in purposes_of(policy).values()
        )
    )
    if Ground.CONSENT in policy.grounds:
        yield paragraph(_ground_a(policy, language))
    if (weighed := policy.balancing) is not None:
        yield paragraph(
            say("Ons belang: ", "Our interest: "),
            Quote(weighed.interest),
            say(". Waarom dat zwaarder weegt: ", ". Why it weighs more: "),
            Quote(weighed.outcome),
            say(". De afweging staat in: ", ". The weighing stands in: "),
            Quote(weighed.recorded),
            ".",
        )
    elif Ground.LEGITIMATE_INTEREST in policy.grounds:
        yield paragraph(
            say(
                "Voor een gerechtvaardigd belang wegen wij ons belang af tegen dat van u. Hoe wij dat"
                " doen, staat nog niet op deze pagina. U kunt ernaar vragen.",
                "For a legitimate interest we weigh ours against yours. How we do that"
                " is not on this page yet. You can ask for it.",
            )
        )
    yield from notes(policy, language, "purposes", "balancing")


def _ground_a(policy: Policy, language: Language) -> str:
    """Say what ground (a) amounts to here: silence is never called consent."""
    say = speaker(language)
    if policy.consent.mode is ConsentMode.OPT_IN:
        return say(
            f"Artikel 6, lid 1, onder a, is toestemming. Die geeft u door een {policy.consent.accept_key} te"
            " toetsen.",
            f"Article 6(1)(a) is consent. You give it by pressing {policy.consent.accept_key}.",
        )
    return say(
        "De wet noemt artikel 6, lid 1, onder a, „toestemming”. Bij ons werkt het zo: wie niets toetst, heeft"
        " geen bezwaar gemaakt. Wij zeggen dus „geen bezwaar gemaakt”, en niets meer dan dat.",
        "The law calls article 6(1)(a) “consent”. Here it works so: whoever presses nothing did not object."
        " So we say “did not object”, and no more than that.",
    )


def _which_calls(policy: Policy, language: Language) -> Iterator[Block]:
    say, scope = speaker(language), policy.scope
    yield Heading(say("Welke gesprekken?", "Which calls?"))
    directions = listed((in_words(way, language) for way in scope.directions), language)
    pieces = [say(f"Alleen {directions}.", f"Only {directions}.")]
    if scope.answered_by is AnsweredBy.KCC:
        pieces.append(
            say(
                " En alleen als een medewerker van ons klantcontactcentrum (KCC) opneemt.",
                " And only if an agent of our contact centre (KCC) answers.",
            )
        )
    pieces.append(
        {
            TransferOutside.STOP_AND_KEEP: say(
                " Verbinden wij u door naar iemand anders? Dan stopt de opname.",
                " Do we put you through to somebody else? Then the recording stops.",
            ),
            TransferOutside.GO_ON: say(
                " Verbinden wij u door? Dan loopt de opname door.",
                " Do we put you through? Then the recording goes on.",
            ),
            TransferOutside.DROP: say(
                " Verbinden wij u door naar iemand anders? Dan wissen wij de opname.",
                " Do we put you through to somebody else? Then we erase the recording.",
            ),
        }[scope.transfer_outside]
    )
    if policy.staff.told_at:
        occasions = listed((in_words(when, language) for when in policy.staff.told_at), language)
        pieces.append(
            say(
                f" Onze medewerkers weten dit. Zij horen het {occasions}.",
                f" Our agents know. They are told {occasions}.",
            )
        )
    yield paragraph(*pieces)
    yield from notes(policy, language, "scope", "staff")


def _data(policy: Policy, language: Language) -> Iterator[Block]:
    say, data = speaker(language), policy.data
    yield Heading(say("Welke gegevens zijn dit?", "Which data are these?"))
    known = (
        (say("Wij vragen naar", "We ask for"), data.asked),
        (
            say("U kunt dit zeggen, ook als wij er niet naar vragen", "You may say, asked or not"),
            data.may_be_spoken,
        ),
        (say("Over het gesprek bewaren wij", "About the call we keep"), call_data_of(policy)),
        (say("Over de medewerker bewaren wij", "About the agent we keep"), data.about_agents),
    )
    lines = tuple(
        (f"{what}: {listed((in_words(one, language) for one in categories), language)}.",)
        for what, categories in known
        if categories
    )
    if lines:
        yield Items(lines)
    yield paragraph(
        say(
            "Ook bewaren wij wat u bij de melding hebt gehoord en gekozen. Zo kunnen wij dat laten zien.",
            "We also keep what you heard and chose at the notice, so that we can show it.",
        )
    )
    origins = listed((in_words(one, language) for one in data.comes_from), language)
    yield paragraph(
        say(f"De gegevens komen van {origins}. ", f"The data come from {origins}. "),
        say("U bent verplicht ze te geven. ", "You are obliged to give them. ")
        if data.obliged
        else say("U bent niet verplicht ze te geven. ", "You are not obliged to give them. "),
        say("Een computer neemt hiermee besluiten.", "A machine makes decisions with them.")
        if data.automated_decisions
        else say("Geen computer neemt hiermee besluiten.", "No machine makes decisions with them."),
    )


def _where(policy: Policy, language: Language) -> Iterator[Block]:
    say, storage = speaker(language), policy.identity.storage
    yield Heading(say("Waar staat dit, en hoe veilig is het?", "Where is it, and how safe?"))
    if storage is not None:
        declared = (
            say(
                f" (verklaard door {storage.declared_by} op {storage.declared_on})",
                f" (declared by {storage.declared_by} on {storage.declared_on})",
            )
            if storage.declared_by is not None
            else say(" (nog door niemand verklaard)", " (declared by nobody yet)")
        )
        yield paragraph(
            say("Plaats: ", "Place: "),
            Quote(storage.place),
            say(f". Gebied: {storage.region}{declared}.", f". Region: {storage.region}{declared}."),
        )
    yield paragraph(
        say("De gegevens gaan buiten de EER. ", "The data leave the EEA. ")
        if policy.data.outside_eea
        else say(
            "De gegevens blijven binnen de Europese Economische Ruimte (EER). ",
            "The data stay within the European Economic Area (EEA). ",
        ),
        say(
            "Elke opname is verzegeld. Alleen wie dat mag, opent hem met een eigen wachtwoord.",
            "Every recording is sealed. Only who may do so opens it, with a passphrase of their own.",
        ),
    )
    yield from notes(policy, language, "identity", "data")


def _rights(policy: Policy, language: Language) -> Iterator[Block]:
    say, rights, has = speaker(language), policy.rights, rights_of(policy)
    yield Heading(say("Uw rechten", "Your rights"))
    yield Items(tuple((in_words(right, language),) for right in Right if right in has))
    if objection_is_withdrawal(policy):
        yield paragraph(
            say(
                "Maakt u bezwaar tegen een opname? Dan wissen wij die. Bezwaar tegen andere gegevens wegen"
                " wij af.",
                "Do you object to a recording? Then we erase it. An objection to other data is weighed.",
            )
        )
    elif Right.OBJECTION in has:
        yield paragraph(
            say(
                "Maakt u bezwaar? Dan gebruiken wij de opname niet tot wij hebben besloten.",
                "Do you object? Then we do not use the recording until we have decided.",
            )
        )
    if rights.objection_at is not None:
        yield paragraph(say("Bezwaar maakt u hier: ", "You object here: "), Quote(rights.objection_at), ".")
    yield paragraph(say("Zo vraagt u het aan:", "This is how you ask:"))
    yield Items(addresses(policy, language))
    deadline, more = term_in_words(rights.deadline, language), term_in_words(rights.extension, language)
    yield paragraph(
        say(
            f"U krijgt antwoord binnen {deadline}. Is het ingewikkeld, dan kan het {more} langer duren. Ook"
            f" dat hoort u binnen {deadline}. Niemand krijgt gegevens van een ander. Daarom kijken wij of u"
            " het echt bent. Dat kan zo:",
            f"You get an answer within {deadline}. If it is complicated it can take {more} more, and we"
            f" tell you so within {deadline} as well. Nobody gets somebody else's data. So we check that it"
            " is you, in one of these ways:",
        )
    )
    yield Items(tuple((f"{in_words(check, language)}.",) for check in rights.identity_check))
    yield paragraph(_asking_keeps(policy, language))
    if rights.other_party_silenced:
        yield paragraph(
            say(
                "In een kopie van de opname hoort u alleen uw eigen stem.",
                "In a copy of the recording you hear your own voice only.",
            )
        )
    yield from notes(policy, language, "rights")


def _asking_keeps(policy: Policy, language: Language) -> str:
    say, within = speaker(language), term_in_words(policy.rights.identity_within, language)
    if policy.rights.asking_keeps is AskingKeeps.UNTIL_SETTLED:
        return say(
            "Vraagt u om een opname voordat wij die wissen? Dan blijft zij tot uw verzoek klaar is."
            " Zolang wij"
            " niet weten of u het bent, ziet niemand om welke opname het gaat, en wij wachten hoogstens"
            f" {within}.",
            "Do you ask for a recording before we erase it? Then it stays until your request is settled. As"
            " long as we do not know that it is you, nobody sees which recording it is, and we wait no longer"
            f" than {within}.",
        )
    return say(
        "Vraagt u om een opname voordat wij die wissen? Dan wissen wij die niet voordat wij hebben"
        " gekeken of u"
        f" het bent, hoogstens {within}. De bewaartermijn wordt door uw vraag zelf niet langer.",
        "Do you ask for a recording before we erase it? Then we do not erase it before we looked whether"
        " it is"
        f" you, for {within} at most. Asking does not by itself make its term longer.",
    )


def complaints(policy: Policy, language: Language) -> Iterator[Block]:
    """Yield where one can complain: with the organisation, its FG, and the AP."""
    say = speaker(language)
    yield Heading(say("Een klacht?", "A complaint?"))
    own, fg_email = policy.identity.contacts.complaints_email, policy.identity.contacts.fg_email
    places = dict.fromkeys(
        place for place in (own, *policy.rights.complaints_at) if place not in (None, AP, fg_email)
    )
    lines: list[Line] = [(say("Bij ons: ", "With us: "), Quote(place)) for place in places]
    if policy.identity.public_body:
        lines.append((say("Bij de FG: ", "With the data protection officer (FG): "), _fg(policy, language)))
    lines.append(
        (
            Strong(AP),
            say(
                ": autoriteitpersoonsgegevens.nl. Dat mag altijd, ook als u nog niet bij ons was.",
                ", the Dutch data protection authority: autoriteitpersoonsgegevens.nl. You always may, also"
                " before you came to us.",
            ),
        )
    )
    yield Items(tuple(lines))
