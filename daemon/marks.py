"""The durable marks that the dialplan and the AGI scripts leave when the daemon is away.

    gate-<uniqueid>       "<uniqueid> <policy or called number> <unix seconds>"
    withdraw-<recording>  "<recording id> <caller_key|agent_key>"

A withdrawal whose content cannot be read, or is not ours, still counts: its name says of which recording.
A mark is removed only after what it says is committed; taking one in twice is harmless.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from policy.vocabulary import CallId, RecordingId, WithdrawnBy

UNREADABLE = ".unreadable"
"""What a file that is no mark is renamed to, for a person to look at."""

_GATE = re.compile(r"([A-Za-z0-9._-]{1,150}) ([a-z0-9+-]{0,40}) ([0-9]{9,11})")
_WITHDRAW_NAME = re.compile(r"withdraw-([0-9a-f]{32})")
_WITHDRAW = re.compile(r"([0-9a-f]{32}) (caller_key|agent_key)")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateMark:
    """A call went through a gate while the daemon was away.

    Attributes:
        policy_or_number: The argument of the gate where there was one, else the number dialled.
    """

    path: Path
    call_id: CallId
    policy_or_number: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawMark:
    """A party withdrew while the daemon was away; the tape was stopped and unlinked.

    Attributes:
        readable: Whether its content said so, and not its name alone.
    """

    path: Path
    recording_id: RecordingId
    by: WithdrawnBy
    readable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableMark:
    """A file that is no mark, or not a whole one yet."""

    path: Path


Mark = GateMark | WithdrawMark | UnreadableMark


def marks(folder: Path) -> Iterator[Mark]:
    """Yield the marks in a folder by name, so that gates come before withdrawals."""
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".new", UNREADABLE):
            yield _parse(path)


def _parse(path: Path) -> Mark:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return _by_name(path)
    if match := _GATE.fullmatch(text):
        at = datetime.fromtimestamp(int(match[3]), UTC)
        return GateMark(path=path, call_id=CallId(match[1]), policy_or_number=match[2], at=at)
    if match := _WITHDRAW.fullmatch(text):
        return WithdrawMark(path=path, recording_id=RecordingId(match[1]), by=WithdrawnBy(match[2]))
    return _by_name(path)


def _by_name(path: Path) -> Mark:
    """Return what a file is by its name alone; a withdrawal appears under its name only when it is whole."""
    if match := _WITHDRAW_NAME.fullmatch(path.name):
        recording_id, by = RecordingId(match[1]), WithdrawnBy.DIALPLAN
        return WithdrawMark(path=path, recording_id=recording_id, by=by, readable=False)
    return UnreadableMark(path=path)
