"""On the real PBX: an agent points a call out by key while talking, and only who has the call can."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from policy.agent_keys import AgentKey, agent_codes
from policy.config import load_config
from policy.load import load_policies
from sandbox import deadline, ears
from sandbox.fetch import Unpacked
from sandbox.site import Site
from sandbox.softphone import Call
from sandbox.speech import RATE_HZ, Samples, read_growing_wav
from tests.conftest import ROOT
from tests.real.callers import (
    Row,
    agent_at_desk,
    decision,
    ended,
    place,
    query,
    site_of,
    voice_file,
    wait_until_heard,
)
from tests.real.threats import THREATS
from tests.real.withdrawing import Records

SHORT = (ROOT / "tests" / "real" / "policies" / "kort.toml").read_text(encoding="utf-8")
SILENT = (ROOT / "tests" / "real" / "policies" / "zonder.toml").read_text(encoding="utf-8")
MORE = """
[incidents]
flag_kind = "threat"
"""
FLAG = "*8"
FLAGGED_HZ, REFUSED_HZ = 1320, 220
"""The second tone of the one signal, and the only one of the other."""
KEYS_HZ = (941, 852, 1209, 1336)
"""Of `*` and `8`."""


@pytest.fixture(scope="module")
def site(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One policy that knows threats and one that knows no incident; two agents, of whom one has a line."""
    folder = tmp_path_factory.mktemp("policies")
    (folder / "kort.toml").write_text(SHORT + MORE + THREATS, encoding="utf-8")
    (folder / "zonder.toml").write_text(SILENT, encoding="utf-8")
    with site_of(unpacked, sorted(folder.iterdir())) as running:
        print(f"Asterisk {running.asterisk.version()}")
        for person, role in (("anna", "agent"), ("bea", "head")):
            running.run("people", "add", person, "--name", person.title())
            running.run("people", "give-hat", person, role, "--policy", "kort")
        running.run("people", "add-line", "anna", "--endpoint", "PJSIP/agent1")
        yield running


def test_the_agent_points_the_call_out_and_hears_it_alone_and_the_callers_same_keys_do_nothing(
    site: Site, heard: Path
) -> None:
    with agent_at_desk(site, heard) as desk, place(site, "dial14040", "41", folder=heard) as call:
        wait_until_heard(call, voice_file("agent1"))
        row = decision(site, "41")
        agent = desk.incoming()
        _speak_no_more(call, agent)
        before = _lengths(call, agent)
        call.dtmf(FLAG)
        call.listen(3.0)  # longer than any gap within a code
        assert _incidents(site, row) == []
        agent.dtmf(FLAG)
        deadline.wait_until(lambda: _incidents(site, row), within_s=5, what="the call is flagged")
        agent.listen(2.0)
        by_agent, by_caller = (_since(side, before[side]) for side in (agent, call))
    (incident,) = _incidents(site, row)
    assert (incident["kind"], incident["stage"], incident["flagged_by"]) == ("threat", "flagged", "anna")
    entries = Records(site).told_of(str(row["recording_id"]))
    (entry,) = [one for one in entries if one["kind"] == "incident_flagged"]
    assert entry["actor"] == "person:anna agent_key"
    told = {hz: ears.tone_s(by_agent, RATE_HZ, hz) for hz in (FLAGGED_HZ, REFUSED_HZ)}
    print(f"the agent hears: {told}; the caller: {_keys_and_signals(by_caller)}")
    assert told[FLAGGED_HZ] >= 0.2
    assert told[REFUSED_HZ] == 0.0
    assert _keys_and_signals(by_caller) == {}
    ended(site, "41")


def test_on_a_line_that_is_nobodys_the_key_flags_nothing_and_the_ledger_says_why(
    site: Site, heard: Path
) -> None:
    with (
        agent_at_desk(site, heard, user="agent2") as desk,
        place(site, "phones14040", "42", folder=heard) as call,
    ):
        wait_until_heard(call, voice_file("agent2"))
        row = decision(site, "42")
        agent = desk.incoming()
        _speak_no_more(call, agent)
        before = _lengths(call, agent)
        agent.dtmf(FLAG)
        agent.listen(3.0)
        told = ears.tone_s(_since(agent, before[agent]), RATE_HZ, REFUSED_HZ)
    assert told >= 0.3
    assert _incidents(site, row) == []
    refused = [one for one in Records(site).told_of(row["call_id"]) if one["kind"] == "access_refused"]
    assert [(one["actor"], one["payload"]["action"]) for one in refused] == [("agent_key", "flag")]
    assert "the lines do not say who that is" in str(refused[0]["payload"]["rule"])


def test_where_the_policy_knows_no_incident_the_key_is_not_offered_and_does_nothing(
    site: Site, heard: Path
) -> None:
    policies = load_policies(load_config(site.config).path("policies")).by_name
    offered = {name: AgentKey.FLAG in agent_codes(policy) for name, policy in policies.items()}
    assert offered == {"kort": True, "zonder": False}
    (number, *_) = policies[next(name for name in policies if name == "zonder")].numbers
    with agent_at_desk(site, heard) as desk, place(site, f"dial{number}", "43", folder=heard) as call:
        wait_until_heard(call, voice_file("agent1"))
        row = decision(site, "43")
        agent = desk.incoming()
        _speak_no_more(call, agent)
        before = _lengths(call, agent)
        agent.dtmf(FLAG)
        agent.listen(3.0)
        assert _keys_and_signals(_since(agent, before[agent])) == {}
    assert _incidents(site, row) == []


def _speak_no_more(*sides: Call) -> None:
    for side in sides:
        side.say(None)
    for side in sides:
        side.listen(1.0)


def _lengths(*sides: Call) -> Mapping[Call, int]:
    return {side: len(read_growing_wav(side.heard)) for side in sides}


def _since(side: Call, samples: int) -> Samples:
    return read_growing_wav(side.heard)[samples:]


def _keys_and_signals(samples: Samples) -> dict[int, float]:
    """Return in which tones anything was heard: of our signals, and of the keys `*` and `8`."""
    found = {
        hz: ears.tone_s(samples, RATE_HZ, hz) for hz in (880, FLAGGED_HZ, REFUSED_HZ, 941, 852, 1209, 1336)
    }
    return {hz: seconds for hz, seconds in found.items() if seconds}


def _incidents(site: Site, row: Row) -> list[Row]:
    return query(site, "SELECT * FROM incidents WHERE call_id = ?", row["call_id"])
