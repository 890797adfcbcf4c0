"""What the reports of five organisations show of real calls: refused, withdrawn, recorded, waited, abandoned.

All callers call at once, on one PBX; everybody of an organisation shares its queues.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from policy.clock import SystemClock
from sandbox.fetch import Unpacked
from sandbox.site import OFFICER, PERSON, Site
from sandbox.softphone import Call
from tests.conftest import ROOT
from tests.real import callers
from tests.real.callers import Callers, Row, site_of
from tests.real.gate_stories import Act, Story, playing, press, visit

FIVE = tuple(
    ROOT / "policies" / f"{name}.toml" for name in ("eindhoven", "groningen", "heerde", "nunspeet", "rvo")
)
TRUNK = "PJSIP/trunk-from-loopback"
RINGS_S = 8
IN_VAIN_S = 6.0

Told = Callable[[str], Story]

SCENES = (
    "eindhoven recorded",
    "eindhoven refuses",
    "eindhoven withdraws",
    "eindhoven waits",
    "eindhoven in vain",
    "groningen recorded",
    "groningen in vain",
    "heerde recorded",
    "nunspeet in vain",
    "rvo recorded",
    "rvo in vain",
)


@pytest.fixture(scope="module")
def site(unpacked: Unpacked) -> Iterator[Site]:
    """One PBX that serves all five."""
    with site_of(unpacked, FIVE, trunks=(TRUNK,)) as running:
        print(f"Asterisk {running.asterisk.version()}, {len(FIVE)} policies")
        yield running


@pytest.fixture(scope="module")
def story(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Everybody who calls; `phones` is a queue of telephones of which none is registered."""
    with Callers(site, tmp_path_factory.mktemp("heard")) as troupe:

        def caller(number: str, digits: str, act: Act) -> Callable[[], Story]:
            return lambda: visit(site, troupe, number, digits, act=act)

        scenes = {
            "eindhoven recorded": caller("14040", "11", _talk(site, "11")),
            "eindhoven refuses": caller("14040", "12", press("1", after_s=4.0)),
            "eindhoven withdraws": caller("14040", "13", _withdraw(site, "13")),
            "eindhoven waits": caller("slow14040", "14", _wait_for_an_agent(site, "14")),
            "eindhoven in vain": caller("phones14040", "15", _wait_in_vain(site, "15")),
            "groningen recorded": caller("14050", "21", _talk(site, "21")),
            "groningen in vain": caller("phones14050", "22", _wait_in_vain(site, "22")),
            "heerde recorded": caller("140578", "31", _talk(site, "31")),
            "nunspeet in vain": caller("0341259911", "51", _wait_in_vain(site, "51")),
            "rvo recorded": caller("0880424242", "41", _talk(site, "41")),
            "rvo in vain": caller("phones0880424242", "42", _wait_in_vain(site, "42")),
        }
        assert tuple(sorted(scenes)) == tuple(sorted(SCENES))
        with playing(scenes) as told:
            yield told


# --- what is kept of each call ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "queue"),
    [
        ("eindhoven recorded", "kcc"),
        ("groningen recorded", "kcc-groningen"),
        ("heerde recorded", "kcc-heerde"),
        ("rvo recorded", "kcc-rvo"),
    ],
)
def test_who_was_answered_at_once_waited_in_their_queue_and_talked(
    story: Told, name: str, queue: str
) -> None:
    row = story(name).row
    assert (row["queue"], row["answered"]) == (queue, True)
    assert row["talked_s"] >= 3
    assert row["waited_s"] in ((None,) if name.startswith(("groningen", "heerde")) else (0, 1, 2, 3))


def test_e7_who_waits_while_it_rings_has_waited_that_long(story: Told) -> None:
    row = story("eindhoven waits").row
    assert (row["queue"], row["answered"]) == ("kcc-slow", True)
    assert RINGS_S - 1 <= row["waited_s"] <= RINGS_S + 3


