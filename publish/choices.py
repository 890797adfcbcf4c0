"""What a caller hears, and how a caller says no: before, during and after the call."""

from __future__ import annotations

from collections.abc import Iterator

from policy.consent import OnIncident
from policy.model import Policy
from policy.purposes import Ground
from policy.scope import Direction
from policy.vocabulary import ConsentMode
from publish.contradictions import notes
from publish.naming import code_in_words
from publish.page import Block, Heading, Items, Line, Strong, paragraph
from publish.words import Language, speaker, term_in_words


def hearing(policy: Policy, language: Language) -> Iterator[Block]:
    """Say what is heard on the line."""
    say = speaker(language)
    yield Heading(say("Wat hoort u?", "What do you hear?"))
    yield paragraph(say("Voordat wij opnemen, hoort u dit:", "Before we record, you hear this:"))
    yield Items(((Strong(policy.spoken("notice", language.value)),),))
    yield paragraph(
        say(
            "Hebt u dit niet helemaal gehoord? Dan nemen wij niet op. ",
            "Did you not hear all of it? Then we do not record. ",
        ),
        say("De medewerker hoort het ook: „{}” of „{}”", "The agent is told as well: “{}” or “{}”").format(
            policy.spoken("agent_recorded", language.value),
            policy.spoken("agent_not_recorded", language.value),
        ),
    )


def refusing(policy: Policy, language: Language) -> Iterator[Block]:
    """Say how a caller refuses."""
    say, consent = speaker(language), policy.consent
    yield Heading(say("Hoe weigert u de opname?", "How do you refuse?"))
    window_s = _seconds(consent.reply_window_ms, language)
    match consent.mode:
        case ConsentMode.OPT_OUT:
            yield paragraph(
                say(
                    f"Toets een {consent.refuse_key} tijdens de melding, of binnen {window_s} erna. Dan nemen"
                    " wij niet op. Toetst u niets? Dan hebt u geen bezwaar gemaakt, en nemen wij het gesprek"
                    " op. Weigeren heeft geen gevolgen: wij helpen u net zo goed.",
                    f"Press {consent.refuse_key} during the notice or within {window_s} after it. Then we do"
                    " not record. Do you press nothing? Then you did not object, and we record the call."
                    " Refusing has no consequences: we help you just as well.",
                )
            )
        case ConsentMode.OPT_IN:
            yield paragraph(
                say(
                    f"Wij nemen alleen op als u een {consent.accept_key} toetst, tijdens de melding of binnen"
                    f" {window_s} erna. Toetst u niets? Dan nemen wij niet op. Dat heeft geen gevolgen.",
                    f"We record only if you press {consent.accept_key}, during the notice or within"
                    f" {window_s} after it. Do you press nothing? Then we do not record. That has no"
                    " consequences.",
                )
            )
        case ConsentMode.ANNOUNCE:
            yield paragraph(*_without_a_key(policy, language))
    yield from notes(policy, language, "consent", "notice")


def withdrawing(policy: Policy, language: Language) -> Iterator[Block]:
    """Say how a caller takes it back."""
    say, consent = speaker(language), policy.consent
    yield Heading(say("Hoe komt u erop terug?", "How do you take it back?"))
    lines: list[Line] = []
    if consent.withdraw_code is not None:
        code = code_in_words(consent.withdraw_code, language)
        heard = policy.spoken("withdrawn", language.value)
        lines.append(
            (
                say(
                    f"Tijdens het gesprek: toets {code}. Wij stoppen de opname en wissen die. U hoort:"
                    f" „{heard}”",
                    f"During the call: press {code}. We stop the recording and erase it. You hear: “{heard}”",
                ),
            )
        )
    if consent.agent_withdraw_code is not None:
        lines.append(
            (
                say(
                    "Of zeg het tegen de medewerker. Die laat de opname dan wissen.",
                    "Or tell the agent, who then has the recording erased.",
                ),
            )
        )
    if lines and policy.consent.on_incident is OnIncident.RESTRICT:
        heard = policy.spoken("restricted", language.value)
        lines.append(
            (
                say(
                    "Loopt er een melding van bijvoorbeeld agressie, of moeten wij de opname bewaren? Dan"
                    f" stopt de opname en sluiten wij haar af, tot dat voorbij is. U hoort: „{heard}”",
                    "Is a report of, for instance, aggression open, or do we have to keep the recording?"
                    f" Then it stops, and we close it until that is over. You hear: “{heard}”",
                ),
            )
        )
    if not lines:
        lines.append(
            (
                say(
                    "Tijdens het gesprek is er geen toets om de opname te wissen.",
                    "During the call there is no key that erases the recording.",
                ),
            )
        )
    lines += _afterwards(policy, language)
    yield Items(tuple(lines))
    if consent.on_incident is OnIncident.RESTRICT:
        yield paragraph(
            say(
                "Is het gesprek gemeld, bijvoorbeeld om een bedreiging? Of loopt er een besluit om de opname"
                " langer te bewaren? Dan wissen wij niet meteen. De opname gaat dan op slot tot dat is"
                " beoordeeld.",
                "Was the call reported, for instance as a threat? Or is the recording being held? Then we do"
                " not erase it at once. It is locked until that has been assessed.",
            )
        )


def _afterwards(policy: Policy, language: Language) -> Iterator[Line]:
    say, consent = speaker(language), policy.consent
    if consent.refusal_reaches_back is not None:
        window = term_in_words(consent.refusal_reaches_back, language)
        key = consent.refuse_key or consent.accept_key
        yield (
            say(
                f"Of hang op, bel opnieuw en toets {key}. Dan wissen wij ook de opnames van uw gesprekken van"
                f" hooguit {window} daarvoor, als u met hetzelfde nummer belt.",
                f"Or hang up, call again and press {key}. We then also erase the recordings of your calls of"
                f" at most {window} before, if you call from the same number.",
            ),
        )
    yield (
        say(
            "Na het gesprek: vraag ons om de opname te wissen. Bij „Uw rechten” leest u hoe.",
            "After the call: ask us to erase the recording. “Your rights” says how.",
        ),
    )
    if Ground.CONSENT in policy.recording_grounds:
        yield (
            say(
                "Wat er vóór die tijd met de opname is gedaan, blijft geldig.",
                "What was done with the recording before then stays valid.",
            ),
        )


def _without_a_key(policy: Policy, language: Language) -> Iterator[str]:
    say = speaker(language)
    yield say(
        "U kunt de opname vooraf niet met een toets weigeren.", "No key refuses the recording beforehand."
    )
    if policy.consent.withdraw_code is not None:
        yield say(
            " Tijdens het gesprek kan het wel: hieronder leest u hoe.",
            " During the call one does: see below.",
        )
    if Direction.CALL_BACK not in policy.scope.directions:
        email = policy.identity.contacts.email
        turn_to = say("Schrijf ons", "Write to us")
        if email is not None:
            turn_to = say(f"Mail naar {email}", f"Mail to {email}")
        yield say(
            f" Wilt u contact zonder opname? {turn_to} en vraag of wij u terugbellen. Dat gesprek nemen wij"
            " niet op.",
            f" Do you want to speak with us unrecorded? {turn_to} and ask us to call you back. We do not"
            " record that call.",
        )


def _seconds(window_ms: int, language: Language) -> str:
    say = speaker(language)
    number = f"{window_ms / 1000:g}"
    unit = say("seconde", "second") if window_ms == 1000 else say("seconden", "seconds")
    return f"{say(number.replace('.', ','), number)} {unit}"
