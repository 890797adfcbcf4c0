"""N1 on the real PBX: internal and outbound calls through the same dialplan are as if it had no gate."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import installation
from commands.doctor.asterisk_files import AsteriskFiles
from commands.doctor.diagnosis import Verdict
from commands.doctor.snippets import snippet_checks
from policy.config import load_config
from policy.load import load_policies
from sandbox import deadline
from sandbox.fetch import Unpacked
from sandbox.site import Site
from sandbox.softphone import Softphone
from sandbox.speech import read_wav
from tests.conftest import ROOT
from tests.real.callers import (
    Row,
    decision,
    holds,
    holds_an_agent,
    place,
    prompt_file,
    query,
    site_of,
    status,
    voice_file,
    wait_for_agent,
)

POLICIES = (ROOT / "tests" / "real" / "policies" / "kort.toml",)
TRUNK = "PJSIP/trunk-from-loopback"
SLOW_AGENT_MS = 8_000
OUTSIDE_MS = 3_000


@pytest.fixture(scope="module")
def site(unpacked: Unpacked) -> Iterator[Site]:
    """A PBX that knows which of its endpoints is the trunk."""
    with site_of(unpacked, POLICIES, trunks=(TRUNK,)) as running:
        yield running


def test_the_pbx_has_what_config_and_policies_render(site: Site) -> None:
    config = load_config(site.config)
    rendered = installation.rendered(config, load_policies(config.path("policies")))
    checks = snippet_checks(AsteriskFiles(folder=site.asterisk.etc), rendered, ami_user="consentline")
    assert [check.name for check in checks if check.verdict is not Verdict.OK] == []
    assert f"Set(CONSENTLINE_TRUNKS={TRUNK})" in site.asterisk.rx("dialplan show consentline-settings")


@pytest.fixture
def desk(site: Site, heard: Path) -> Iterator[Softphone]:
    """An agent's own telephone."""
    with Softphone.start(site.asterisk.sip_address(), heard, name="own", voice=voice_file("agent2")) as phone:
        phone.register("agent2", site.asterisk.agent_password)
        yield phone


@pytest.mark.parametrize("number", ["slow14040", "agislow14040"])
def test_n1_an_internal_call_to_the_general_number_hears_no_notice_and_leaves_no_row(
    site: Site, desk: Softphone, number: str
) -> None:
    before, counted = _traces(site), _counted(site, "kort", "internal")
    began_ms = time.monotonic() * 1000
    call = desk.call(number, as_registered=True)
    answered_ms = call.wait("confirmed", within_s=20).at_ms - began_ms
    wait_for_agent(call)
    call.listen(1.0)
    call.hang_up()
    print(f"{number}: answered after {answered_ms:.0f} ms, by an agent who lets it ring for {SLOW_AGENT_MS}")
    assert answered_ms > SLOW_AGENT_MS - 1000
    samples = read_wav(call.heard)
    assert holds_an_agent(samples)
    assert not holds(samples, prompt_file(site, "kort"))
    _must_count(site, "kort", "internal", counted + 1)
    assert _traces(site) == before


def test_n1_an_outbound_call_hears_no_notice_and_leaves_no_row(site: Site, desk: Softphone) -> None:
    before, counted = _traces(site), _counted(site, None, "outbound")
    began_ms = time.monotonic() * 1000
    call = desk.call("0612345678", as_registered=True)
    answered_ms = call.wait("confirmed", within_s=20).at_ms - began_ms
    call.listen(4.0)
    call.hang_up()
    assert answered_ms > OUTSIDE_MS - 500
    samples = read_wav(call.heard)
    assert holds(samples, voice_file("stranger"))
    assert not holds(samples, prompt_file(site, "kort"))
    _must_count(site, None, "outbound", counted + 1)
    assert _traces(site) == before


def test_n1_a_call_from_the_trunk_to_the_same_number_is_asked(site: Site, heard: Path) -> None:
    with place(site, "14040", "81", folder=heard) as call:
        call.dtmf("1")
        assert decision(site, "81")["decision"] == "refused"


@pytest.mark.parametrize("number", ["slow14040", "agislow14040"])
def test_n1_without_the_daemon_an_internal_call_is_not_answered_and_leaves_no_mark(
    site: Site, desk: Softphone, number: str
) -> None:
    before = _traces(site)
    site.stop_daemon()
    try:
        began_ms = time.monotonic() * 1000
        call = desk.call(number, as_registered=True)
        answered_ms = call.wait("confirmed", within_s=20).at_ms - began_ms
        call.hang_up()
        assert answered_ms > SLOW_AGENT_MS - 1000
        assert list((site.home / "marks").glob("gate-*")) == []
    finally:
        site.start_daemon()
    assert _traces(site) == before


def test_without_the_daemon_a_call_from_outside_is_answered_by_the_agent_alone(
    site: Site, heard: Path
) -> None:
    site.stop_daemon()
    try:
        began_ms = time.monotonic() * 1000
        with place(site, "slow14040", "82", folder=heard, answered=False) as call:
            answered_ms = call.wait("confirmed", within_s=20).at_ms - began_ms
            wait_for_agent(call)
        assert answered_ms > SLOW_AGENT_MS - 1000
        assert len(list((site.home / "marks").glob("gate-*"))) == 1
    finally:
        site.start_daemon()


def _traces(site: Site) -> list[Row]:
    """Return whatever could tell of a call: rows, evidence, ledger, alarms."""
    return [
        *query(site, "SELECT * FROM calls"),
        *query(site, "SELECT * FROM decisions"),
        *query(site, "SELECT * FROM recordings"),
        *query(site, "SELECT * FROM ledger"),
        *query(site, "SELECT * FROM alarms"),
    ]


def _counted(site: Site, policy: str | None, kind: str) -> int:
    rows = query(site, "SELECT number FROM counts WHERE policy = ? AND kind = ?", policy or "", kind)
    return sum(row["number"] for row in rows)


def _must_count(site: Site, policy: str | None, kind: str, number: int) -> None:
    deadline.wait_until(
        lambda: _counted(site, policy, kind) == number, within_s=5, what=f"{number} {kind} calls are counted"
    )
    told = status(site)["unasked"]
    assert sum(row["number"] for row in told if (row["policy"], row["kind"]) == (policy, kind)) == number
