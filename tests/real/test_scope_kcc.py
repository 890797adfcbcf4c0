"""N1 and N13 on the real PBX: recorded is only who speaks with the KCC, through answers and transfers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from sandbox.fetch import Unpacked
from sandbox.site import Site
from sandbox.softphone import BYTES_A_SECOND, Call, Softphone
from sandbox.speech import RATE_HZ, read_wav
from tests.conftest import ROOT
from tests.real.callers import (
    Row,
    agent_at_desk,
    calls_of,
    decision,
    ended,
    export,
    holds,
    place,
    prompt_file,
    query,
    seconds,
    settled,
    site_of,
    spool_files,
    voice_file,
    wait_until_heard,
)

_DESKS = """
[[scope.kcc]]
endpoint = "PJSIP/agent1"
[[scope.kcc]]
endpoint = "PJSIP/agent2"
"""
SCOPES = {
    "houdt": ("14101", 'transfer_outside = "stop_and_keep"', _DESKS),
    "gaatdoor": ("14102", 'transfer_outside = "go_on"', _DESKS),
    "wist": ("14103", 'transfer_outside = "drop"', _DESKS),
    "rij": ("14104", 'transfer_outside = "stop_and_keep"', '[[scope.kcc]]\nqueue = "kcc-phones"\n'),
    "voorbij": (
        "14105",
        "",
        '[[scope.kcc]]\nendpoint = "PJSIP/agent1"\nvalid_until = 2020-01-01\n',
    ),
    "lijn": ("14106", "", '[[scope.kcc]]\ndialled = "+31341259911"\n'),
}
COLLEAGUE, OUTSIDER = "102", "103"
OUTSIDER_WITHOUT_A_TELEPHONE = "161"
TALK_S = 6.0


@pytest.fixture(scope="module")
def site(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A PBX with six organisations that record only their KCC."""
    folder = tmp_path_factory.mktemp("policies")
    with site_of(unpacked, _policies(folder)) as running:
        yield running


@pytest.fixture
def desks(site: Site, heard: Path) -> Iterator[Mapping[str, Softphone]]:
    """Agents 1 and 2 of the KCC, and agent 3, who is no KCC."""
    with ExitStack() as phones:
        yield {
            user: phones.enter_context(agent_at_desk(site, heard, user=user))
            for user in ("agent1", "agent2", "agent3")
        }


@pytest.fixture
def outsider(site: Site, heard: Path) -> Iterator[Softphone]:
    """Agent 3 alone: the queue rings nobody else."""
    with agent_at_desk(site, heard, user="agent3") as phone:
        yield phone


Desks = Mapping[str, Softphone]


@pytest.mark.usefixtures("outsider")
@pytest.mark.parametrize(("number", "digits"), [("phones14101", "11"), ("agiphones14101", "12")])
def test_n1_a_call_answered_by_somebody_else_is_not_kept(
    site: Site, heard: Path, number: str, digits: str
) -> None:
    with place(site, number, digits, folder=heard) as call:
        wait_until_heard(call, voice_file("agent3"))
        row = _must_be_dropped(site, digits)
        call.listen(TALK_S)
    assert spool_files(site, row["recording_id"]) == []
    told = holds(read_wav(call.heard), prompt_file(site, "houdt", "withdrawn"))
    assert told is not number.startswith("agi")


@pytest.mark.parametrize("number", ["dial14101", "agidial14101", "pipe14101"])
def test_n1_a_transfer_to_an_outsider_ends_the_recording_and_keeps_it(
    site: Site, desks: Desks, heard: Path, number: str, tmp_path: Path
) -> None:
    digits = {"dial14101": "21", "agidial14101": "22", "pipe14101": "23"}[number]
    with place(site, number, digits, folder=heard) as call:
        _talk_and_transfer(call, desks["agent1"], OUTSIDER)
        wait_until_heard(call, voice_file("agent3"))
        row = _settled(site, digits)
        assert row["state"] == "sealed"
        assert spool_files(site, row["recording_id"]) == []
        shown = _shown_channel(site, row["call_id"])
        assert "CONSENTLINE_RECORDING=\n" in shown
        assert "CONSENTLINE_ANNOUNCE=\n" in shown
    why = [line["rule"] for line in site.cli("policy", "explain", row["recording_id"])]
    assert "scope.transfer_outside = stop_and_keep" in why
    opened = export(site, row["recording_id"], tmp_path / "kept")
    print(f"{number}: {seconds(opened.agent):.2f} s kept")
    assert holds(opened.agent, voice_file("agent1"))
    assert not holds(opened.agent, voice_file("agent3"))
    assert holds(opened.caller, voice_file("caller1"))
    assert len(_recordings(site, digits)) == 1


