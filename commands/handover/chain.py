"""A chain of custody as rows, for people."""

from __future__ import annotations

from commands.frame.records import Row

CUSTODY = ("step", "by", "at", "told")


def chain_of(row: Row) -> list[Row]:
    """Return the steps of a hand-over or an order, each with what is told of it besides who and when."""
    return [
        {**{key: step.get(key) for key in ("step", "by", "at")}, "told": _told(step)}
        for step in row["custody"]
    ]


def _told(step: Row) -> str | None:
    digests = [f"{copy['kind']} {copy['sha256']}" for copy in step.get("copies", ())]
    words = [str(step[key]) for key in ("why", "to", "officer", "how", "ending") if step.get(key)]
    return "; ".join((*words, *digests)) or None
