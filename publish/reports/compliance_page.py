"""The compliance report as a page that a judge can read: promise, article, evidence, verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from publish.page import Block, Heading, Items, Note, Page, Paragraph, Quote, Strong, Table
from publish.page import Line as PageLine
from publish.reports import words
from publish.reports.compliance import Compliance, Deviation, Kept, Line
from publish.reports.figures import Unit
from publish.words import Language, Said, speaker

VERDICTS: Final[Mapping[Kept, Said]] = {
    Kept.YES: Said("nagekomen", "kept"),
    Kept.NO: Said("NIET nagekomen", "NOT kept"),
    Kept.NOT_BY_MACHINE: Said("niet uit de registratie te zien", "not shown by these records"),
}

SECTIONS: Final[Mapping[str, Said]] = {
    "identity": Said("Wie", "Who"),
    "numbers": Said("Telefoonnummers", "Telephone numbers"),
    "aliases": Said("Telefoonnummers", "Telephone numbers"),
    "scope": Said("Welke gesprekken", "Which calls"),
    "consent": Said("Weigeren en intrekken", "Refusing and withdrawing"),
    "notice": Said("De melding", "The notice"),
    "withdrawn": Said("Wat bellers na intrekken horen", "What callers hear after withdrawing"),
    "restricted": Said("Wat bellers na beperken horen", "What callers hear after restricting"),
    "agent_recorded": Said("Wat medewerkers horen", "What agents hear"),
    "agent_not_recorded": Said("Wat medewerkers horen", "What agents hear"),
    "purposes": Said("Doelen en grondslagen", "Purposes and grounds"),
    "balancing": Said("Belangenafweging", "Balancing of interests"),
    "data": Said("Gegevens", "Data"),
    "retention": Said("Bewaren en wissen", "Keeping and erasing"),
    "working_days": Said("Werkdagen", "Working days"),
    "extensions": Said("Verlengen", "Extending"),
    "holds": Said("Langer vasthouden", "Holding longer"),
    "hardship": Said("Hardheidsclausule", "Hardship clause"),
    "granted_deviations": Said("Hardheidsclausule", "Hardship clause"),
    "sharing": Said("Delen met anderen", "Sharing"),
    "rights": Said("Rechten van betrokkenen", "Rights of data subjects"),
    "incidents": Said("Incidenten", "Incidents"),
    "access": Said("Wie mag luisteren", "Who may listen"),
    "reviews": Said("Beoordelen en coachen", "Reviewing and coaching"),
    "reports": Said("Rapportages", "Reports"),
    "works_council": Said("Ondernemingsraad", "Works council"),
    "staff": Said("Medewerkers weten ervan", "Agents know"),
    "backups": Said("Reservekopieën", "Backups"),
    "ledger": Said("Het logboek", "The ledger"),
    "keys": Said("Sleutels", "Keys"),
}

DEVIATIONS: Final[Mapping[str, Said]] = {
    "hardship": Said("hardheidsclausule", "hardship clause"),
    "hold_against_the_text": Said(
        "langer vastgehouden dan de tekst belooft", "held longer than the text promises"
    ),
    "order": Said("bevel", "compulsory order"),
}


def compliance_page(report: Compliance, language: Language) -> Page:
    """Return the page of a compliance report."""
    say = speaker(language)
    period = words.between(report.since, report.before, language)
    blocks: list[Block] = [
        Paragraph((Quote(report.title),)),
        Paragraph((say("Periode: ", "Period: "), Strong(period))),
        Paragraph((_summary(report, language),)),
        Note(((_how_to_read(language),),)),
        *_broken(report, language),
        Heading(say("Afwijkingen", "Deviations")),
        _deviations(report.deviations, language),
        Heading(say("Wat voor alles geldt", "What holds for all of it")),
        _table(report.general, language),
    ]
    for section, lines in groupby(report.lines, key=lambda line: line.promise.partition(".")[0]):
        blocks += [Heading(SECTIONS[section].in_(language)), _table(tuple(lines), language)]
    title = f"{report.organisation}: {say('naleving van het beleid', 'compliance with the policy')}"
    return Page(language=language.value, title=title, blocks=tuple(blocks), foot=_foot(report, language))


def _summary(report: Compliance, language: Language) -> str:
    lines = (*report.lines, *report.general)
    numbers = {kept: sum(line.kept is kept for line in lines) for kept in Kept}
    counted = (f"{VERDICTS[kept].in_(language)}: {number}" for kept, number in numbers.items())
    return "; ".join(counted) + "."


def _how_to_read(language: Language) -> str:
    return speaker(language)(
        "Elke regel is een belofte uit de gepubliceerde tekst, met het artikel. Het bewijs is geteld in de"
        " registratie van deze installatie. „Niet uit de registratie te zien” is geen oordeel: dat bewijs"
        " ligt elders.",
        "Each line is a promise of the published text, with its article. The evidence was counted in the"
        " records of this installation. “Not shown by these records” is no verdict: that evidence lies"
        " elsewhere.",
    )


def _broken(report: Compliance, language: Language) -> Iterator[Block]:
    broken = [line for line in (*report.general, *report.lines) if line.kept is Kept.NO]
    if broken:
        yield Heading(speaker(language)("Niet nagekomen", "Not kept"))
        yield _table(broken, language)


def _table(lines: Sequence[Line], language: Language) -> Table:
    say = speaker(language)
    head = (
        say("Belofte", "Promise"),
        say("Artikel", "Article"),
        say("Bewijs", "Evidence"),
        say("Oordeel", "Verdict"),
    )
    return Table(head, tuple(_row(line, language) for line in lines))


def _row(line: Line, language: Language) -> tuple[PageLine, ...]:
    promise: PageLine = (line.promise,)
    if line.value:
        promise = (f"{line.promise}: ", Quote(line.value))
    evidence = "; ".join(
        f"{words.said(one.key, language)}: {words.fact(one, language)}" for one in line.evidence
    )
    verdict = VERDICTS[line.kept].in_(language)
    return (
        promise,
        (line.source,),
        (evidence or "–",),
        (verdict if line.kept is Kept.NOT_BY_MACHINE else Strong(verdict),),
    )


def _deviations(deviations: Sequence[Deviation], language: Language) -> Block:
    say = speaker(language)
    if not deviations:
        return Paragraph((say("Geen in deze periode.", "None in this period."),))
    return Items(tuple(_deviation(one, language) for one in deviations))


def _deviation(one: Deviation, language: Language) -> PageLine:
    say = speaker(language)
    until = "" if one.until is None else f", {say('tot', 'until')} {one.until[:10]}"
    decided = say("besloten door", "decided by")
    return (
        Strong(DEVIATIONS[one.what].in_(language)),
        f": {one.about}, {one.why}; {decided} {one.decided_by}{until}",
    )


def _foot(report: Compliance, language: Language) -> str:
    made = words.in_unit(report.made_at, Unit.MOMENT, language)
    versions = ", ".join(one[:16] for one in report.versions) or "–"
    return speaker(language)(
        f"Gemaakt op {made} uit de registratie van Consentline, beleid {report.policy}; regel {report.entry}"
        f" van het logboek. Versies van het beleid in deze periode: {versions}.",
        f"Made at {made} from the records of Consentline, policy {report.policy}; entry {report.entry} of the"
        f" ledger. Versions of the policy in this period: {versions}.",
    )
