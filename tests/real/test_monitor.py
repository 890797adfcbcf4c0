"""On the real PBX: a coach listens in on one call that the policy opens to them, and no key leads to another.

Two calls go on at once, each with a tone of its own on both sides, so that a tenth of a second of what the
coach hears says which call it is from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox import deadline, ears
from sandbox.fetch import SandboxError, Unpacked
from sandbox.site import Site
from sandbox.softphone import Call, Softphone
from sandbox.speech import RATE_HZ, TONES_HZ, read_growing_wav
from tests.conftest import ROOT
from tests.real.callers import Row, caller_number, decision, site_of, voice_file, wait_for_agent
from tests.real.withdrawing import Floor

SHORT = (ROOT / "tests" / "real" / "policies" / "kort.toml").read_text(encoding="utf-8")
MORE = """
[purposes.quality]
ground = "6(1)(e)"
description.nl = "beter helpen"

[works_council]
date = 2026-01-10
reference = "OR 1"

[reviews]
scored_by = ["coach"]
live_by = ["coach"]
live_when_asked = true
live_when_recording_fails = true
live_at_most_min = 5

[access.roles.agent]
title = "medewerker"
takes_calls = true
source = "art. 1"
[access.roles.coach]
title = "coach"
source = "art. 1"
[access.roles.line_manager]
title = "leidinggevende"
source = "art. 2"
[access.denials.line_manager]
roles = ["line_manager"]
says = "the line manager has no access"
quote = "De leidinggevende heeft geen toegang."
source = "art. 2"
[access.grants.side_by_side]
roles = ["coach"]
purposes = ["quality"]
actions = ["monitor"]
calls = ["live"]
on_request_of = ["agent"]
says = "the coach listens in when the agent of the call asks for it"
source = "art. 3"
[access.grants.review]
roles = ["coach"]
purposes = ["quality"]
actions = ["listen"]
calls = ["sampled"]
says = "the coach listens to drawn calls"
source = "art. 3"
"""
PEOPLE = (("kim", "agent"), ("bo", "agent"), ("anna", "coach"), ("jan", "line_manager"))
EXTENSION = "777"
WHY = ("--purpose", "quality", "--reason", "side by side")
OURS, OTHERS = "tone", "moh/tone"


@pytest.fixture(scope="module")
def site(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A policy that lets a coach listen in when the agent asks; everybody has a passphrase."""
    policy = tmp_path_factory.mktemp("policies") / "kort.toml"
    policy.write_text(SHORT + MORE, encoding="utf-8")
    with site_of(unpacked, [policy]) as running:
        print(f"Asterisk {running.asterisk.version()}")
        for person, role in PEOPLE:
            running.run("people", "add", person, "--name", person.title())
            running.run("people", "give-hat", person, role, "--policy", "kort")
            running.run("people", "enrol", person, with_passphrase=True)
        running.run("people", "add-line", "kim", "--endpoint", "PJSIP/agent1")
        running.run("people", "add-line", "bo", "--endpoint", "PJSIP/agent3")
        yield running


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """An agent with a call, and a coach with a telephone.

    Attributes:
        row: The agent's call.
    """

    site: Site
    floor: Floor
    coach: Softphone
    caller: Call
    agent: Call
    row: Row

    def authorise(self, *which: str, person: str = "anna") -> tuple[int, str, str]:
        """Ask for a code, and return exit code, the code, and what was said."""
        done = self.site.run(
            "monitor",
            "authorise",
            *which,
            *WHY,
            "--person",
            person,
            "--json",
            with_passphrase=True,
            check=False,
        )
        code = "" if done.returncode else str(json.loads(done.stdout)[0]["code"])
        return done.returncode, code, done.stderr

    def dial(self, code: str) -> Call:
        """Have the coach call the extension and dial a code."""
        call = self.coach.call(EXTENSION, as_registered=True)
        call.wait("confirmed")
        call.listen(1.0)
        call.dtmf(code)
        return call

    def listen_in(self, *which: str) -> tuple[Call, str]:
        """Have the coach hear the call; return their side of it, and the code that was used."""
        exit_code, code, said = self.authorise(*which)
        assert exit_code == 0, said
        listening = self.dial(code)
        _until_heard(listening, OURS)
        return listening, code

    def ledger(self, kind: str) -> list[Row]:
        """Return the ledger's entries of a kind about the agent's call."""
        found: list[Row] = self.site.cli("ledger", "show", "--kind", kind)
        return [entry for entry in found if entry["subject"] == self.row["call_id"]]


