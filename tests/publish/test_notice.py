"""The notice script: the very words, to whom, and their hashes."""

from __future__ import annotations

from policy.model import Policy
from publish.notice import notice_script
from publish.words import Language


def test_every_prompt_stands_there_with_its_words_and_hash(policy: Policy, language: Language) -> None:
    script = notice_script(policy, language)
    for prompt in policy.prompts:
        assert f"  {policy.spoken(prompt, language.value)}\n" in script
        assert f"  sha256 {policy.text_hash(prompt, language.value)}\n" in script
    assert "{" not in script


def test_the_key_and_its_window_are_told_or_that_there_is_none(eindhoven: Policy, policy: Policy) -> None:
    assert "De toets 1 telt vanaf de eerste klank tot 3 s na de laatste." in notice_script(
        eindhoven, Language.NL
    )
    if policy.consent.refuse_key is None:
        assert notice_script(policy, Language.NL).endswith("Er is geen toets om te kiezen.\n")
