"""Who held a call on the real PBX: queue, transfers, Local channels, a shared trunk, no daemon."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from policy.clock import from_iso
from sandbox import deadline
from sandbox.fetch import SandboxError, Unpacked
from sandbox.site import Site
from tests.conftest import ROOT
from tests.real import breaking
from tests.real.callers import (
    Row,
    agent_at_desk,
    alarms,
    ended,
    place,
    query,
    site_of,
    voice_file,
    wait_for_agent,
    wait_until_heard,
)

DESKS = {"anna": "agent1", "jan": "agent2", "piet": "agent3"}
COLLEAGUE = "102"
A_DEVICE_BEHIND_LATE_S = 1.0
TALK_S = 3.0


@pytest.fixture(scope="module")
def site(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A PBX on which three people have a desk each; by a second policy only the first is recorded."""
    everybody = ROOT / "tests" / "real" / "policies" / "kort.toml"
    only_anna = tmp_path_factory.mktemp("policies") / "alleen.toml"
    scope = '\n[scope]\nanswered_by = "kcc"\nkcc = [{ endpoint = "PJSIP/agent1" }]\n\n[consent]\n'
    written = everybody.read_text().replace('"14040"', '"14101"').replace("\n[consent]\n", scope)
    only_anna.write_text(written)
    with site_of(unpacked, [everybody, only_anna]) as running:
        for person, user in DESKS.items():
            running.run("people", "add", person, "--name", person.title())
            running.run("people", "add-line", person, "--endpoint", f"PJSIP/{user}")
        running.run("people", "add", "els", "--name", "Els")
        for number in range(1, 5):
            member = f"Local/agent{number}@sandbox-agents/n"
            running.run("people", "add-line", "els", "--queue-member", member)
        yield running


def test_a_call_from_the_queue_that_is_transferred_has_two_agents_each_with_their_span(
    site: Site, heard: Path
) -> None:
    with ExitStack() as stage:
        first = stage.enter_context(agent_at_desk(site, heard, user="agent1"))
        call = stage.enter_context(place(site, "phones14040", "11", folder=heard))
        wait_until_heard(call, voice_file("agent1"))
        stage.enter_context(agent_at_desk(site, heard, user="agent2"))
        call.listen(TALK_S)
        first.incoming().transfer(COLLEAGUE)
        wait_until_heard(call, voice_file("agent2"))
        call.listen(TALK_S)
    anna, jan = _spans(site, "11")
    assert (anna["person"], jan["person"]) == ("anna", "jan")
    assert _seconds(anna) > TALK_S - 1
    assert _seconds(jan) > TALK_S - 1
    assert anna["until_at"] <= jan["since_at"]
    assert jan["until_at"] <= str(ended(site, "11")["ended_at"])
    explained = site.cli("policy", "explain", str(ended(site, "11")["call_id"]))
    held = [row["says"].partition(",")[0] for row in explained if row["about"] == "held by"]
    assert held == ["anna", "jan"]


def test_after_a_transfer_with_asking_first_it_is_the_colleague_s_own_telephone(
    site: Site, heard: Path
) -> None:
    with ExitStack() as stage:
        first = stage.enter_context(agent_at_desk(site, heard, user="agent1"))
        call = stage.enter_context(place(site, "dial14040", "12", folder=heard))
        wait_until_heard(call, voice_file("agent1"))
        stage.enter_context(agent_at_desk(site, heard, user="agent3"))
        question = first.call("103", as_registered=True)
        question.wait("confirmed")
        first.incoming().transfer_to(question)
        wait_until_heard(call, voice_file("agent3"))
        call.listen(TALK_S)
    assert [span["person"] for span in _spans(site, "12")] == ["anna", "piet"]


def test_whoever_gets_the_call_after_its_recording_is_over_is_not_in_it(site: Site, heard: Path) -> None:
    with ExitStack() as stage:
        first = stage.enter_context(agent_at_desk(site, heard, user="agent1"))
        stage.enter_context(agent_at_desk(site, heard, user="agent2"))
        call = stage.enter_context(place(site, "dial14101", "19", folder=heard))
        wait_until_heard(call, voice_file("agent1"))
        call.listen(TALK_S)
        first.incoming().transfer(COLLEAGUE)
        wait_until_heard(call, voice_file("agent2"))
        call.listen(TALK_S)
    _, jan = _spans(site, "19")
    (row,) = query(site, "SELECT * FROM recordings WHERE call_id = ?", str(ended(site, "19")["call_id"]))
    entered_ms = from_iso(str(jan["since_at"])).timestamp() * 1000
    print(f"captured {row['captured_at'] - entered_ms:.0f} ms after the outsider entered")
    found = query(site, "SELECT person_id FROM recording_agents WHERE recording_id = ?", row["recording_id"])
    assert [agent["person_id"] for agent in found] == ["anna"]


