"""The row in the register of processing activities, made from the policy that runs (X9).

Source: AVG art. 30(1), and what the published register of RVO says beside it (R9).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policy.model import Policy
from policy.retention import BackupMode
from policy.rights import Right
from policy.rules import rights_of
from publish.contradictions import quoted
from publish.keeping import exceptions, terms
from publish.naming import call_data_of, purpose_in_words, purposes_of, title_of
from publish.page import Line, plain
from publish.people import recipients
from publish.statement import addresses
from publish.words import Language, in_words, listed, speaker


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of the row.

    Attributes:
        text: One line for each thing that it holds; never empty.
    """

    head: str
    text: str


def register_row(policy: Policy, language: Language) -> tuple[Cell, ...]:
    """Return the row of one policy, column by column."""
    return tuple(
        Cell(head, text)
        for part in (_identity, _purposes, _data, _people, _terms, _security, _doubts)
        for head, text in part(policy, language)
    )


def _identity(policy: Policy, language: Language) -> Iterator[tuple[str, str]]:
    say, identity, contacts = speaker(language), policy.identity, policy.identity.contacts
    named = " ".join(filter(None, (identity.title, identity.reference, _iso(identity.date))))
    yield say("Verwerking", "Processing activity"), named
    yield (
        say("Verwerkingsverantwoordelijke", "Controller"),
        _together(
            (identity.controller or identity.organisation, contacts.post, contacts.email, contacts.phone)
        ),
    )
    fg = _together((contacts.fg, contacts.fg_email))
    yield (
        say("Functionaris gegevensbescherming", "Data protection officer"),
        fg or say("niet ingevuld in het beleid", "not filled in"),
    )
    processor = identity.processor
    told = "" if processor is None else _together((processor.name, processor.agreement, processor.signed_by))
    yield say("Verwerker", "Processor"), told or say("geen", "none")


def _purposes(policy: Policy, language: Language) -> Iterator[tuple[str, str]]:
    say = speaker(language)
    yield (
        say("Doelen en grondslagen", "Purposes and grounds"),
        "\n".join(
            f"{purpose_in_words(one, language)}: {in_words(one.ground, language)}"
            for one in purposes_of(policy).values()
        ),
    )
    weighed = policy.balancing
    yield (
        say("Belangenafweging", "Balancing of interests"),
        "\n".join(filter(None, (weighed.task, weighed.interest, weighed.outcome, weighed.recorded)))
        if weighed is not None
        else say("niet ingevuld in het beleid", "not filled in"),
    )


def _data(policy: Policy, language: Language) -> Iterator[tuple[str, str]]:
    say, data = speaker(language), policy.data
    yield (
        say("Categorieën betrokkenen", "Categories of data subjects"),
        say("bellers\nmedewerkers die gesprekken voeren", "callers\nagents who hold calls"),
    )
    known = (
        (say("gevraagd", "asked"), data.asked),
        (say("kan worden gezegd", "may be spoken"), data.may_be_spoken),
        (say("over het gesprek", "about the call"), call_data_of(policy)),
        (say("over de medewerker", "about the agent"), data.about_agents),
    )
    told = "\n".join(
        f"{what}: {', '.join(in_words(one, language) for one in categories)}"
        for what, categories in known
        if categories
    )
    yield (
        say("Categorieën persoonsgegevens", "Categories of personal data"),
        told or say("niet ingevuld in het beleid", "not filled in"),
    )
    yield say("Bron", "Source"), listed((in_words(one, language) for one in data.comes_from), language)
    yield (
        say("Verplicht te geven", "Obliged to give"),
        say("ja", "yes")
        if data.obliged
        else say(
            "nee: betrokkenen waren niet verplicht deze gegevens te geven",
            "no: data subjects were not obliged to give these data",
        ),
    )
    yield (
        say("Automatische besluiten", "Automated decisions"),
        say("ja", "yes") if data.automated_decisions else say("nee", "no"),
    )


def _people(policy: Policy, language: Language) -> Iterator[tuple[str, str]]:
    say = speaker(language)
    roles = () if policy.access is None else policy.access.grants.values()
    inside = dict.fromkeys(title_of(policy, role) for grant in roles for role in grant.roles)
    yield say("Ontvangers binnen", "Recipients inside"), "\n".join(inside) or say("niemand", "nobody")
    yield say("Ontvangers buiten", "Recipients outside"), _lines(recipients(policy, language))
    yield (
        say("Doorgifte buiten de EER", "Transfers outside the EEA"),
        say("ja", "yes") if policy.data.outside_eea else say("geen", "none"),
    )
    has = rights_of(policy)
    yield (
        say("Rechten", "Rights"),
        "\n".join(in_words(right, language) for right in Right if right in has),
    )
    yield (
        say("Waar rechten worden gebruikt", "Where rights are used"),
        _lines(addresses(policy, language)) or say("niet ingevuld in het beleid", "not filled in"),
    )


def _terms(policy: Policy, language: Language) -> Iterator[tuple[str, str]]:
    say = speaker(language)
    yield (
        say("Bewaartermijnen", "Terms of keeping"),
        "\n".join(f"{kinds}: {term}" for kinds, term in terms(policy, language)),
    )
    yield say("Langer bewaren", "Kept longer"), _lines(exceptions(policy, language))


def _security(policy: Policy, language: Language) -> Iterator[tuple[str, str]]:
    say, storage = speaker(language), policy.identity.storage
    told = [
        say(
            "elke opname is verzegeld; alleen een eigen wachtwoord van een bevoegde opent hem",
            "every recording is sealed; only the passphrase of an authorised person opens it",
        ),
        say(
            "luisteren, afgeven en wissen staat op een logboek dat niemand ongemerkt verandert",
            "listening, handing out and erasing is on a log that nobody changes unnoticed",
        ),
        say(
            "wissen omvat sleutel, bestand en kopieën, met een bewijs",
            "erasing takes key, file and copies, with a receipt",
        ),
        say("opnames zitten in geen back-up", "recordings are in no backup")
        if policy.backups.mode is BackupMode.NONE
        else say("een kopie op een tweede computer wist mee", "a copy on a second machine erases as well"),
    ]
    if storage is not None:
        declared = say("niemand", "nobody")
        if storage.declared_by is not None:
            declared = f"{storage.declared_by} ({storage.declared_on})"
        told.append(
            say(
                f"plaats: {storage.place}; gebied: {storage.region}; verklaard door: {declared}",
                f"place: {storage.place}; region: {storage.region}; declared by: {declared}",
            )
        )
    yield say("Beveiliging", "Security"), "\n".join(told)


def _doubts(policy: Policy, language: Language) -> Iterator[tuple[str, str]]:
    say = speaker(language)
    and_, so = say("maar ook", "but also"), say("nu", "for now")
    yield (
        say("Tegenstrijdig in de tekst", "Contradictions in the text"),
        "\n".join(f"„{one.says}” {and_} „{one.but}” {so}: {quoted(one.obeyed)}" for one in policy.conflicts)
        or say("geen", "none"),
    )
    yield say("Versie van het beleid", "Version of the policy"), f"{policy.name} {policy.content_hash}"


def _lines(lines: Iterator[Line] | tuple[Line, ...]) -> str:
    return "\n".join(plain(line) for line in lines)


def _together(parts: tuple[str | None, ...]) -> str:
    return ", ".join(part for part in parts if part is not None)


def _iso(date: object) -> str | None:
    return None if date is None else f"({date})"