@pytest.mark.parametrize(
    ("name", "queue", "keeps_waiting"),
    [
        ("eindhoven in vain", "kcc-phones", True),
        ("groningen in vain", "kcc-phones", False),
        ("nunspeet in vain", "kcc-nunspeet", False),
        ("rvo in vain", "kcc-phones", True),
    ],
)
def test_who_hangs_up_in_the_queue_is_on_record_there_unanswered(
    story: Told, name: str, queue: str, keeps_waiting: bool
) -> None:
    row = story(name).row
    assert (row["queue"], row["answered"], row["talked_s"]) == (queue, False, 0)
    assert (row["waited_s"] is not None) is keeps_waiting
    assert row["waited_s"] is None or row["waited_s"] >= IN_VAIN_S


def test_who_refuses_is_answered_all_the_same_and_their_queue_is_known(story: Told) -> None:
    row = story("eindhoven refuses").row
    assert (row["decision"], row["queue"], row["answered"]) == ("refused", "kcc", True)


def test_calls_are_listed_by_queue(site: Site, story: Told) -> None:
    for name in ("eindhoven in vain", "groningen in vain", "rvo in vain"):
        story(name)
    rows = site.cli("calls", "--queue", "kcc-phones")
    assert {row["policy"] for row in rows} == {"eindhoven", "groningen", "rvo"}


# --- what the reports show of them ------------------------------------------------------------------


EXPECTED = {
    "eindhoven": {"answered": 4, "in_vain": 1, "recorded": 3, "withdrawn": 1, "refused": 1},
    "groningen": {"answered": 1, "in_vain": 1, "recorded": 2, "withdrawn": 0, "refused": 0},
    "heerde": {"answered": 1, "in_vain": 0, "recorded": 1, "withdrawn": 0, "refused": 0},
    "nunspeet": {"answered": 0, "in_vain": 1, "recorded": 1, "withdrawn": 0, "refused": 0},
    "rvo": {"answered": 1, "in_vain": 1, "recorded": 2, "withdrawn": 0, "refused": 0},
}
"""Of each organisation's calls; who waits in vain was asked as well, and there is nothing to record."""


@pytest.fixture(scope="module")
def over(site: Site, story: Told) -> Site:
    """The site, once every call is over; the sandbox's person gives account for all five."""
    for name in SCENES:
        story(name)
    for policy in EXPECTED:
        site.run("people", "give-hat", PERSON, OFFICER, "--policy", policy)
    return site


@pytest.mark.parametrize("policy", list(EXPECTED))
def test_e10_r8_calls_and_consent_are_counted_as_they_were(over: Site, policy: str) -> None:
    counts = _counts(_report(over, "calls", policy, "--exact")) | _counts(
        _report(over, "consent", policy, "--exact")
    )
    assert {key: counts[key] for key in EXPECTED[policy]} == EXPECTED[policy], counts


def test_e7_waiting_is_measured_where_the_policy_names_it_and_nowhere_else(over: Site) -> None:
    for policy, kept in (("eindhoven", True), ("rvo", True), ("heerde", False), ("nunspeet", False)):
        report = _report(over, "calls", policy, "--exact", "--by", "queue")
        (table,) = report["tables"]
        at = [one["key"] for one in table["measures"]].index("waited_median")
        assert (table["total"]["measures"][at] is not None) is kept, policy
        facts = {fact["key"] for fact in report["facts"]}
        assert ("waiting_not_kept" in facts) is not kept


def test_small_counts_of_real_calls_are_not_shown(over: Site) -> None:
    report = _report(over, "consent", "eindhoven")
    assert report["hidden"] > 0
    (table,) = report["tables"]
    assert all(count in (0, None) or count >= 5 for count in table["total"]["counts"])


