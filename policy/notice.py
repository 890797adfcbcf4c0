"""What is said on the line."""

from __future__ import annotations

from pydantic import Field

from policy.section import LanguageTag, Section, Text


class Spoken(Section):
    """One thing that is said, in each language.

    Attributes:
        text: A template for each language, Dutch always. Slots: `{organisation}`, `{why}`, `{statement}`,
            `{refuse_key}`, `{accept_key}`, `{how_to_withdraw}`.
    """

    text: dict[LanguageTag, Text] = Field(min_length=1)


class Notice(Spoken):
    """What the caller hears before anything is recorded.

    Attributes:
        default_language: Spoken when there is no text in the channel's language.
        why: What fills `{why}`, for each language.
        how_to_withdraw: What fills `{how_to_withdraw}`, for each language.
    """

    default_language: LanguageTag = "nl"
    why: dict[LanguageTag, Text] = Field(min_length=1)
    how_to_withdraw: dict[LanguageTag, Text] = Field(default_factory=dict)
