"""Who hears a recording, and who outside gets anything of it."""

from __future__ import annotations

from collections.abc import Iterator

from policy.access import Access, Action, Calls, Denial, Grant
from policy.model import Policy
from policy.reviews import Reviews
from policy.sharing import PoliceWhen
from publish.contradictions import notes, quoted
from publish.naming import purpose_in_words, title_of, titles_of
from publish.page import Block, Heading, Items, Line, Quote, Strong, Table, paragraph
from publish.words import AND, OR, Language, in_words, listed, speaker, term_in_words


def listeners(policy: Policy, language: Language) -> Iterator[Block]:
    """Say who hears a recording, for what, and under which conditions."""
    say = speaker(language)
    yield Heading(say("Wie luistert ernaar?", "Who listens to it?"))
    if policy.access is None:
        yield paragraph(say("Niemand.", "Nobody."))
        return
    yield paragraph(say("Alleen deze mensen, en niemand anders:", "These people and nobody else:"))
    yield Table(
        (
            say("Wie", "Who"),
            say("Mag dit", "May do this"),
            say("Waarvoor", "What for"),
            say("Alleen als", "Only if"),
        ),
        tuple(_row(policy, grant, language) for grant in _doors(policy.access)),
    )
    if policy.access.denials:
        yield paragraph(say("Hier geldt wat in onze tekst staat:", "This is never allowed:"))
        yield Items(tuple(_denial(denial, language) for denial in policy.access.denials.values()))
    if policy.reviews is not None:
        yield from _reviewing(policy, policy.reviews, language)
    yield paragraph(
        say(
            "Wie luistert, staat met naam, tijd en reden in een logboek. Dat kan niemand ongemerkt"
            " veranderen.",
            "Whoever listens is on a log by name, time and reason. Nobody can change it unnoticed.",
        )
    )
    yield from notes(policy, language, "access", "reviews")


def sharing(policy: Policy, language: Language) -> Iterator[Block]:
    """Say with whom data are shared."""
    say = speaker(language)
    yield Heading(say("Met wie delen wij dit?", "With whom do we share this?"))
    yield Items(tuple(recipients(policy, language)))
    yield from notes(policy, language, "sharing", "incidents")


def recipients(policy: Policy, language: Language) -> Iterator[Line]:
    """Say who outside the organisation gets what, and when."""
    say = speaker(language)
    police, others = policy.sharing.police, policy.sharing.third_parties
    if police.when is PoliceWhen.NEVER or police.content is None:
        told = police.denial.get(language.value)
        never = say("nooit uit eigen beweging.", "never of our own accord.")
        yield (Strong(say("Politie:", "Police:")), " ", never if told is None else told)
    else:
        what, when = in_words(police.content, language), in_words(police.when, language)
        decides = say(f"{what}, {when}. Wie beslist: ", f"{what}, {when}. Who decides: ")
        yield (
            Strong(say("Politie:", "Police:")),
            " ",
            decides,
            Quote(titles_of(policy, police.decided_by)),
            say(". Een tweede persoon kijkt mee.", ". A second person checks."),
        )
    cases = listed((in_words(when, language) for when in others.when), language, OR)
    yield (
        Strong(say("Anderen:", "Others:")),
        " ",
        f"{say('alleen', 'only')} {cases}." if cases else _nobody(language),
    )
    for recipient in policy.sharing.recipients:
        yield (Quote(recipient.name), ": ", Quote(recipient.why), ".")
    if (processor := policy.identity.processor) is not None:
        yield (
            Quote(processor.name),
            say(
                ": neemt voor ons op, en doet alleen wat wij vragen (",
                ": records for us, and does only what we ask (",
            ),
            Quote(processor.agreement),
            ").",
        )
    name = policy.incidents.register_name
    told_already = any(name is not None and name in one.name for one in policy.sharing.recipients)
    if name is not None and not policy.incidents.audio_in_register and not told_already:
        yield (
            Quote(name),
            say(
                ": ons register van incidenten. Daar staan gegevens uit het gesprek in, nooit de opname.",
                ": our register of incidents. It holds data from the call, never the recording.",
            ),
        )


