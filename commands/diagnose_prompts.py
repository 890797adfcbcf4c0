"""What `doctor` and `prompts check` find in the folder of prompts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from asterisk_conf.render import PATIENCE_S
from commands.diagnosis import Check, note, ok, problem
from ivr.prompts import PromptLibrary, PromptUnfit
from policy.model import PROMPT_NAMES, Policy, PromptName
from policy.vocabulary import Voice

_MARGIN_MS = 5000
_ADVICE = "consentline prompts build"


def prompt_checks(folder: Path, policies: Iterable[Policy]) -> list[Check]:
    """Return a check for each prompt of each policy in each language."""
    library = PromptLibrary(folder)
    return [
        check
        for policy in policies
        for language in sorted(policy.notice.text)
        for prompt in PROMPT_NAMES
        for check in _prompt(library, policy, prompt, language)
    ]


def _prompt(library: PromptLibrary, policy: Policy, prompt: PromptName, language: str) -> list[Check]:
    name = f"prompt {policy.name}/{language}/{prompt}"
    try:
        duration_ms = library.prepare(policy, prompt, language).duration_ms
        manifest = library.read_manifest(policy, prompt, language)
    except PromptUnfit as unfit:
        return [problem(name, unfit.problem, _ADVICE)]
    length = f"{duration_ms / 1000:.1f} s"
    if manifest.voice is Voice.PLACEHOLDER:
        found = f"{length}, placeholder: synthetic speech"
        checks = [note(name, found, "record it, see: prompts build --wav")]
    else:
        checks = [ok(name, f"{length}, attested by {manifest.attested_by}")]
    whole_ms = duration_ms + policy.consent.reply_window_ms + _MARGIN_MS
    if prompt == "notice" and whole_ms > PATIENCE_S * 1000:
        found = f"with its reply window it takes {whole_ms / 1000:.0f} s, the dialplan waits {PATIENCE_S} s"
        checks.append(note(name, found, "shorten it, or raise CONSENTLINE_PATIENCE_S in the dialplan"))
    return checks
