"""How long data are kept, and the few ways in which one recording stays longer."""

from __future__ import annotations

from collections.abc import Iterator

from policy.access import Calls
from policy.holds import HOLDS_BY_LAW, HoldReason
from policy.model import Policy
from policy.retention import BackupMode, CountsFrom, DataKind, Extension
from policy.reviews import Form
from publish.contradictions import notes, quoted
from publish.naming import titles_of
from publish.page import Block, Heading, Items, Line, Quote, Table, paragraph
from publish.words import Language, in_words, speaker, term_in_words


def terms(policy: Policy, language: Language) -> tuple[tuple[str, str], ...]:
    """Return each term in words with the kinds of data it holds for, recordings first."""
    grouped: dict[str, list[str]] = {}
    for kind in kinds_kept(policy):
        term = term_in_words(policy.retention.term(kind), language)
        grouped.setdefault(term, []).append(in_words(kind, language))
    return tuple(("; ".join(kinds), term) for term, kinds in grouped.items())


def kinds_kept(policy: Policy) -> Iterator[DataKind]:
    """Give each kind of data that there can be under this policy."""
    reviews, access = policy.reviews, policy.access
    reported = {Calls.FLAGGED, Calls.KEPT}
    absent = {
        DataKind.REVIEW_FORMS: reviews is None or reviews.form is Form.NONE,
        DataKind.INCIDENTS: access is None
        or not any(reported & set(grant.calls) for grant in access.grants.values()),
        DataKind.DEVIATIONS: policy.hardship is None,
    }
    for kind in DataKind:
        if kind.value in policy.retention.model_fields_set or not absent.get(kind, False):
            yield kind


def keeping(policy: Policy, language: Language) -> Iterator[Block]:
    """Say how long everything is kept."""
    say = speaker(language)
    yield Heading(say("Hoe lang bewaren wij dit?", "How long do we keep this?"))
    rows: tuple[tuple[Line, ...], ...] = tuple(((kinds,), (term,)) for kinds, term in terms(policy, language))
    yield Table((say("Wat", "What"), say("Hoogstens", "At most")), rows)
    yield paragraph(
        say(
            "De termijn van de opname en van de gegevens over het gesprek begint met het gesprek. Andere"
            " termijnen beginnen als de zaak klaar is. Daarna wissen wij, vanzelf, en nooit later. Van elke"
            " gewiste opname is er een bewijs.",
            "The term of the recording and of the data about the call begins with the call. Other terms begin"
            " when the matter is closed. After that we erase, automatically and never later. There is proof"
            " of each recording erased.",
        )
    )
    if policy.backups.mode is BackupMode.NONE:
        yield paragraph(say("Opnames zitten niet in een back-up.", "Recordings are in no backup."))
    else:
        yield paragraph(
            say(
                "Er is een kopie op een tweede computer. Die wordt op hetzelfde moment gewist.",
                "There is a copy on a second machine. It is erased at the same moment.",
            )
        )
    if longer := tuple(line for line in exceptions(policy, language)):
        yield paragraph(
            say("Eén opname kan langer blijven, alleen zo:", "One recording can stay longer, only so:")
        )
        yield Items(longer)
    yield from notes(policy, language, "retention", "extensions", "holds", "backups")


def exceptions(policy: Policy, language: Language) -> Iterator[Line]:
    """Say in which cases one recording stays longer, the laws' cases last."""
    say = speaker(language)
    yield from (_extension(policy, extension, language) for extension in policy.extensions)
    yield from (_hold(policy, reason, language) for reason in policy.holds.reasons.values())
    if policy.hardship is not None:
        yield (
            say(
                "Als vasthouden aan de regels onevenredig zou zijn, voor hoogstens ",
                "If keeping to the rules would be disproportionate, for at most ",
            ),
            term_in_words(policy.hardship.longest, language),
            say(". Wij leggen vast waarom en wie dat besliste: ", ". We record why and who decided: "),
            Quote(titles_of(policy, policy.hardship.approved_by)),
            ".",
        )
    for deviation in policy.granted_deviations:
        yield (
            say(
                f"Van {deviation.approved_on} tot en met {deviation.until} wijken wij af van"
                f" {deviation.deviates_from}: ",
                f"From {deviation.approved_on} up to and including {deviation.until} we deviate from"
                f" {deviation.deviates_from}: ",
            ),
            Quote(quoted(deviation.finding)),
            say(" Goedgekeurd door ", " Approved by "),
            Quote(deviation.approved_by),
            ".",
        )
    yield (
        say("In deze gevallen eist een wet het: ", "In these cases a law requires it: "),
        "; ".join(reason.description[language.value] for reason in HOLDS_BY_LAW.values()),
        ".",
        say(
            " Onze tekst noemt een vast einde. Zo'n wet wijkt daarvan af, en dat leggen wij vast.",
            " Our text promises a fixed end. Such a law deviates from it, and we put that on record.",
        )
        if policy.retention.fixed_end
        else "",
    )


def _extension(policy: Policy, extension: Extension, language: Language) -> Line:
    say = speaker(language)
    lasts = term_in_words(extension.lasts, language)
    end_of_term = extension.counts_from is CountsFrom.END_OF_TERM
    return (
        say("Eén keer, ", "Once, "),
        lasts,
        say(" na het einde van de gewone termijn", " after the end of the ordinary term")
        if end_of_term
        else say(" vanaf het besluit", " from the decision on"),
        say(". Dit gesprek wijst aan: ", ". Who points the call out: "),
        Quote(titles_of(policy, (extension.indicated_by,))),
        say(". Wie beslist: ", ". Who decides: "),
        Quote(titles_of(policy, (extension.decided_by,))),
        say(". Daarna wissen wij de opname alsnog.", ". After that we erase the recording all the same."),
    )


def _hold(policy: Policy, reason: HoldReason, language: Language) -> Line:
    say = speaker(language)
    return (
        reason.description[language.value],
        say(", voor hoogstens ", ", for at most "),
        term_in_words(reason.longest, language),
        say(" per besluit" if reason.renewable else "", " a decision" if reason.renewable else ""),
        say(". Wie beslist: ", ". Who decides: "),
        Quote(titles_of(policy, reason.decided_by)),
        ".",
    )
