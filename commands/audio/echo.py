"""How much of a silenced party is still heard: what their voice left in the other channel.

Silencing a channel takes out what its microphone took in. A telephone that is held loosely, or a
loudspeaker, carries the same voice into the other party's microphone; that part is measured here
and stated beside the copy, not removed: who fades it tells where it was.

    c(lag) = sum over time of kept(t) * silenced(t - lag)        by FFT, summed over blocks
    gain   = largest |c(lag)| for lag within 1 s, over the energy of the silenced channel

Voices that have nothing to do with each other correlate a little, too. How much is seen at lags
at which no echo can be; nothing is called an echo that does not stand out from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

Samples: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]

LONGEST_ECHO_S: Final = 1.0
BLOCK_S: Final = 2.0
STANDS_OUT: Final = 1.5
"""How many times higher than chance a correlation is before it counts as an echo."""
_LEAST_DB: Final = -90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """What is left of a silenced voice.

    Attributes:
        found: Whether anything stands out from chance.
        level_db: How loud against the voice itself; where nothing is found, below which it would be missed.
        lag_ms: How much later it is heard; None where nothing is found.
    """

    found: bool
    level_db: float
    lag_ms: int | None

    def to_json(self) -> dict[str, bool | float | int | str | None]:
        """Return the measurement as it stands in a manifest."""
        says = (
            f"the silenced voice is heard in the other channel, {-self.level_db:.0f} dB softer"
            if self.found
            else f"nothing of the silenced voice was found down to {-self.level_db:.0f} dB below it"
        )
        return {
            "found": self.found,
            "level_db": round(self.level_db, 1),
            "lag_ms": self.lag_ms,
            "says": says,
        }


class EchoMeter:
    """Hears a recording block by block; holds four seconds of it, however long it is.

    Args:
        rate_hz: Samples a second.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._block = int(BLOCK_S * rate_hz)
        self._cross = np.zeros(self._block + 1, dtype=np.complex128)
        self._energy = 0.0
        self._before: Samples = np.zeros(self._block)
        self._kept: Samples = np.zeros(0)
        self._silenced: Samples = np.zeros(0)

    def hear(self, kept: Samples, silenced: Samples) -> None:
        """Take in what follows: equally many samples of both channels, from -1 to 1."""
        self._kept = np.concatenate([self._kept, kept])
        self._silenced = np.concatenate([self._silenced, silenced])
        while len(self._kept) >= self._block:
            self._take(self._kept[: self._block], self._silenced[: self._block])
            self._kept, self._silenced = self._kept[self._block :], self._silenced[self._block :]

    def measure(self) -> Echo:
        """Return what was found in all that was heard."""
        rest = self._block - len(self._kept)
        if rest < self._block:
            self._take(np.pad(self._kept, (0, rest)), np.pad(self._silenced, (0, rest)))
            self._kept = self._silenced = np.zeros(0)
        if self._energy == 0.0:
            return Echo(found=False, level_db=_LEAST_DB, lag_ms=None)
        correlation = np.abs(np.fft.irfft(self._cross, 2 * self._block))[: self._block]
        longest = int(LONGEST_ECHO_S * self._rate_hz)
        lag = int(np.argmax(correlation[:longest]))
        chance = float(np.max(correlation[longest + longest // 4 :]))
        if correlation[lag] <= STANDS_OUT * chance:
            return Echo(found=False, level_db=self._level_db(STANDS_OUT * chance), lag_ms=None)
        return Echo(
            found=True,
            level_db=self._level_db(float(correlation[lag])),
            lag_ms=lag * 1000 // self._rate_hz,
        )

    def _take(self, kept: Samples, silenced: Samples) -> None:
        # Two blocks of the one against the later half of the other: lags up to a block do not wrap round.
        history = np.concatenate([self._before, silenced])
        later = np.concatenate([np.zeros(self._block), kept])
        self._cross += np.conj(np.fft.rfft(history)) * np.fft.rfft(later)
        self._energy += float(np.dot(silenced, silenced))
        self._before = silenced

    def _level_db(self, correlation: float) -> float:
        return max(_LEAST_DB, 20 * math.log10(max(correlation / self._energy, 1e-9)))