def _nobody(language: Language) -> str:
    return speaker(language)("niemand.", "nobody.")


def _doors(access: Access) -> Iterator[Grant]:
    """Give the grants inside the organisation; a hand-over is told under sharing."""
    yield from (grant for grant in access.grants.values() if grant.actions != (Action.HAND_OVER,))


def _row(policy: Policy, grant: Grant, language: Language) -> tuple[Line, ...]:
    known = policy.all_purposes
    more = tuple(action for action in grant.actions if action is not Action.FIND)
    actions = more or grant.actions
    purposes = [purpose_in_words(known[name], language) for name in grant.purposes if name in known]
    may_do = listed((in_words(action, language) for action in actions), language)
    return (
        (Quote(titles_of(policy, grant.roles)),),
        (f"{may_do}: {_calls(grant, language)}",),
        ("; ".join(purposes),),
        _conditions(policy, grant, language),
    )


def _calls(grant: Grant, language: Language) -> str:
    incidents = listed((in_words(kind, language) for kind in grant.incidents), language, OR)
    told = []
    for calls in grant.calls:
        about = f" ({incidents})" if incidents and calls in (Calls.FLAGGED, Calls.KEPT) else ""
        told.append(in_words(calls, language) + about)
    return listed(told, language)


def _conditions(policy: Policy, grant: Grant, language: Language) -> Line:
    say = speaker(language)
    named = (
        (say("samen met: ", "together with: "), grant.together_with, AND),
        (say("op verzoek van: ", "asked by: "), grant.on_request_of, OR),
        (say("geopend door: ", "opened by: "), grant.via, OR),
        (say("goedgekeurd door: ", "approved by: "), grant.approval_by, OR),
    )
    told: list[Line] = [
        (what, Quote(titles_of(policy, roles, joint))) for what, roles, joint in named if roles
    ]
    if grant.agents_yes:
        told.append((say("de medewerker van het gesprek ja zei", "the agent of the call said yes"),))
    if grant.recording_impossible:
        told.append((say("opnemen door een storing niet kan", "a fault makes recording impossible"),))
    line: list[str | Quote | Strong] = []
    for condition in told:
        line += ["; ", *condition] if line else list(condition)
    return tuple(line) or ("-",)


def _denial(denial: Denial, language: Language) -> Line:
    """Quote the published sentence; the rule itself is written in English in the policy file."""
    if language is Language.NL:
        return (Quote(f"„{quoted(denial.quote)}”"),)
    return (f"{denial.says}. ", Quote(f"„{quoted(denial.quote)}”"))


def _reviewing(policy: Policy, reviews: Reviews, language: Language) -> Iterator[Block]:
    say = speaker(language)
    pieces: list[str | Quote | Strong] = [
        say("Wie beoordeelt, kijkt naar ", "Reviewers look at "),
        in_words(reviews.judged, language),
        ".",
    ]
    if reviews.criteria:
        pieces += [say(" Het formulier: ", " The form: "), Quote(", ".join(reviews.criteria)), "."]
    if reviews.content_criteria:
        on_content = Quote(", ".join(reviews.content_criteria))
        pieces += [say(" Over de inhoud gaat: ", " On content: "), on_content, "."]
    if reviews.at_most_every is not None and reviews.at_least_every is not None:
        soonest = term_in_words(reviews.at_most_every, language)
        latest = term_in_words(reviews.at_least_every, language)
        pieces.append(
            say(
                f" Dat gebeurt per medewerker hooguit eens per {soonest}, en minstens eens per {latest}.",
                f" For each agent this happens at most once in {soonest}, and at least once in {latest}.",
            )
        )
    yield paragraph(*pieces)
    if reviews.viewers:
        yield Items(
            tuple(
                (Quote(title_of(policy, viewer.role)), " ", in_words(viewer.sees, language), ".")
                for viewer in reviews.viewers
            )
        )