def test_who_has_no_role_reads_no_report_and_both_are_on_the_ledger(over: Site) -> None:
    over.run("people", "take-hat", PERSON, OFFICER, "--policy", "heerde")
    who = ("--person", PERSON, "--policy", "heerde", "--from", _yesterday())
    refused = over.run("report", "calls", *who, with_passphrase=True, check=False)
    assert (refused.returncode, "report calls is read by" in refused.stderr) == (13, True), refused.stderr
    over.run("people", "give-hat", PERSON, OFFICER, "--policy", "heerde")
    kinds = [entry["kind"] for entry in over.cli("ledger", "show")]
    assert "report_given" in kinds
    assert "access_refused" in kinds


@pytest.mark.parametrize("policy", list(EXPECTED))
def test_compliance_of_each_organisation_after_real_calls(over: Site, policy: str, tmp_path: Path) -> None:
    who = ("--person", PERSON, "--from", _yesterday())
    (report,) = over.cli("report", "compliance", policy, *who, with_passphrase=True)
    broken = [line["promise"] for line in (*report["lines"], *report["general"]) if line["kept"] == "no"]
    assert set(broken) <= {"keys", "staff.told_at", "staff.informed"}, broken
    kept = {line["promise"]: line["kept"] for line in (*report["lines"], *report["general"])}
    assert (kept["retention.recording"], kept["ledger"]) == ("yes", "yes")
    page = tmp_path / "naleving.html"
    over.run("report", "compliance", policy, *who, "--page", str(page), "--quick", with_passphrase=True)
    assert "Niet nagekomen" in page.read_text() or not broken


def test_breach_tells_what_is_on_the_host_now(over: Site) -> None:
    who = ("--person", PERSON, "--policy", "eindhoven")
    now = SystemClock().now().isoformat()
    (report,) = over.cli("report", "breach", *who, "--at", now, "--callers", with_passphrase=True)
    facts = {fact["key"]: fact["value"] for fact in (*report["recordings"], *report["calls"])}
    assert (facts["calls_with_data"], facts["caller_lines"]) == (5, 5)
    assert facts["sealed_recordings"] + facts["open_recordings"] >= 2
    assert [caller["caller"][-2:] for caller in report["callers"]] == sorted(
        (caller["caller"][-2:] for caller in report["callers"]),
        key=lambda digits: [one["first_at"] for one in report["callers"] if one["caller"].endswith(digits)],
    )
    assert callers.caller_number("11") not in str(report)


def test_a_page_of_real_calls_loads_nothing_and_names_nobody(over: Site, tmp_path: Path) -> None:
    page = tmp_path / "november.html"
    who = ("--person", PERSON, "--policy", "eindhoven", "--from", _yesterday(), "--page", str(page))
    over.run("report", "calls", *who, "--by", "hour", "--exact", with_passphrase=True)
    text = page.read_text()
    assert "gemeente Eindhoven" in text
    assert callers.caller_number("11") not in text


def _report(site: Site, name: str, policy: str, *more: str) -> Row:
    who = ("--person", PERSON, "--policy", policy, "--from", _yesterday())
    (report,) = site.cli("report", name, *who, *more, with_passphrase=True)
    found: Row = report
    return found


def _counts(report: Row) -> dict[str, int]:
    (table,) = report["tables"]
    return dict(zip((*table["parts"], "whole"), table["total"]["counts"], strict=True))


def _yesterday() -> str:
    return (SystemClock().now() - timedelta(days=1)).date().isoformat()


def _talk(site: Site, digits: str) -> Act:
    def act(call: Call) -> None:
        callers.decision(site, digits)
        call.listen(3.0)

    return act


def _withdraw(site: Site, digits: str) -> Act:
    def act(call: Call) -> None:
        callers.decision(site, digits)
        call.listen(3.0)
        call.dtmf("*9")
        call.listen(4.0)

    return act


def _wait_for_an_agent(site: Site, digits: str) -> Act:
    def act(call: Call) -> None:
        callers.decision(site, digits)
        callers.wait_for_agent(call)

    return act


def _wait_in_vain(site: Site, digits: str) -> Act:
    def act(call: Call) -> None:
        callers.decision(site, digits)
        call.listen(IN_VAIN_S)

    return act
