"""Names as a policy gives them: titles of roles, texts in a language, codes as people say them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from policy.identity import DataCategory
from policy.model import Policy
from policy.purposes import Purpose
from publish.words import OR, Language, Said, listed, speaker

_KEPT_OF_EVERY_CALL: Final = (DataCategory.PHONE_NUMBER, DataCategory.DATE, DataCategory.DURATION)
"""Rows of `calls` hold them whatever a text says, so a page that leaves them out would not be true."""


def missing_texts(policy: Policy, language: Language) -> tuple[str, ...]:
    """Return one line for each text that a page in this language needs and the policy lacks."""
    return tuple(f"{policy.name}.toml: {line}" for line in _missing(policy, language.value))


def title_of(policy: Policy, role: str) -> str:
    """Return what the organisation calls a role; the bare name where nothing declares it."""
    known = policy.access.roles.get(role) if policy.access is not None else None
    return role.replace("_", " ") if known is None else known.title


def titles_of(policy: Policy, roles: Iterable[str], joint: Said = OR) -> str:
    """Return the titles of roles, the last two joined in Dutch, for titles are Dutch."""
    return listed((title_of(policy, role) for role in roles), Language.NL, joint)


def purposes_of(policy: Policy) -> Mapping[str, Purpose]:
    """Return every purpose by name, the organisation's own first."""
    return {**policy.purposes, **policy.all_purposes}


def call_data_of(policy: Policy) -> tuple[DataCategory, ...]:
    """Return what is kept about a call: what the policy names, and what the program keeps of every call."""
    return tuple(dict.fromkeys((*policy.data.call_data, *_KEPT_OF_EVERY_CALL)))


def purpose_in_words(purpose: Purpose, language: Language) -> str:
    """Return what a purpose is, as it is published."""
    return purpose.description[language.value]


def code_in_words(code: str, language: Language) -> str:
    """Return `sterretje 9 (*9)` for `*9`."""
    say = speaker(language)
    signs = {"*": say("sterretje", "star"), "#": say("hekje", "hash")}
    return f"{' '.join(signs.get(sign, sign) for sign in code)} ({code})"


def _missing(policy: Policy, language: str) -> Iterator[str]:
    wanted = f"must be there to publish in this language ({language}), got nothing"
    for prompt in policy.prompts:
        if language not in getattr(policy, prompt).text:
            yield f"{prompt}.text.{language}: {wanted}"
    for name, purpose in policy.all_purposes.items():
        if language not in purpose.description:
            yield f"purposes.{name}.description.{language}: {wanted}"
    for name, reason in policy.hold_reasons.items():
        if language not in reason.description:
            yield f"holds.reasons.{name}.description.{language}: {wanted}"
