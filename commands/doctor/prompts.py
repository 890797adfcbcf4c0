"""What `doctor` and `prompts check` find in the folder of prompts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from commands.doctor.diagnosis import Check, note, ok, problem
from ivr.prompts import PromptLibrary, PromptUnfit
from policy.model import Policy, PromptName
from policy.vocabulary import Voice

_ADVICE = "consentline prompts build"


def prompt_checks(folder: Path, policies: Iterable[Policy], *, for_real: bool = False) -> list[Check]:
    """Return a check for each prompt of each policy in each language.

    Args:
        folder: Of the prompts.
        policies: Whose.
        for_real: Callers hear them: placeholder speech is a problem then.
    """
    library = PromptLibrary(folder)
    return [
        _prompt(library, policy, prompt, language, for_real=for_real)
        for policy in policies
        for language in sorted(policy.notice.text)
        for prompt in policy.prompts
    ]


def _prompt(
    library: PromptLibrary, policy: Policy, prompt: PromptName, language: str, *, for_real: bool
) -> Check:
    name = f"prompt {policy.name}/{language}/{prompt}"
    try:
        duration_ms = library.prepare(policy, prompt, language).duration_ms
        manifest = library.read_manifest(policy, prompt, language)
    except PromptUnfit as unfit:
        return problem(name, unfit.problem, _ADVICE)
    length = f"{duration_ms / 1000:.1f} s"
    if manifest.voice is Voice.PLACEHOLDER:
        found = f"{length}, placeholder: synthetic speech"
        return (problem if for_real else note)(name, found, "record it, see: prompts build --wav")
    return ok(name, f"{length}, attested by {manifest.attested_by}")
