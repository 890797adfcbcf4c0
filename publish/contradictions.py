"""What the published text contradicts itself in: shown where it matters, never smoothed (E8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policy.identity import Conflict
from policy.model import Policy
from publish.page import Note, Quote, Strong
from publish.words import Language, speaker


def notes(policy: Policy, language: Language, *about: str) -> Iterator[Note]:
    """Return a note for each contradiction about one of these tables.

    Args:
        policy: The policy.
        language: Of the page; the passages themselves stay in the words of the text.
        about: First words of keys, such as `sharing`.
    """
    yield from (_note(conflict, language) for conflict in policy.conflicts if _first_word(conflict) in about)


def others(policy: Policy, language: Language, *shown: str) -> Sequence[Note]:
    """Return a note for each contradiction about none of these tables."""
    return [_note(conflict, language) for conflict in policy.conflicts if _first_word(conflict) not in shown]


def _first_word(conflict: Conflict) -> str:
    return conflict.about.partition(".")[0]


def _note(conflict: Conflict, language: Language) -> Note:
    say = speaker(language)
    return Note(
        (
            (
                Strong(
                    say(
                        "Hier spreekt onze eigen tekst zichzelf tegen.",
                        "Here our own text contradicts itself.",
                    )
                ),
            ),
            (say("Er staat: ", "It says: "), Quote(f"„{conflict.says}”")),
            (say("En er staat: ", "And it says: "), Quote(f"„{conflict.but}”")),
            (say("Zo doen wij het nu: ", "What we do for now: "), Quote(quoted(conflict.obeyed))),
        )
    )


def quoted(text: str) -> str:
    """Return a text in which the back-quotes of a policy file are quotation marks."""
    inside = False
    letters = []
    for letter in text:
        if letter != "`":
            letters.append(letter)
            continue
        letters.append("”" if inside else "„")
        inside = not inside
    return "".join(letters)