def test_n1_where_the_outsider_speaks_from_the_dialplan_the_recording_ends_as_well(
    site: Site, desks: Desks, heard: Path, tmp_path: Path
) -> None:
    with place(site, "dial14101", "24", folder=heard) as call:
        _talk_and_transfer(call, desks["agent1"], OUTSIDER_WITHOUT_A_TELEPHONE)
        wait_until_heard(call, voice_file("stranger"))
        row = _settled(site, "24")
    opened = export(site, row["recording_id"], tmp_path / "kept")
    assert not holds(opened.agent, voice_file("stranger"))


def test_a_policy_may_let_the_recording_go_on(site: Site, desks: Desks, heard: Path, tmp_path: Path) -> None:
    with place(site, "dial14102", "31", folder=heard) as call:
        _talk_and_transfer(call, desks["agent1"], OUTSIDER)
        wait_until_heard(call, voice_file("agent3"))
        _must_run_on(site, call, "31")
    _must_hold_all_of_it(site, "31", tmp_path)


def test_a_policy_may_drop_what_went_to_an_outsider(site: Site, desks: Desks, heard: Path) -> None:
    with place(site, "dial14103", "32", folder=heard) as call:
        _talk_and_transfer(call, desks["agent1"], OUTSIDER)
        wait_until_heard(call, voice_file("agent3"))
        row = _must_be_dropped(site, "32")
        assert spool_files(site, row["recording_id"]) == []


@pytest.mark.parametrize(("number", "digits"), [("dial14101", "41"), ("dial14103", "42")])
def test_a_transfer_within_the_kcc_is_recorded_to_its_end(
    site: Site, desks: Desks, heard: Path, number: str, digits: str
) -> None:
    with place(site, number, digits, folder=heard) as call:
        _talk_and_transfer(call, desks["agent1"], COLLEAGUE)
        wait_until_heard(call, voice_file("agent2"))
        _must_run_on(site, call, digits)
    _must_hold_all_of_it(site, digits, heard)


@pytest.mark.parametrize(("number", "digits"), [("dial14103", "43"), ("pipe14103", "44")])
def test_a_call_that_simply_ends_is_kept_though_the_policy_drops_transfers(
    site: Site, desks: Desks, heard: Path, number: str, digits: str
) -> None:
    with place(site, number, digits, folder=heard) as call:
        wait_until_heard(call, voice_file("agent1"))
        desks["agent1"].incoming().hang_up()
        call.wait("disconnected")
    assert _settled(site, digits)["state"] == "sealed"


def test_a_return_to_the_kcc_is_not_recorded_again(
    site: Site, desks: Desks, heard: Path, tmp_path: Path
) -> None:
    with place(site, "dial14101", "45", folder=heard) as call:
        _talk_and_transfer(call, desks["agent1"], OUTSIDER)
        wait_until_heard(call, voice_file("agent3"))
        desks["agent3"].incoming().transfer(COLLEAGUE)
        wait_until_heard(call, voice_file("agent2"))
        call.listen(TALK_S)
        assert list(site.spool.iterdir()) == []
    ended(site, "45")
    (recording,) = _recordings(site, "45")
    opened = export(site, recording["recording_id"], tmp_path / "kept")
    assert not holds(opened.agent, voice_file("agent2"))


def test_a_queue_counts_whom_it_rang_and_nobody_who_came_by_a_transfer_after_asking(
    site: Site, heard: Path, tmp_path: Path
) -> None:
    with ExitStack() as stage:
        agent = stage.enter_context(agent_at_desk(site, heard, user="agent1"))
        call = stage.enter_context(place(site, "phones14104", "51", folder=heard))
        wait_until_heard(call, voice_file("agent1"))
        call.listen(TALK_S)
        stage.enter_context(agent_at_desk(site, heard, user="agent3"))
        question = agent.call(OUTSIDER, as_registered=True)
        question.wait("confirmed")
        agent.incoming().transfer_to(question)
        wait_until_heard(call, voice_file("agent3"))
        row = _settled(site, "51")
        assert row["state"] == "sealed"
    opened = export(site, row["recording_id"], tmp_path / "kept")
    assert holds(opened.agent, voice_file("agent1"))
    assert not holds(opened.agent, voice_file("agent3"))


