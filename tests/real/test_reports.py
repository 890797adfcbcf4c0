"""What the reports of five organisations show of real calls: refused, withdrawn, recorded, waited, abandoned.

All callers call at once, on one PBX; everybody of an organisation shares its queues.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from sandbox.fetch import Unpacked
from sandbox.site import Site
from sandbox.softphone import Call
from tests.conftest import ROOT
from tests.real import callers
from tests.real.callers import Callers, site_of
from tests.real.gate_stories import Act, Story, playing, press, visit

FIVE = tuple(
    ROOT / "policies" / f"{name}.toml" for name in ("eindhoven", "groningen", "heerde", "nunspeet", "rvo")
)
TRUNK = "PJSIP/trunk-from-loopback"
RINGS_S = 8
IN_VAIN_S = 6.0

Told = Callable[[str], Story]


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
