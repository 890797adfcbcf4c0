"""The notice script: the very words said on the line, for whoever speaks them and whoever approves them."""

from __future__ import annotations

from policy.model import Policy, PromptName
from policy.rules import deciding_key
from publish.words import Language, Said, speaker

_WHO_HEARS: dict[PromptName, Said] = {
    "notice": Said("De beller, voor de opname begint", "The caller, before recording begins"),
    "withdrawn": Said(
        "Beiden, als de opname is gestopt en gewist", "Both, when the recording was stopped and erased"
    ),
    "restricted": Said(
        "Beiden, als de opname is gestopt en afgesloten bewaard blijft",
        "Both, when the recording was stopped and is kept closed",
    ),
    "agent_recorded": Said(
        "De medewerker, als het gesprek wordt opgenomen", "The agent, when the call is recorded"
    ),
    "agent_not_recorded": Said(
        "De medewerker, als het gesprek niet wordt opgenomen", "The agent, when it is not recorded"
    ),
}


def notice_script(policy: Policy, language: Language) -> str:
    """Return the script as plain text: what is said to whom, and the hash by which it is kept (X8)."""
    say = speaker(language)
    code = language.value
    lines = [
        say(
            f"Spreektekst van {policy.identity.organisation}",
            f"What {policy.identity.organisation} says on the line",
        ),
        say(
            f"Beleid {policy.name}, versie {policy.content_hash[:12]}",
            f"Policy {policy.name}, version {policy.content_hash[:12]}",
        ),
        say(f"Nummers: {', '.join(policy.numbers)}", f"Numbers: {', '.join(policy.numbers)}"),
        "",
    ]
    for prompt in policy.prompts:
        lines += [
            f"[{prompt}] {_WHO_HEARS[prompt].in_(language)}",
            f"  {policy.spoken(prompt, code)}",
            f"  sha256 {policy.text_hash(prompt, code)}",
            "",
        ]
    lines.append(_afterwards(policy, language))
    return "\n".join(lines) + "\n"


def _afterwards(policy: Policy, language: Language) -> str:
    say, key = speaker(language), deciding_key(policy.consent)
    if key is None:
        return say("Er is geen toets om te kiezen.", "There is no key to choose.")
    window_s = f"{policy.consent.reply_window_ms / 1000:g}"
    return say(
        f"De toets {key} telt vanaf de eerste klank tot {window_s.replace('.', ',')} s na de laatste.",
        f"Key {key} counts from the first sound until {window_s} s after the last.",
    )
