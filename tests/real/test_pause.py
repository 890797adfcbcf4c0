"""On the real PBX: while an agent has paused the recording nothing that is said is in it, of either side.

Both sides speak a tone throughout, so that every fiftieth of a second of what was sealed says whether
somebody was heard in it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sandbox import deadline, ears
from sandbox.fetch import Unpacked
from sandbox.site import Site
from sandbox.softphone import Call
from sandbox.speech import RATE_HZ, TONES_HZ, Samples
from tests.conftest import ROOT
from tests.real.callers import Row, caller_number, export, query, settled, site_of, voice_file
from tests.real.withdrawing import Floor, side_by_side, spool_names

SHORT = (ROOT / "tests" / "real" / "policies" / "kort.toml").read_text(encoding="utf-8")
KEPT = (ROOT / "tests" / "real" / "policies" / "bewaard.toml").read_text(encoding="utf-8")
PAUSE = "*7"
AT_MOST_S = 6
FRAME_S = 0.02
AFTER_THE_KEY_S = 0.2
"""The promise: silent from so long after the key."""
NOTED_LATE_S = 0.2
"""A busy machine sees the end of a pause that much later than Asterisk; the number is measured by itself."""
LEAST_RMS = 0.001
KEY_S = 0.3
"""How long a softphone takes to send both digits."""
NUMBER = "moh/tone"
"""A tone of its own stands for what is spoken while it is paused, music on hold among it."""


@pytest.fixture(scope="module")
def site(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two policies that allow six seconds; one keeps what ran while the daemon was away."""
    folder = tmp_path_factory.mktemp("policies")
    more = f"\n[pause]\nat_most_s = {AT_MOST_S}\n"
    (folder / "kort.toml").write_text(SHORT + more, encoding="utf-8")
    (folder / "bewaard.toml").write_text(KEPT + more, encoding="utf-8")
    with site_of(unpacked, sorted(folder.iterdir())) as running:
        print(f"Asterisk {running.asterisk.version()}")
        yield running


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one call with one pause.

    Attributes:
        row: Of the pause.
        silent_s: How long nobody is heard on either side, in what was sealed.
        wanted_s: From the last digit of the one key to that of the other, or what stands for it.
        heard_before_s, heard_after_s: How long somebody is heard outside of that.
        number_s: How long the number is heard, anywhere and by either side.
    """

    row: Row
    silent_s: float
    wanted_s: float
    heard_before_s: float
    heard_after_s: float
    number_s: float


class _Scenes:
    def __init__(self, floor: Floor, folder: Path) -> None:
        self._floor = floor
        self._folder = folder

    def all(self) -> Mapping[str, Callable[[], object]]:
        return {
            "key": lambda: self._by_key("51"),
            "time": lambda: self._by_time("52"),
            "hold": lambda: self._over_hold("53"),
            "transfer": lambda: self._by_transfer("54"),
            "hang up": lambda: self._to_the_end("55"),
        }

    def _by_key(self, digits: str) -> Told:
        caller, agent = self._talk("dial14040", digits)
        began_s = self._pause(caller, agent)
        caller.dtmf("12345")  # a card number typed
        caller.listen(3.0)
        ended_s = self._go_on(caller, agent)
        caller.listen(3.0)
        return self._told(digits, caller, ended_s - began_s)

    def _by_time(self, digits: str) -> Told:
        caller, agent = self._talk("dial14040", digits)
        self._pause(caller, agent)
        caller.listen(AT_MOST_S - 2.0)
        for side in (caller, agent):
            side.say(voice_file("tone"))
        caller.listen(5.0)
        return self._told(digits, caller, AT_MOST_S)

    def _over_hold(self, digits: str) -> Told:
        caller, agent = self._talk("dial14040", digits)
        began_s = self._pause(caller, agent)
        agent.hold()
        caller.listen(1.5)
        agent.unhold()
        caller.listen(1.0)
        ended_s = self._go_on(caller, agent)
        caller.listen(3.0)
        return self._told(digits, caller, ended_s - began_s)

    def _by_transfer(self, digits: str) -> Told:
        """The agent leaves without having ended it: it goes on with whoever is next."""
        caller, agent = self._talk("dial14040", digits)
        began_s = self._pause(caller, agent)
        caller.listen(2.0)
        for side in (caller, agent):
            side.say(voice_file("tone"))
        agent.transfer("103")
        second = self._floor.answered(caller_number(digits), "agent3")
        ended_s = time.monotonic()
        second.say(voice_file("tone"))
        agent.wait("disconnected")
        caller.listen(4.0)
        return self._told(digits, caller, ended_s - began_s)

    def _to_the_end(self, digits: str) -> Told:
        caller, agent = self._talk("phones14040", digits)
        began_s = self._pause(caller, agent)
        caller.listen(3.0)
        return self._told(digits, caller, time.monotonic() - began_s)

    def _talk(self, number: str, digits: str) -> tuple[Call, Call]:
        caller = self._floor.place(number, digits)
        agent = self._floor.answered(caller_number(digits))
        for side in (caller, agent):
            side.say(voice_file("tone"))
        caller.listen(4.0)
        return caller, agent

    def _press(self, agent: Call) -> float:
        """Press the key, and return on the monotonic clock when it was over, as far as one can tell."""
        return agent.dtmf(PAUSE) / 1000 + KEY_S

    def _pause(self, caller: Call, agent: Call) -> float:
        """Pause, and have both sides speak a number from just after the key on; return when that was over."""
        at_s = self._press(agent)
        agent.listen(KEY_S + AFTER_THE_KEY_S)
        for side in (caller, agent):
            side.say(voice_file(NUMBER))
        return at_s

    def _go_on(self, caller: Call, agent: Call) -> float:
        """Speak of something else again, and end the pause."""
        for side in (caller, agent):
            side.say(voice_file("tone"))
        return self._press(agent)

    def _told(self, digits: str, caller: Call, wanted_s: float) -> Told:
        recording_id = self._floor.records.recording_of(digits)
        caller.hang_up()
        settled(self._floor.site, recording_id)
        opened = export(self._floor.site, recording_id, self._folder / f"export-{digits}")
        (row,) = query(self._floor.site, "SELECT * FROM pauses WHERE recording_id = ?", recording_id)
        return _of(row, opened.caller, opened.agent, wanted_s)


def _of(row: Row, caller: Samples, agent: Samples, wanted_s: float) -> Told:
    first, end = _longest_silence(caller, agent)
    return Told(
        row=row,
        silent_s=(end - first) * FRAME_S,
        wanted_s=wanted_s,
        heard_before_s=_heard_s(caller[: int(first * FRAME_S * RATE_HZ)]),
        heard_after_s=_heard_s(caller[int(end * FRAME_S * RATE_HZ) :]),
        number_s=sum(ears.tone_s(one, RATE_HZ, TONES_HZ[NUMBER]) for one in (caller, agent)),
    )


def _longest_silence(*channels: Samples) -> tuple[int, int]:
    """Return the longest run of frames in which nobody is heard."""
    frames = [_loud(channel) for channel in channels]
    shortest = min(map(len, frames))
    loud = np.any([one[:shortest] for one in frames], axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate(([True], loud, [True])).astype(np.int8)))
    runs = list(zip(edges[::2], edges[1::2], strict=True))
    return max(runs, key=lambda run: run[1] - run[0], default=(0, 0))


def _loud(samples: Samples) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    size = int(FRAME_S * RATE_HZ)
    whole = samples[: len(samples) // size * size].reshape(-1, size)
    loud: np.ndarray[tuple[int], np.dtype[np.bool_]] = np.sqrt(np.mean(np.square(whole), axis=1)) > LEAST_RMS
    return loud


def _heard_s(samples: Samples) -> float:
    return float(np.sum(_loud(samples))) * FRAME_S


Scenes = Mapping[str, "Future[object]"]


@pytest.fixture(scope="module")
def scenes(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenes]:
    """Every call of this module, played side by side."""
    folder = tmp_path_factory.mktemp("heard")
    with Floor.open(site, folder, agents=("agent1", "agent3")) as floor:
        floor.out_of_queue("agent1")  # a softphone takes four calls
        told = _Scenes(floor, folder)
        yield side_by_side(told.all())


def _must_be_silent(told: object, *, because: str | None) -> Told:
    assert isinstance(told, Told)
    print(told)
    assert told.row["because"] == because
    assert told.silent_s >= told.wanted_s - AFTER_THE_KEY_S - NOTED_LATE_S
    assert told.number_s == 0.0
    assert told.heard_before_s > 1.0
    return told


@pytest.mark.parametrize(("scene", "because"), [("key", "key"), ("time", "time"), ("hold", "key")])
def test_what_was_said_while_it_was_paused_is_in_neither_channel_and_the_rest_is(
    scenes: Scenes, scene: str, because: str
) -> None:
    told = _must_be_silent(scenes[scene].result(), because=because)
    assert told.row["muted"] == 1
    assert told.heard_after_s > 1.0
    assert told.silent_s < told.wanted_s + 1.0


def test_who_leaves_the_call_without_ending_the_pause_ends_it(scenes: Scenes) -> None:
    told = _must_be_silent(scenes["transfer"].result(), because="agent_left")
    assert told.heard_after_s > 1.0


def test_a_pause_that_nobody_ended_goes_to_the_end(scenes: Scenes) -> None:
    told = _must_be_silent(scenes["hang up"].result(), because=None)
    assert told.heard_after_s == 0.0


def test_pause_and_going_on_are_on_the_ledger_without_content(site: Site, scenes: Scenes) -> None:
    told = scenes["key"].result()
    assert isinstance(told, Told)
    entries = [
        entry
        for entry in site.cli("ledger", "show", "--kind", "recording_paused")
        + site.cli("ledger", "show", "--kind", "recording_resumed")
        if entry["subject"] == told.row["recording_id"]
    ]
    assert [entry["kind"] for entry in entries] == ["recording_paused", "recording_resumed"]
    assert [sorted(entry["payload"]) for entry in entries] == [
        ["pause"],
        ["because", "lasted_ms", "muted", "pause"],
    ]


def test_when_the_daemon_dies_in_a_pause_all_that_follows_is_silent_until_a_key_says_otherwise(
    site: Site, scenes: Scenes, tmp_path: Path
) -> None:
    for future in scenes.values():
        future.result()
    with Floor.open(site, tmp_path, agents=("agent1",)) as floor:
        staged = _Scenes(floor, tmp_path)
        caller, agent = staged._talk("dial14060", "56")
        began_s = staged._press(agent)
        recording_id = floor.records.recording_of("56")
        deadline.wait_until(
            lambda: query(site, "SELECT 1 FROM pauses WHERE recording_id = ?", recording_id),
            within_s=5,
            what="the pause is noted",
        )
        pid = site.daemon_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        deadline.wait_until(lambda: site.daemon_pid() is None, within_s=5, what="the daemon is dead")
        site.start_daemon()
        caller.listen(AT_MOST_S + 1.0)
        told = staged._told("56", caller, time.monotonic() - began_s)
    assert told.row["resumed_at"] is None
    assert told.silent_s >= told.wanted_s - AFTER_THE_KEY_S - 1.0  # the hang-up took a moment
    assert told.heard_after_s == 0.0
    assert spool_names(site, recording_id) == []
