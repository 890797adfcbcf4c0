"""What the commands on words share: the kinds, and how a word is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.frame.table import show

KINDS = ("request", "opening", "approval", "company", "yes")
COLUMNS = ("word", "kind", "stage", "from", "to", "action", "purpose", "recording_id", "reason", "until")


def show_word(word: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one word."""
    show([word], COLUMNS, as_json=as_json, title="words")
