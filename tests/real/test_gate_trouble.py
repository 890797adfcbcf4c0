"""Notices that are not what was attested, and disks that are full: the call goes on, unrecorded."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from sandbox.site import Site
from sandbox.speech import read_wav
from tests.real.callers import Callers, alarms, alarms_of, evidence, holds, prompt_file
from tests.real.gate_stories import Story, playing, press, visit

HUGE_BYTES = 1 << 60


def _missing(notice: Path) -> None:
    notice.unlink()


def _altered(notice: Path) -> None:
    content = bytearray(notice.read_bytes())
    content[-1] ^= 1
    notice.write_bytes(content)


def _rivalled(notice: Path) -> None:
    samples = read_wav(notice)
    notice.with_suffix(".sln").write_bytes((samples * 32767).astype("<i2").tobytes())


def _cut(notice: Path) -> None:
    notice.write_bytes(notice.read_bytes()[: notice.stat().st_size // 2])


def _unattested(notice: Path) -> None:
    notice.with_suffix(".json").unlink()


DAMAGE = {
    "missing": ("14040", "71", "kort", "nl", _missing),
    "altered": ("en14040", "72", "kort", "en", _altered),
    "rivalled": ("14060", "73", "bewaard", "nl", _rivalled),
    "cut": ("14050", "74", "aankondiging", "nl", _cut),
    "unattested": ("14030", "75", "toestemming", "nl", _unattested),
    "cut, by AGI": ("agien14060", "76", "bewaard", "en", _cut),
}


@pytest.fixture(scope="module")
def damaged(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Story]:
    """A caller for each kind of damage; afterwards the prompts are as they were."""
    prompts, kept = site.home / "prompts", tmp_path_factory.mktemp("kept") / "prompts"
    shutil.copytree(prompts, kept)
    for _, _, policy, language, damage in DAMAGE.values():
        damage(prompt_file(site, policy, language=language))
    with Callers(site, tmp_path_factory.mktemp("damaged")) as troupe:

        def call(number: str, digits: str) -> Callable[[], Story]:
            return lambda: visit(site, troupe, number, digits)

        with playing({name: call(number, digits) for name, (number, digits, *_) in DAMAGE.items()}) as told:
            stories = {name: told(name) for name in DAMAGE}
    shutil.rmtree(prompts)
    shutil.copytree(kept, prompts)
    return stories


@pytest.mark.parametrize("name", DAMAGE)
def test_a_notice_that_is_not_as_attested_is_not_played_and_nothing_is_recorded(
    site: Site, damaged: Mapping[str, Story], name: str
) -> None:
    told = damaged[name]
    _, _, policy, language, _ = DAMAGE[name]
    (decided,) = told.decisions
    assert told.decided == told.shown["CONSENTLINE_DECISION"] == "notice_incomplete"
    assert (decided["heard_ms"], decided["audio_sha256"], decided["finished"]) == (0, None, 0)
    assert told.unrecorded
    assert told.reached_an_agent
    assert not holds(told.heard, prompt_file(site, policy, language=language))
    (alarm,) = alarms_of(site, told.row, "notice_unfit")
    assert f"{policy}/{language}/notice" in alarm["text"]
    print(alarm["text"])


@pytest.fixture
def no_room(site: Site) -> Iterator[Site]:
    """The spool is below its floor: the floor was raised above everything."""
    before = site.config.read_text()
    raised = re.sub(r"(?m)^spool_floor_bytes = \d+$", f"spool_floor_bytes = {HUGE_BYTES}", before)
    assert raised != before
    site.stop_daemon()
    site.config.write_text(raised)
    site.start_daemon()
    yield site
    site.stop_daemon()
    site.config.write_text(before)
    site.start_daemon()


def test_below_the_spools_floor_nothing_is_recorded_and_the_caller_notices_nothing(
    damaged: Mapping[str, Story], no_room: Site, tmp_path: Path
) -> None:
    assert damaged
    with Callers(no_room, tmp_path) as troupe:
        scenes = {
            "silent": lambda: visit(no_room, troupe, "14040", "81"),
            "refuses": lambda: visit(no_room, troupe, "14040", "82", act=press("1", after_s=1.0)),
            "by AGI": lambda: visit(no_room, troupe, "agi14040", "83"),
        }
        with playing(scenes) as told:
            for name in ("silent", "by AGI"):
                story = told(name)
                assert story.decided == story.shown["CONSENTLINE_DECISION"] == "not_refused"
                assert story.unrecorded
                assert evidence(no_room, story.row)[0]["finished"] == 1
                assert story.heard_whole(prompt_file(no_room, "kort"))
                assert story.reached_an_agent
                assert story.shown["Caller ID Name"] == "[not rec]"
            assert told("refuses").decided == "refused"
        (alarm,) = alarms(no_room, "recorder_not_ready")
        assert alarm["times"] == 2