@pytest.fixture
def stage(site: Site, tmp_path: Path) -> Iterator[Stage]:
    """One call of agent 1, both sides with a tone, and the coach at agent 2's telephone."""
    with ExitStack() as stack:
        floor = stack.enter_context(Floor.open(site, tmp_path, agents=("agent1", "agent3")))
        floor.out_of_queue("agent1", "agent2")
        address = site.asterisk.sip_address()
        coach = stack.enter_context(Softphone.start(address, tmp_path, name="coach"))
        coach.register("agent2", site.asterisk.agent_password)
        caller = floor.place("dial14040", "61")
        agent = floor.answered(caller_number("61"))
        wait_for_agent(caller)
        for side in (caller, agent):
            side.say(voice_file(OURS))
        row = decision(site, "61")
        yield Stage(site=site, floor=floor, coach=coach, caller=caller, agent=agent, row=row)
        caller.hang_up()


@pytest.fixture
def asked(site: Site) -> None:
    """The agent asked the coach to listen in."""
    site.run("monitor", "ask", "--of", "anna", "--person", "kim", *WHY, with_passphrase=True)


def test_without_the_agents_word_there_is_no_code_and_the_line_manager_is_told_the_article(
    site: Site, stage: Stage
) -> None:
    exit_code, _, said = stage.authorise(stage.row["call_id"])
    assert (exit_code, "not yours" in said) == (4, True), said
    exit_code, _, said = stage.authorise(stage.row["call_id"], person="jan")
    assert (exit_code, "art. 2: the line manager has no access" in said) == (13, True), said
    refused = [entry["payload"] for entry in site.cli("ledger", "show", "--kind", "access_refused")]
    assert {(one["person"], one["rule"]) for one in refused} >= {
        ("anna", "side_by_side"),
        ("jan", "line_manager"),
    }


@pytest.mark.usefixtures("asked")
def test_the_coach_hears_that_one_call_whatever_keys_are_pressed_until_its_caller_withdraws(
    stage: Stage,
) -> None:
    other = stage.floor.place("phones14040", "62")
    other_agent = stage.floor.answered(caller_number("62"))
    for side in (other, other_agent):
        side.say(voice_file(OTHERS))
    for keys in ("#", "*", "123#"):
        listening, _ = stage.listen_in("--agent", "kim")
        mark = len(read_growing_wav(listening.heard))
        listening.dtmf(keys)
        if keys == "#":  # the volume, and nothing else
            listening.listen(4.0)
            listening.hang_up()
        else:
            listening.wait("disconnected")
        heard = read_growing_wav(listening.heard)
        ours, others = (ears.tone_s(heard, RATE_HZ, TONES_HZ[name]) for name in (OURS, OTHERS))
        after = ears.tone_s(heard[mark:], RATE_HZ, TONES_HZ[OURS])
        print(f"with {keys}: {ours:.1f} s of this call, {after:.1f} s after it; {others:.1f} s of the other")
        assert ours > 0.5
        assert others == 0.0
    listening, code = stage.listen_in("--agent", "kim")
    listening.listen(3.0)
    pressed_ms = stage.caller.dtmf("*9")
    gone = listening.wait("disconnected", after_ms=pressed_ms)
    print(f"cut off {gone.at_ms - pressed_ms:.0f} ms after the withdrawal")
    assert gone.at_ms - pressed_ms < 3000
    deadline.wait_until(
        lambda: len(stage.ledger("monitor_ended")) == 4, within_s=10, what="every end is on the ledger"
    )
    begun, ended = stage.ledger("monitor_begun")[-1], stage.ledger("monitor_ended")[-1]
    assert (begun["payload"]["person"], begun["payload"]["purpose"]) == ("anna", "quality")
    assert begun["payload"]["reason"] == "side by side"
    assert ended["payload"]["because"] == "recording_ended"
    assert ended["payload"]["lasted_s"] >= 3
    other.hang_up()
    again = stage.dial(code)
    again.wait("disconnected")  # it counted once
    assert ears.tone_s(read_growing_wav(again.heard), RATE_HZ, TONES_HZ[OURS]) == 0.0