def test_n13_a_membership_that_is_over_counts_no_more(site: Site, desks: Desks, heard: Path) -> None:
    with place(site, "dial14105", "61", folder=heard) as call:
        wait_until_heard(call, voice_file("agent1"))
        _must_be_dropped(site, "61")


@pytest.mark.parametrize(("number", "digits"), [("teamsa", "62"), ("teamsb", "63")])
def test_n13_on_a_shared_trunk_the_number_dialled_tells_who_is_kcc(
    site: Site, desks: Desks, heard: Path, number: str, digits: str
) -> None:
    with place(site, f"{number}14106", digits, folder=heard) as call:
        wait_until_heard(call, voice_file("agent1"))
        call.listen(TALK_S)
    if number == "teamsa":
        assert _settled(site, digits)["state"] == "sealed"
    else:
        _must_be_dropped(site, digits)


def _talk_and_transfer(call: Call, agent: Softphone, number: str) -> None:
    wait_until_heard(call, voice_file("agent1"))
    call.listen(TALK_S)
    agent.incoming().transfer(number)


def _must_run_on(site: Site, call: Call, digits: str) -> None:
    """See that the tape runs while the second talk goes on."""
    files = spool_files(site, decision(site, digits)["recording_id"])
    before = [path.stat().st_size for path in files]
    call.listen(TALK_S)
    grown = [path.stat().st_size - size for path, size in zip(files, before, strict=True)]
    assert len(files) == 2
    assert min(grown) > (TALK_S - 1) * BYTES_A_SECOND


def _must_hold_all_of_it(site: Site, digits: str, folder: Path) -> None:
    """See both talks in what is kept, by the caller's voice.

    The second agent's is missing from some: a fault of Asterisk, see docs/threat-model.md.
    """
    row = _settled(site, digits)
    opened = export(site, row["recording_id"], folder / "kept")
    assert holds(opened.agent, voice_file("agent1"))
    second_talk = opened.caller[-int((TALK_S - 1) * RATE_HZ) :]
    assert holds(second_talk, voice_file("caller1"))
    assert seconds(opened.caller) > 2 * TALK_S


def _shown_channel(site: Site, call_id: str) -> str:
    """Return what Asterisk shows of a caller's channel, its variables too."""
    for name in site.asterisk.channels():
        shown = site.asterisk.rx(f"core show channel {name}")
        if f"UniqueID: {call_id}" in shown:
            return shown
    raise AssertionError(f"no channel of {call_id}")


def _recordings(site: Site, digits: str) -> list[Row]:
    (call,) = calls_of(site, digits)
    return query(site, "SELECT * FROM recordings WHERE call_id = ? ORDER BY rowid", call["call_id"])


def _settled(site: Site, digits: str) -> Row:
    return settled(site, decision(site, digits)["recording_id"])


def _must_be_dropped(site: Site, digits: str) -> Row:
    _settled(site, digits)
    (row,) = _recordings(site, digits)
    assert (row["erased_because"], row["withdrawn_by"]) == ("out_of_scope", None)
    assert row["sealed_at"] is None
    return row


def _policies(folder: Path) -> list[Path]:
    base = (ROOT / "tests" / "real" / "policies" / "kort.toml").read_text()
    base = base.replace('mode = "opt_out"\nrefuse_key = "1"\nreply_window_ms = 1000', 'mode = "announce"')
    base = base.replace("Nee? Toets {refuse_key}. ", "").replace("No? Press {refuse_key}. ", "")
    paths = []
    for name, (number, transfer, members) in SCOPES.items():
        scope = f'\n[scope]\nanswered_by = "kcc"\n{transfer}\n{members}\n[consent]\n'
        path = folder / f"{name}.toml"
        path.write_text(base.replace('"14040"', f'"{number}"').replace("\n[consent]\n", scope))
        paths.append(path)
    return paths
