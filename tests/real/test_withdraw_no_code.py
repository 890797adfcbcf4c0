"""A policy that gives nobody a key to withdraw, on a PBX where other policies do (N2)."""

from __future__ import annotations

from pathlib import Path

from sandbox.site import Site
from sandbox.softphone import Call
from tests.real.callers import Callers, agent_at_desk, wait_for_agent, wait_until_heard
from tests.real.callers import voice_file as voice
from tests.real.gate_stories import visit


def test_the_callers_press_does_nothing(site: Site, heard: Path) -> None:
    def press(call: Call) -> None:
        wait_for_agent(call)
        call.dtmf("*9")
        call.listen(3.0)

    with Callers(site, heard) as troupe:
        story = visit(site, troupe, "14070", "31", act=press)
    assert story.decided == "announced"
    assert story.recording is not None
    assert story.recording["state"] == "sealed"


def test_the_agents_press_does_nothing(site: Site, heard: Path) -> None:
    def press(call: Call) -> None:
        at_desk = desk.incoming()
        wait_until_heard(call, voice("agent1"))
        at_desk.dtmf("*9")
        call.listen(3.0)

    with agent_at_desk(site, heard) as desk, Callers(site, heard) as troupe:
        story = visit(site, troupe, "phones14070", "32", act=press)
    assert story.recording is not None
    assert story.recording["state"] == "sealed"
