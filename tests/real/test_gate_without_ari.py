"""A PBX that has no ARI at all: calls enter by AGI, AMI tells the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from sandbox.site import Site
from tests.real.callers import Callers, ended, wait_for_agent
from tests.real.gate_stories import Story, playing, press, visit

Told = Callable[[str], Story]


@pytest.fixture(scope="module")
def story(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Two callers at once, after the daemon was told that there is no ARI."""
    site.stop_daemon()
    text = site.config.read_text()
    site.config.write_text(text.replace("[asterisk]\n", "[asterisk]\nwithout_ari = true\n", 1))
    site.start_daemon()
    with Callers(site, tmp_path_factory.mktemp("heard")) as troupe:
        scenes = {
            "silent": lambda: visit(site, troupe, "agi14040", "21", act=wait_for_agent),
            "refuses": lambda: visit(site, troupe, "agi14040", "22", act=press("1", after_s=2.0)),
        }
        with playing(scenes) as told:
            yield told


def test_the_daemon_asks_nothing_of_ari(site: Site, story: Told) -> None:
    assert "consentline" not in site.asterisk.rx("ari show apps")
    assert story("silent").reached_an_agent


def test_silence_is_recorded_and_sealed_and_its_end_is_on_record(site: Site, story: Told) -> None:
    told = story("silent")
    assert told.decided == "not_refused"
    assert told.recording is not None
    assert told.recording["state"] == "sealed"
    assert ended(site, "21")["ended_at"] is not None


def test_a_refusal_is_a_refusal(story: Told) -> None:
    assert story("refuses").decided == "refused"
    assert story("refuses").unrecorded
