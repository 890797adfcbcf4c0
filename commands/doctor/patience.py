"""How long the dialplan waits for the gate: the longest notice, its reply window, and five seconds more."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from asterisk_conf.render import PATIENCE_S
from ivr.prompts import PromptLibrary, PromptUnfit
from policy.model import Policy

MARGIN_S = 5

_STATED = re.compile(r"(?<=Set\(CONSENTLINE_PATIENCE_S=)\d+(?=\))")


def needed_s(prompts: Path, policies: Iterable[Policy]) -> int:
    """Return the patience that the notices as they are need, in whole seconds.

    A notice that is not there yet could be as long as the usual patience.
    """
    library = PromptLibrary(prompts)
    needs = [
        _notice_s(library, policy, language) for policy in policies for language in sorted(policy.notice.text)
    ]
    return max(needs, default=PATIENCE_S)


def stated_s(text: str) -> int | None:
    """Return the patience that a dialplan, or a line of it, states; None when it states none."""
    stated = _STATED.search(text)
    return None if stated is None else int(stated[0])


def restated(dialplan: str, patience_s: int) -> str:
    """Return a rendered dialplan with another patience and all else as it was."""
    return _STATED.sub(str(patience_s), dialplan)


def _notice_s(library: PromptLibrary, policy: Policy, language: str) -> int:
    try:
        notice_ms = library.read_manifest(policy, "notice", language).duration_ms
    except PromptUnfit:
        return PATIENCE_S
    return -(-(notice_ms + policy.consent.reply_window_ms) // 1000) + MARGIN_S
