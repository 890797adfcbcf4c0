"""On the real PBX: taken back while an incident is open, and a refusal that reaches back (G4, E4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.fetch import Unpacked
from sandbox.site import Site
from sandbox.speech import read_wav
from tests.conftest import ROOT
from tests.real.callers import (
    agent_at_desk,
    decision,
    ended,
    place,
    prompt_file,
    settled,
    site_of,
    voice_file,
    wait_for_agent,
    wait_until_heard,
)
from tests.real.threats import THREATS
from tests.real.withdrawing import LIKE_THE_CONFIRMATION, Records, spool_names, wait_for_sound

SHORT = (ROOT / "tests" / "real" / "policies" / "kort.toml").read_text(encoding="utf-8")
MORE = """
[restricted.text]
nl = "De opname is gestopt en blijft afgesloten zolang wij dit gesprek beoordelen."
en = "The recording has been stopped and stays closed while we assess this call."
"""
CONSENT = 'reply_window_ms = 1000\non_incident = "restrict"\nrefusal_reaches_back = "1h"'


@pytest.fixture(scope="module")
def site(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A PBX whose policy restricts and reaches back, with an agent at a desk and a head."""
    policy = tmp_path_factory.mktemp("policies") / "kort.toml"
    policy.write_text(SHORT.replace("reply_window_ms = 1000", CONSENT, 1) + MORE + THREATS, encoding="utf-8")
    with site_of(unpacked, [policy]) as running:
        for person, role in (("anna", "agent"), ("bea", "head")):
            running.run("people", "add", person, "--name", person.title())
            running.run("people", "give-hat", person, role, "--policy", "kort")
        running.run("people", "add-line", "anna", "--endpoint", "PJSIP/agent1")
        running.run("people", "enrol", "bea", with_passphrase=True)
        yield running


def test_a_flagged_call_that_its_caller_takes_back_is_closed_and_both_hear_just_that(
    site: Site, heard: Path
) -> None:
    words = read_wav(prompt_file(site, "kort", "restricted"))
    records = Records(site)
    with (
        agent_at_desk(site, heard, user="agent1") as desk,
        place(site, "phones14040", "31", folder=heard) as call,
    ):
        wait_until_heard(call, voice_file("agent1"))
        recording_id = records.recording_of("31")
        call_id = str(decision(site, "31")["call_id"])
        (flagged,) = site.cli("incident", "flag", call_id, "--kind", "threat", "--as", "anna")
        assert (flagged["stage"], flagged["flagged_by"]) == ("flagged", "anna")
        agent = desk.incoming()
        for side in (call, agent):
            side.say(voice_file("tone"))
        call.dtmf("*9")
        likeness = [wait_for_sound(side, words) for side in (call, agent)]
        assert min(likeness) > LIKE_THE_CONFIRMATION
        kept = records.recording(recording_id, told=lambda row: row["state"] == "sealed")
        call.listen(3.0)  # the call goes on, unrecorded
        assert spool_names(site, recording_id) == []
    ended(site, "31")
    assert kept["erased_at"] is None
    told = [str(entry["kind"]) for entry in records.told_of(recording_id)]
    assert "recording_closed" in told
    assert "withdrawn" not in told
    explained = site.cli("policy", "explain", call_id)
    assert any("closed, but for the grants that say so: restricted" in str(row["says"]) for row in explained)
    assess = ("incident", "assess", call_id, "--drop", "--reason", "misverstand", "--person", "bea")
    assert site.run(*assess, check=False).returncode == 2  # the login alone decides nothing
    (dropped,) = site.cli(*assess, with_passphrase=True)
    assert dropped["stage"] == "dropped"
    assert records.erased(recording_id)["erased_because"] == "incident_dropped"


def test_who_calls_again_and_refuses_takes_back_what_was_said_before(site: Site, heard: Path) -> None:
    records = Records(site)
    with place(site, "14040", "32", folder=heard) as call:
        wait_for_agent(call)
        call.listen(2.0)
    first = str(ended(site, "32")["recording_id"])
    assert settled(site, first)["state"] == "sealed"
    with place(site, "14040", "33", folder=heard) as other:
        wait_for_agent(other)
        other.listen(1.0)
    with place(site, "14040", "32", folder=heard) as call:
        call.dtmf("1")
        gone = records.erased(first)  # while the caller is still on the line
        assert decision(site, "32")["decision"] == "refused"
    assert gone["erased_because"] == "withdrawn"
    assert "refusal_reached_back" in [str(entry["kind"]) for entry in records.told_of(first)]
    assert settled(site, str(ended(site, "33")["recording_id"]))["state"] == "sealed"