@pytest.mark.usefixtures("asked")
def test_when_the_agent_who_asked_hands_the_call_on_the_coach_hears_no_more_of_it(stage: Stage) -> None:
    exit_code, code, said = stage.authorise(stage.row["call_id"])
    assert exit_code == 0, said
    listening = stage.dial(code)
    _until_heard(listening, OURS)
    stage.agent.transfer("103")
    listening.wait("disconnected")
    (ended,) = _ended(stage)
    assert ended["payload"]["because"] in ("agent_left", "somebody_came")


@pytest.mark.usefixtures("asked")
def test_a_wrong_code_opens_nothing_and_the_right_one_opens_it_until_the_coach_hangs_up(
    site: Site, stage: Stage
) -> None:
    before = len(site.cli("ledger", "show", "--kind", "monitor_code_wrong"))
    _, code, _ = stage.authorise(stage.row["call_id"])
    wrong = stage.dial(f"{(int(code) + 1) % 10**8:08d}")
    wrong.wait("disconnected")
    assert ears.tone_s(read_growing_wav(wrong.heard), RATE_HZ, TONES_HZ[OURS]) == 0.0
    assert len(site.cli("ledger", "show", "--kind", "monitor_code_wrong")) == before + 1
    right = stage.dial(code)
    _until_heard(right, OURS)
    right.hang_up()
    (ended,) = _ended(stage)
    assert ended["payload"]["because"] == "hung_up"


@pytest.mark.usefixtures("asked")
def test_without_the_daemon_there_is_no_listening_and_who_listened_is_hung_up_when_it_comes_back(
    site: Site, stage: Stage
) -> None:
    _, code, _ = stage.authorise(stage.row["call_id"])
    listening = stage.dial(code)
    _until_heard(listening, OURS)
    site.kill_daemon()
    nobody = stage.dial("12345678")
    nobody.wait("disconnected")
    assert ears.tone_s(read_growing_wav(nobody.heard), RATE_HZ, TONES_HZ[OURS]) == 0.0
    site.start_daemon()
    listening.wait("disconnected")


def test_a_call_whose_caller_refused_is_not_listened_to(site: Site, tmp_path: Path) -> None:
    with Floor.open(site, tmp_path, agents=("agent1",)) as floor:
        caller = floor.place("dial14040", "63")
        caller.dtmf("1")
        floor.answered(caller_number("63"))
        row = decision(site, "63")
        assert row["decision"] == "refused"
        site.run("monitor", "ask", "--of", "anna", "--person", "kim", *WHY, with_passphrase=True)
        with pytest.raises(SandboxError, match="not yours"):
            site.run("monitor", "authorise", row["call_id"], *WHY, "--person", "anna", with_passphrase=True)


def _until_heard(call: Call, tone: str) -> int:
    """Return how many samples the coach had heard when they began to hear a tone."""

    def heard() -> int:
        samples = read_growing_wav(call.heard)
        return len(samples) if ears.tone_s(samples[-RATE_HZ:], RATE_HZ, TONES_HZ[tone]) >= 0.5 else 0

    found = deadline.wait_until(heard, within_s=15, what=f"the coach hears {tone}", every_s=0.2)
    assert found is not None
    return found


def _ended(stage: Stage) -> list[Row]:
    deadline.wait_until(lambda: stage.ledger("monitor_ended"), within_s=10, what="its end is on the ledger")
    return stage.ledger("monitor_ended")[-1:]
