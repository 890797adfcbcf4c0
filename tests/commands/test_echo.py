"""What a silenced voice leaves in the other channel is found, at its level and lag, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from commands.audio.echo import EchoMeter, Samples

RATE_HZ = 8000


def voice(seed: int, seconds: float = 30.0) -> Samples:
    """Return noise in bursts, coloured as a voice is: unlike any other seed's."""
    random = np.random.default_rng(seed)
    count = int(seconds * RATE_HZ)
    noise = np.convolve(random.standard_normal(count), np.hanning(9), mode="same")
    bursts = np.repeat(random.random(count // 2000 + 1) > 0.5, 2000)[:count]
    sound = noise * bursts
    loudest: Samples = 0.3 * sound / np.max(np.abs(sound))
    return loudest


def delayed(sound: Samples, lag_ms: int) -> Samples:
    lag = lag_ms * RATE_HZ // 1000
    return np.concatenate([np.zeros(lag), sound[: len(sound) - lag]])


def measured(kept: Samples, silenced: Samples, *, piece: int = 5000) -> tuple[bool, float, int | None]:
    meter = EchoMeter(RATE_HZ)
    for start in range(0, len(kept), piece):
        meter.hear(kept[start : start + piece], silenced[start : start + piece])
    echo = meter.measure()
    return echo.found, echo.level_db, echo.lag_ms


@pytest.mark.parametrize(("gain", "lag_ms"), [(0.5, 0), (0.1, 120), (0.05, 430), (0.1, 950)])
def test_an_echo_is_found_at_its_level_and_lag(gain: float, lag_ms: int) -> None:
    agent = voice(1)
    found, level_db, lag = measured(voice(2) + gain * delayed(agent, lag_ms), agent)
    assert found
    assert level_db == pytest.approx(20 * np.log10(gain), abs=1.5)
    assert lag == lag_ms


def test_two_voices_that_leave_nothing_in_each_other_have_no_echo() -> None:
    found, level_db, lag = measured(voice(2), voice(1))
    assert (found, lag) == (False, None)
    assert level_db < -20


def test_the_size_of_the_pieces_does_not_matter() -> None:
    agent = voice(1)
    kept = voice(2) + 0.1 * delayed(agent, 120)
    assert measured(kept, agent, piece=333) == measured(kept, agent, piece=240_000)


def test_a_party_who_was_silent_leaves_nothing() -> None:
    found, level_db, lag = measured(voice(2), np.zeros(30 * RATE_HZ))
    assert (found, level_db, lag) == (False, -90.0, None)


def test_what_is_stated_names_the_level() -> None:
    agent = voice(1)
    meter = EchoMeter(RATE_HZ)
    meter.hear(0.1 * agent, agent)
    stated = meter.measure().to_json()
    assert stated["says"] == "the silenced voice is heard in the other channel, 20 dB softer"
