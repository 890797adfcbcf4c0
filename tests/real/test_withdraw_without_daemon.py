"""Withdrawing by key while no daemon is there: features.conf, a script, a mark, and what comes of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from sandbox.site import Site
from sandbox.softphone import Call
from sandbox.speech import read_growing_wav
from tests.real.callers import LIKE_A_VOICE, channel_name, voice_file
from tests.real.withdrawing import (
    CALLER_VOICE,
    CODE,
    Floor,
    Records,
    envelopes_of,
    likeness,
    marks,
    side_by_side,
    spool_names,
    when_gone,
)

CALLER_BY_DIAL, AGENT_BY_QUEUE, SILENT = "61", "62", "63"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """What was there while no daemon was.

    Attributes:
        files: How many grew before the code was pressed.
        took_ms: From the first key to the last file gone; None when nothing was pressed.
        tapes: What Asterisk says of tapes on the channel afterwards.
        marks: Those of this recording.
        caller_hears_agent, agent_hears_caller: Likeness of the other's voice afterwards.
    """

    recording_id: str
    files: int
    took_ms: float | None
    tapes: str
    marks: tuple[str, ...]
    caller_hears_agent: float
    agent_hears_caller: float


@pytest.fixture(scope="module")
def alone(site: Site) -> Iterator[Mapping[str, Alone]]:
    """Three talks; the daemon is killed; the code is pressed in two of them; the daemon comes back."""
    with (
        tempfile.TemporaryDirectory(prefix="cl-heard-") as folder,
        Floor.open(site, Path(folder), agents=("agent1", "agent2")) as floor,
    ):
        floor.out_of_queue("agent1")
        told = _play(floor)
    yield told


def _play(floor: Floor) -> Mapping[str, Alone]:
    numbers = {CALLER_BY_DIAL: "dial14040", AGENT_BY_QUEUE: "phones14040", SILENT: "dial14040"}
    connected = side_by_side({d: partial(floor.connected, number, d) for d, number in numbers.items()})
    calls = {digits: floor.records.call(digits) for digits in numbers}
    channels = {digits: channel_name(floor.site, call) for digits, call in calls.items()}
    floor.site.kill_daemon()
    try:
        scenes: dict[str, Callable[[], object]] = {}
        for digits, future in connected.items():
            sides = future.result()
            assert isinstance(sides, tuple)
            talk = _Talk(
                digits=digits,
                caller=sides[0],
                agent=sides[1],
                recording_id=str(calls[digits]["recording_id"]),
                channel=channels[digits],
            )
            scenes[digits] = partial(_withdraw, floor, talk)
        played = {digits: future.result() for digits, future in side_by_side(scenes).items()}
    finally:
        floor.site.start_daemon()
    return {digits: told for digits, told in played.items() if isinstance(told, Alone)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Talk:
    digits: str
    caller: Call
    agent: Call
    recording_id: str
    channel: str


def _withdraw(floor: Floor, talk: _Talk) -> Alone:
    sides = (talk.caller, talk.agent)
    files, took_ms = len(spool_names(floor.site, talk.recording_id)), None
    if talk.digits == SILENT:
        talk.caller.dtmf("*8")
    else:
        pressed_ms = sides[talk.digits == AGENT_BY_QUEUE].dtmf(CODE)
        took_ms = when_gone(floor.site, talk.recording_id) - pressed_ms
    talk.caller.listen(0.5)
    tapes = floor.site.asterisk.rx(f"mixmonitor list {talk.channel}")
    begun = [len(read_growing_wav(side.heard)) for side in sides]
    talk.caller.listen(5.0)
    after = [read_growing_wav(side.heard)[at:] for side, at in zip(sides, begun, strict=True)]
    return Alone(
        recording_id=talk.recording_id,
        files=files,
        took_ms=took_ms,
        tapes=tapes,
        marks=tuple(name for name in marks(floor.site) if talk.recording_id in name),
        caller_hears_agent=likeness(after[0], voice_file(talk.agent.phone.name.removeprefix("desk-"))),
        agent_hears_caller=likeness(after[1], CALLER_VOICE),
    )


BY = {CALLER_BY_DIAL: "caller_key", AGENT_BY_QUEUE: "agent_key"}
pressed = pytest.mark.parametrize("digits", list(BY), ids=["caller in Dial", "agent in Queue"])


@pressed
def test_without_the_daemon_the_key_still_removes_the_files_and_leaves_a_mark(
    alone: Mapping[str, Alone], digits: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = alone[digits]
    assert told.files == 2
    assert told.took_ms is not None
    with capsys.disabled():
        print(
            f"\nwithdrawn without the daemon, {BY[digits]}: {told.took_ms:.0f} ms from the first key to gone"
        )
    assert told.marks == (f"withdraw-{told.recording_id}",)


@pressed
def test_without_the_daemon_the_key_stops_the_tape_itself(alone: Mapping[str, Alone], digits: str) -> None:
    assert "0x" not in alone[digits].tapes
    assert "0x" in alone[SILENT].tapes  # so one that runs is shown


@pytest.mark.parametrize("digits", [CALLER_BY_DIAL, AGENT_BY_QUEUE, SILENT])
def test_without_the_daemon_the_call_goes_on_in_both_directions(
    alone: Mapping[str, Alone], digits: str
) -> None:
    assert alone[digits].caller_hears_agent > LIKE_A_VOICE
    assert alone[digits].agent_hears_caller > LIKE_A_VOICE


@pressed
def test_the_daemon_takes_the_mark_in_at_its_next_start(
    site: Site, alone: Mapping[str, Alone], digits: str
) -> None:
    told, records = alone[digits], Records(site)
    row = records.erased(told.recording_id)
    assert (row["state"], row["erased_because"]) == ("withdrawn", "withdrawn")
    entries = records.told_of(told.recording_id)
    assert [entry["actor"] for entry in entries if entry["kind"] == "withdrawn"] == [BY[digits]]
    assert entries[-1]["kind"] == "destroyed"
    assert marks(site) == []


def test_whoever_pressed_something_else_meanwhile_withdrew_nothing_but_policy_drops_it(
    site: Site, alone: Mapping[str, Alone]
) -> None:
    told = alone[SILENT]
    assert told.files == 2
    assert told.marks == ()
    assert Records(site).erased(told.recording_id)["erased_because"] == "controller_lost"


def test_nothing_is_left_in_spool_or_vault(site: Site, alone: Mapping[str, Alone]) -> None:
    for told in alone.values():
        assert spool_names(site, told.recording_id) == []
        assert envelopes_of(site, told.recording_id) == []
        assert not list(site.vault.rglob(f"{told.recording_id}*"))