def test_behind_a_local_channel_it_is_the_telephone_and_nothing_is_noted_of_the_pipe(
    site: Site, heard: Path
) -> None:
    with agent_at_desk(site, heard, user="agent1"), place(site, "pipe14040", "13", folder=heard) as call:
        wait_until_heard(call, voice_file("agent1"))
        call.listen(TALK_S)
    (span,) = _spans(site, "13")
    assert span["person"] == "anna"
    assert _seconds(span) > TALK_S


def test_a_member_of_the_queue_without_a_telephone_is_known_by_the_members_name(
    site: Site, heard: Path
) -> None:
    with place(site, "14040", "14", folder=heard) as call:
        wait_for_agent(call)
        call.listen(TALK_S)
    (span,) = _spans(site, "14")
    assert span["person"] == "els"
    assert _seconds(span) > TALK_S


def test_on_a_shared_trunk_the_number_dialled_tells_who_it_is(site: Site, heard: Path) -> None:
    site.run("people", "end-line", "anna", "--endpoint", "PJSIP/agent1")
    site.run("people", "add-line", "jan", "--dialled", "+31341259912")
    try:
        with agent_at_desk(site, heard, user="agent1"):
            for number, digits in (("teamsa", "15"), ("teamsb", "16")):
                with place(site, f"{number}14040", digits, folder=heard) as call:
                    wait_until_heard(call, voice_file("agent1"))
                    call.listen(TALK_S)
    finally:
        site.run("people", "end-line", "jan", "--dialled", "+31341259912")
        site.run("people", "add-line", "anna", "--endpoint", "PJSIP/agent1")
    assert [span["person"] for span in _spans(site, "15")] == [None]
    assert [span["person"] for span in _spans(site, "16")] == ["jan"]
    found = b"".join(path.read_bytes() for path in site.home.glob(f"{site.database.name}*"))
    assert b"341259911" not in found


def test_what_a_daemon_missed_is_put_right_when_it_is_back(site: Site, heard: Path) -> None:
    with ExitStack() as stage:
        first = stage.enter_context(agent_at_desk(site, heard, user="agent1"))
        stage.enter_context(agent_at_desk(site, heard, user="agent2"))
        call = stage.enter_context(place(site, "dial14040", "17", folder=heard))
        wait_until_heard(call, voice_file("agent1"))
        _wait_for_spans(site, 1)
        site.kill_daemon()
        first.incoming().transfer(COLLEAGUE)
        wait_until_heard(call, voice_file("agent2"))
        site.start_daemon()
        breaking.wait_until_open(site)
        call.listen(TALK_S)
    anna, jan = _spans(site, "17")
    assert (anna["person"], jan["person"]) == ("anna", "jan")
    assert anna["until_at"] is not None
    assert alarms(site, "bug") == []


def test_of_a_call_that_was_not_recorded_it_is_not_kept_who_held_it(site: Site, heard: Path) -> None:
    with agent_at_desk(site, heard, user="agent1"), place(site, "dial14040", "18", folder=heard) as call:
        call.dtmf("1")
        wait_until_heard(call, voice_file("agent1"))
        _wait_for_spans(site, 1)
        call.listen(TALK_S)
    assert _spans(site, "18") == []


def test_somebody_else_s_login_sees_who_held_calls_only_where_it_is_root(site: Site) -> None:
    """Whoever may list calls as an operator is refused the agents: see tests/daemon/test_peers.py."""
    before = query(site, "SELECT count(*) AS n FROM ledger WHERE kind = 'agents_shown'")[0]["n"]
    site.cli("calls", "--agents")
    after = query(site, "SELECT count(*) AS n FROM ledger WHERE kind = 'agents_shown'")[0]["n"]
    assert after == before + 1


def _spans(site: Site, digits: str) -> list[Row]:
    """Return who held the latest call of a caller, once it is over."""
    call = ended(site, digits)
    return [span for span in site.cli("calls", "--agents") if span["call_id"] == call["call_id"]]


def _wait_for_spans(site: Site, number: int) -> None:
    def there() -> bool:
        found = query(site, "SELECT * FROM call_agents WHERE until IS NULL AND person_id IS NOT NULL")
        return len(found) == number

    deadline.wait_until(there, within_s=10, what=f"{number} agents have a call", every_s=0.1)


def _seconds(span: Row) -> float:
    if span["until_at"] is None:
        raise SandboxError(f"{span['person']} still has the call")
    return (from_iso(str(span["until_at"])) - from_iso(str(span["since_at"]))).total_seconds()
