"""Withdrawing by key in mid-call: from every place a call can be in, by either party.

The calls are played side by side, in two groups; each test asks for the outcome of one.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path

import pytest

from sandbox.site import Site
from sandbox.softphone import Call
from sandbox.speech import read_growing_wav
from tests.real.callers import LIKE_A_VOICE, caller_number, holds_an_agent, wait_for_agent
from tests.real.withdrawing import (
    CODE,
    LIKE_THE_CONFIRMATION,
    Floor,
    Withdrawn,
    side_by_side,
    spool_names,
    wait_for_sound,
    when_gone,
    withdraw_by_key,
)

QUEUE = "phones14040"
DIAL = "dial14040"

RETURNS_WITHIN_MS = 1000.0
_SCRIPT = re.compile(
    r"^\[(?P<at>[^]]+)\] VERBOSE\[(?P<thread>\d+)\].*"
    r"AGI Script \S*consentline-agi-withdraw(?P<over> completed)?",
    re.MULTILINE,
)

Scenes = Mapping[str, "Future[object]"]


@pytest.fixture(scope="module")
def scenes(site: Site) -> Iterator[Scenes]:
    """Every call of this module, played side by side."""
    with (
        tempfile.TemporaryDirectory(prefix="cl-heard-") as folder,
        Floor.open(site, Path(folder), agents=("agent1", "agent2", "agent3", "agent4")) as floor,
    ):
        floor.out_of_queue("agent1", "agent3")
        told = _Scenes(floor)
        yield {**side_by_side(told.in_place()), **side_by_side(told.transferred())}


class _Scenes:
    """What happens in each call.

    Args:
        floor: Where they happen.
    """

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._asking = threading.Lock()  # an agent who asks a colleague shows no caller's number

    def in_place(self) -> Mapping[str, Callable[[], object]]:
        """Return each scene in which the caller stays with one agent, under its name."""
        return {
            "caller, queue": lambda: self._connected(QUEUE, "11", by_agent=False),
            "agent, queue": lambda: self._connected(QUEUE, "12", by_agent=True),
            "caller, dial": lambda: self._connected(DIAL, "13", by_agent=False),
            "agent, dial": lambda: self._connected(DIAL, "14", by_agent=True),
            "caller, after hold": lambda: self._after_hold("15"),
            "caller, waiting": lambda: self._waiting("20"),
            "caller, held": lambda: self._while_held("21"),
        }

    def transferred(self) -> Mapping[str, Callable[[], object]]:
        """Return each scene in which the caller is transferred to agent 3: four calls are its most."""
        return {
            "caller, blind": lambda: self._blind("16", by_agent=False),
            "agent, blind": lambda: self._blind("17", by_agent=True),
            "caller, attended": lambda: self._attended("18", by_agent=False),
            "agent, attended": lambda: self._attended("19", by_agent=True),
        }

    def _connected(self, number: str, digits: str, *, by_agent: bool) -> Withdrawn:
        caller, agent = self._floor.connected(number, digits)
        return self._withdraw(digits, caller, agent, by_agent=by_agent)

    def _after_hold(self, digits: str) -> Withdrawn:
        caller, agent = self._floor.connected(DIAL, digits)
        agent.hold()
        caller.listen(1.0)
        agent.unhold()
        caller.listen(1.0)
        return self._withdraw(digits, caller, agent, by_agent=False)

    def _while_held(self, digits: str) -> float:
        """The caller withdraws while the agent has put the call on hold."""
        caller, agent = self._floor.connected(DIAL, digits)
        agent.hold()
        caller.listen(1.0)
        recording_id = self._floor.records.recording_of(digits)
        caller.dtmf(CODE)
        when_gone(self._floor.site, recording_id)
        heard = wait_for_sound(caller, self._floor.confirmation)
        agent.unhold()
        caller.hang_up()
        return heard

    def _blind(self, digits: str, *, by_agent: bool) -> Withdrawn:
        caller, first = self._floor.connected(DIAL, digits)
        first.transfer("103")
        second = self._floor.answered(caller_number(digits), "agent3")
        first.wait("disconnected")
        caller.listen(1.5)
        return self._withdraw(digits, caller, second, by_agent=by_agent)

    def _attended(self, digits: str, *, by_agent: bool) -> Withdrawn:
        caller, first = self._floor.connected(QUEUE, digits)
        second = self._ask_and_transfer(first)
        caller.listen(1.5)
        return self._withdraw(digits, caller, second, by_agent=by_agent)

    def _ask_and_transfer(self, first: Call) -> Call:
        """Hold the caller, ask agent 3, and connect the two."""
        desk = self._floor.desk("agent3")
        with self._asking:
            before = {event.call for event in desk.events()}
            first.hold()
            question = first.phone.call("103", as_registered=True)
            question.wait("confirmed")
            asked = {event.call for event in desk.events() if "Agent " in event.text} - before
            first.transfer_to(question)
            first.wait("disconnected")
        (number,) = asked
        assert number is not None
        return Call(desk, number)

    def _waiting(self, digits: str) -> tuple[float, bool, bool]:
        """The caller withdraws before any agent answers; then one does."""
        caller = self._floor.place("slow14040", digits)
        recording_id = self._floor.records.recording_of(digits)
        caller.listen(1.0)
        had_files = len(spool_names(self._floor.site, recording_id)) == 2
        caller.dtmf(CODE)
        when_gone(self._floor.site, recording_id)
        heard = wait_for_sound(caller, self._floor.confirmation)
        mark = len(read_growing_wav(caller.heard))
        wait_for_agent(caller)
        reached = holds_an_agent(read_growing_wav(caller.heard)[mark:])
        caller.hang_up()
        self._floor.records.erased(recording_id)
        return heard, had_files, reached

    def _withdraw(self, digits: str, caller: Call, agent: Call, *, by_agent: bool) -> Withdrawn:
        by = agent if by_agent else caller
        return withdraw_by_key(self._floor, digits, caller=caller, agent=agent, by=by)


def _must_be_as_told(told: object, *, by: str) -> None:
    assert isinstance(told, Withdrawn)
    assert told.files == 2
    assert told.by == by
    assert (told.row["state"], told.row["erased_because"]) == ("withdrawn", "withdrawn")
    assert min(told.caller_heard, told.agent_heard) > LIKE_THE_CONFIRMATION, told
    assert min(told.caller_hears_agent, told.agent_hears_caller) > LIKE_A_VOICE, told


@pytest.mark.parametrize("scene", ["caller, queue", "caller, dial"])
def test_a_caller_withdraws_while_talking_with_an_agent_and_both_hear_it(scenes: Scenes, scene: str) -> None:
    _must_be_as_told(scenes[scene].result(), by="caller_key")


@pytest.mark.parametrize("scene", ["agent, queue", "agent, dial"])
def test_an_agent_withdraws_for_the_caller_and_both_hear_it(scenes: Scenes, scene: str) -> None:
    _must_be_as_told(scenes[scene].result(), by="agent_key")


def test_a_caller_withdraws_after_having_been_on_hold(scenes: Scenes) -> None:
    _must_be_as_told(scenes["caller, after hold"].result(), by="caller_key")


def test_a_caller_withdraws_while_on_hold_and_hears_it(scenes: Scenes) -> None:
    heard = scenes["caller, held"].result()
    assert isinstance(heard, float)
    assert heard > LIKE_THE_CONFIRMATION


@pytest.mark.parametrize("scene", ["caller, blind", "caller, attended"])
def test_a_caller_withdraws_after_a_transfer_and_both_hear_it(scenes: Scenes, scene: str) -> None:
    _must_be_as_told(scenes[scene].result(), by="caller_key")


@pytest.mark.parametrize("scene", ["agent, blind", "agent, attended"])
def test_the_agent_whom_the_call_was_transferred_to_withdraws_and_both_hear_it(
    scenes: Scenes, scene: str
) -> None:
    _must_be_as_told(scenes[scene].result(), by="agent_key")


def test_a_caller_withdraws_while_still_waiting_and_reaches_an_agent_all_the_same(scenes: Scenes) -> None:
    told = scenes["caller, waiting"].result()
    assert isinstance(told, tuple)
    heard, had_files, reached = told
    assert heard > LIKE_THE_CONFIRMATION
    assert had_files
    assert reached


def test_the_script_behind_the_key_hands_over_to_the_daemon_and_returns_at_once(
    site: Site, scenes: Scenes, capsys: pytest.CaptureFixture[str]
) -> None:
    """While it runs, the parties do not hear each other; the agents after a transfer have no such key."""
    for future in scenes.values():
        future.result()
    took_ms: list[float] = []
    launched: dict[str, datetime] = {}
    for found in _SCRIPT.finditer((site.asterisk.log / "full").read_text(errors="replace")):
        at = datetime.fromisoformat(found["at"])
        if found["over"]:
            took_ms.append((at - launched.pop(found["thread"])).total_seconds() * 1000)
        else:
            launched[found["thread"]] = at
    with capsys.disabled():
        print(
            f"\nscript behind the key: {len(took_ms)} times, "
            f"median {statistics.median(took_ms):.0f} ms, worst {max(took_ms):.0f} ms"
        )
    assert len(took_ms) >= 5
    assert max(took_ms) < RETURNS_WITHIN_MS
    assert not list((site.home / "marks").iterdir())
