"""Policies as a test writes them: a short sound file, and what a test adds to it."""

from __future__ import annotations

from pathlib import Path

from policy.load import load_policy
from policy.model import Policy

SHORT = """
source = "art. 1"
numbers = ["14010"]
[identity]
organisation = "gemeente Kort"
title = "Kort protocol"
statement = "kort punt example"
[consent]
mode = "announce"
[notice]
text.nl = "Opname {why}. {how_to_withdraw} {statement}."
why.nl = "voor hulp"
how_to_withdraw.nl = "Stoppen: ster 9."
[withdrawn]
text.nl = "De opname is gestopt en gewist."
[agent_recorded]
text.nl = "Dit gesprek wordt opgenomen."
[agent_not_recorded]
text.nl = "Geen opname."
[retention]
recording = "7d"
call_data = "3m"
"""


def written(folder: Path, more: str = "", *, name: str = "kort", without: str = "") -> Policy:
    """Return the short policy with some tables more, and some text less."""
    path = folder / f"{name}.toml"
    path.write_text(SHORT.replace(without, "", 1) + more, encoding="utf-8")
    return load_policy(path)
