"""The breach report as a page for the FG: what was there, who could read it, until when to report."""

from __future__ import annotations

from collections.abc import Sequence

from policy.identity import DataCategory
from publish.page import Block, Heading, Items, Note, Page, Paragraph, Strong, Table
from publish.page import Line as PageLine
from publish.reports import words
from publish.reports.breach import Breach
from publish.reports.figures import Fact, Unit
from publish.words import Language, in_words, listed, speaker


def breach_page(report: Breach, language: Language) -> Page:
    """Return the page of a breach report."""
    say = speaker(language)
    until = words.in_unit(report.report_by, Unit.MOMENT, language)
    known = words.in_unit(report.known_at, Unit.MOMENT, language)
    blocks: tuple[Block, ...] = (
        Paragraph((say("Moment: ", "Moment: "), Strong(words.in_unit(report.at, Unit.MOMENT, language)))),
        Note(
            (
                (
                    say(
                        f"Verantwoordelijk: {report.controller}. Bekend sinds {known}. Is er een risico"
                        " voor de"
                        f" betrokkenen, dan meldt de FG ({report.fg or 'niet ingevuld'}) dit uiterlijk ",
                        f"Controller: {report.controller}. Known since {known}. Where there is a risk"
                        " to those"
                        f" concerned, the FG ({report.fg or 'not filled in'}) reports it to the AP by ",
                    ),
                    Strong(until),
                    say(
                        " bij de AP (artikel 33 AVG, 72 uur, weekend of niet). Bij een hoog risico horen de"
                        " betrokkenen het ook (artikel 34).",
                        " (article 33 GDPR, 72 hours, weekend or not). Where the risk is high, those"
                        " concerned are"
                        " told as well (article 34).",
                    ),
                ),
            )
        ),
        Heading(say("Opnamen", "Recordings")),
        _facts(report.recordings, language),
        Heading(say("Gegevens over gesprekken", "Data about calls")),
        _facts(report.calls, language),
        Heading(
            say("Wat er gezegd kan zijn en wat bewaard wordt", "What may have been said, and what is kept")
        ),
        Items(
            (
                (say("Gezegd: ", "Said: "), _categories(report.spoken, language)),
                (say("Bewaard: ", "Kept: "), _categories(report.kept, language)),
            )
        ),
        Heading(say("Wie het kon lezen", "Who could read it")),
        Items(_who_could(report, language)),
        *_callers(report, language),
    )
    about = say("datalek, wat er op de server stond", "data breach, what was on the host")
    title = f"{report.organisation}: {about}"
    return Page(language=language.value, title=title, blocks=blocks, foot=_foot(report, language))


def _facts(facts: Sequence[Fact], language: Language) -> Items:
    return Items(
        tuple((f"{words.said(one.key, language)}: ", Strong(words.fact(one, language))) for one in facts)
    )


def _categories(values: Sequence[str], language: Language) -> str:
    if not values:
        return speaker(language)("de tekst noemt niets", "the text names nothing")
    return listed((in_words(DataCategory(one), language) for one in values), language)


def _who_could(report: Breach, language: Language) -> tuple[PageLine, ...]:
    say = speaker(language)
    return (
        (
            say(
                "Niet verzegelde opnamen (in de spool): wie de server had, zonder sleutel.",
                "Recordings that were not sealed (in the spool): whoever had the host, without any key.",
            ),
        ),
        (
            say(
                "Verzegelde opnamen: niemand met de server alleen. Op de server staan alleen openbare"
                " helften; nodig"
                " zijn de sleutels van deze rollen, elk achter een eigen wachtwoord, en de sleutel van"
                " de dag:",
                "Sealed recordings: nobody with the host alone. It has public halves only; what is"
                " needed are the keys"
                " of these roles, each behind a person's own passphrase, and the key of the day:",
            ),
        ),
        *((one,) for one in report.readable),
        (
            say(
                "Nummers van bellers zijn verzegeld en staan gemaskeerd; wie de server heeft, heeft ook"
                " de sleutel van"
                " de labels en kan alle nummers proberen. Behandel ze als leesbaar.",
                "Callers' numbers are sealed and shown masked; whoever has the host also has the key of"
                " the tags and"
                " can try all numbers. Treat them as readable.",
            ),
        ),
        (
            say(
                "Tijden, wachtrij, duur, wie het gesprek had en wat besloten is: leesbaar.",
                "Times, queue, duration, who held the call and what was decided: readable.",
            ),
        ),
    )


def _callers(report: Breach, language: Language) -> tuple[Block, ...]:
    if not report.callers:
        return ()
    say = speaker(language)
    head = (
        say("Beller", "Caller"),
        say("Label", "Tag"),
        say("Gesprekken", "Calls"),
        say("Opnamen", "Recordings"),
        say("Eerste", "First"),
        say("Laatste", "Last"),
    )
    rows = tuple(
        (
            (one.caller or "–",),
            ((one.tag or "–")[:16],),
            (str(one.calls),),
            (str(one.recordings),),
            (words.in_unit(one.first_at, Unit.MOMENT, language),),
            (words.in_unit(one.last_at, Unit.MOMENT, language),),
        )
        for one in report.callers
    )
    return (Heading(say("Bellers", "Callers")), Table(head, rows))


def _foot(report: Breach, language: Language) -> str:
    made = words.in_unit(report.made_at, Unit.MOMENT, language)
    return speaker(language)(
        f"Gemaakt op {made} uit de registratie van Consentline, beleid {report.policy}; regel {report.entry}"
        " van het logboek. Wat daarvoor al gewist was, is er niet in te zien.",
        f"Made at {made} from the records of Consentline, policy {report.policy}; entry {report.entry} of the"
        " ledger. What was erased before that cannot be seen in it.",
    )
