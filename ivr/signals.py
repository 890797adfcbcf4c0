"""What an agent hears when a key of theirs was taken: a few tones, in no language, that nobody else hears.

flagged    two tones that rise
paused     two tones that fall; what is said now is not in the recording
resumed    the same two, rising: now it is again
not_done   three low ones: the key asked for what cannot be done now, or was not theirs to ask
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final


class Signal(Enum):
    """What became of what an agent's key asked for."""

    FLAGGED = "flagged"
    PAUSED = "paused"
    RESUMED = "resumed"
    NOT_DONE = "not_done"


TONES: Final[Mapping[Signal, Sequence[tuple[int, int]]]] = {
    Signal.FLAGGED: ((880, 150), (1320, 250)),
    Signal.PAUSED: ((660, 150), (440, 250)),
    Signal.RESUMED: ((440, 150), (660, 250)),
    Signal.NOT_DONE: ((220, 150), (0, 80), (220, 150), (0, 80), (220, 150)),
}
"""Pairs of Hz and milliseconds; 0 Hz is silence."""


def tone_of(signal: Signal) -> str:
    """Return a signal as Asterisk's list of tones, each played once.

    Source: Asterisk 22, main/indications.c: `!` in front of a tone keeps it from being repeated, and `|`
    parts tones as well as a comma does, at which ARI would part media.
    """
    return "|".join(f"!{hz}/{ms}" for hz, ms in TONES[signal])


def duration_ms(signal: Signal) -> int:
    """Return how long a signal is."""
    return sum(ms for _, ms in TONES[signal])
