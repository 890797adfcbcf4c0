"""The gate by AGI: the same outcomes, evidence and ways onward, by a script instead of ARI."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from sandbox import deadline
from sandbox.site import Site
from sandbox.softphone import Call
from tests.real import callers
from tests.real.callers import (
    Callers,
    export,
    holds,
    holds_an_agent,
    prompt_file,
    query,
    sha256,
    voice_file,
    wait_for_agent,
)
from tests.real.gate_stories import Story, leave, playing, press, visit

Told = Callable[[str], Story]
NOTICE_S = 6.9
IN_THE_WINDOW_S = NOTICE_S + 0.4
TALK_S = 3.0


def _withdraw(call: Call) -> None:
    wait_for_agent(call)
    call.listen(1.0)
    call.dtmf("*9")


@pytest.fixture(scope="module")
def story(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Nine callers at once."""
    with Callers(site, tmp_path_factory.mktemp("heard")) as troupe:
        scenes = {
            "silent": lambda: visit(site, troupe, "agi14040", "51"),
            "refuses": lambda: visit(site, troupe, "agi14040", "52", act=press("1", after_s=2.0)),
            "in the window": lambda: visit(
                site, troupe, "agi14040", "53", act=press("1", after_s=IN_THE_WINDOW_S)
            ),
            "other key": lambda: visit(site, troupe, "agi14040", "54", act=press("5", after_s=2.0)),
            "hangs up": lambda: leave(site, troupe, "agi14040", "55", act=lambda call: call.listen(2.0)),
            "English": lambda: visit(site, troupe, "agien14040", "56"),
            "accepts": lambda: visit(site, troupe, "agi14030", "57", act=press("2", after_s=2.0)),
            "told": lambda: visit(site, troupe, "agi14050", "58"),
            "twice": lambda: visit(site, troupe, "agitwice14040", "59", act=wait_for_agent),
            "withdraws": lambda: visit(site, troupe, "agi14040", "60", act=_withdraw),
        }
        with playing(scenes) as told:
            yield told


def test_silence_is_recorded_sealed_and_evidenced(
    site: Site, story: Told, tmp_path_factory: pytest.TempPathFactory
) -> None:
    told = story("silent")
    (decided,) = told.decisions
    audio = prompt_file(site, "kort")
    assert (told.decided, decided["way"], decided["digit"]) == ("not_refused", "agi", None)
    assert decided["policy_hash"] == sha256(site.home / "policies" / "kort.toml")
    assert (decided["audio_sha256"], decided["language"]) == (sha256(audio), "nl")
    assert decided["heard_ms"] >= decided["prompt_duration_ms"] - 300
    assert (decided["finished"], decided["window_over"]) == (1, 1)
    assert decided["decided_at"] <= min(told.spool.values())
    assert told.heard_whole(audio)
    assert told.shown["CONSENTLINE_DECISION"] == "not_refused"
    assert told.shown["level 1: userfield"] == told.row["recording_id"]
    opened = export(site, told.row["recording_id"], tmp_path_factory.mktemp("export") / "agi")
    assert holds(opened.caller, voice_file("caller1"))
    assert holds_an_agent(opened.agent)
    assert opened.manifest["evidence"][0]["way"] == "agi"


@pytest.mark.parametrize(
    ("who", "from_ms", "to_ms"), [("refuses", 1500, 3500), ("in the window", 6900, 8200)]
)
def test_the_key_refuses_in_notice_and_window(story: Told, who: str, from_ms: int, to_ms: int) -> None:
    told = story(who)
    (decided,) = told.decisions
    assert (told.decided, decided["digit"]) == ("refused", "1")
    assert from_ms < decided["digit_offset_ms"] < to_ms
    assert told.unrecorded
    assert told.reached_an_agent


def test_another_key_decides_nothing(story: Told) -> None:
    told = story("other key")
    assert (told.decided, told.row["digit"]) == ("not_refused", None)
    assert _is_sealed(told)


def test_who_hangs_up_in_the_notice_is_on_record_as_gone(story: Told) -> None:
    told = story("hangs up")
    (decided,) = told.decisions
    assert (told.decided, decided["hung_up"]) == ("caller_gone", 1)
    assert 500 < decided["heard_ms"] < 4000
    assert told.unrecorded


def test_the_notice_is_in_the_callers_language(site: Site, story: Told) -> None:
    told = story("English")
    assert told.decisions[0]["language"] == "en"
    assert told.heard_whole(prompt_file(site, "kort", language="en"))
    assert told.shown["CONSENTLINE_ANNOUNCE"].endswith("/kort/en/agent_recorded")


@pytest.mark.parametrize(("who", "outcome"), [("accepts", "accepted"), ("told", "announced")])
def test_the_other_ways_of_asking_work_as_well(story: Told, who: str, outcome: str) -> None:
    told = story(who)
    assert told.decided == told.shown["CONSENTLINE_DECISION"] == outcome
    assert _is_sealed(told)


def test_silence_at_two_gates_keeps_the_one_recording_that_runs(site: Site, story: Told) -> None:
    told = story("twice")
    assert [decided["outcome"] for decided in told.decisions] == ["not_refused", "not_refused"]
    assert len(query(site, "SELECT * FROM recordings WHERE call_id = ?", told.row["call_id"])) == 1
    assert told.shown["CONSENTLINE_RECORDING"] == told.row["recording_id"]
    assert _is_sealed(told)


def test_the_callers_keys_withdraw_a_recording_that_began_by_agi(site: Site, story: Told) -> None:
    told = story("withdraws")
    assert told.recording is not None
    assert told.recording["erased_because"] == "withdrawn"
    assert told.spool == {}
    (kept,) = query(site, "SELECT * FROM recordings WHERE call_id = ?", told.row["call_id"])
    assert kept["withdrawn_by"] == "caller_key"
    assert kept["sealed_at"] is None


@pytest.mark.parametrize("number", ["agi14040", "14040"])
def test_without_the_daemon_the_call_goes_straight_to_an_agent_unrecorded(
    site: Site, story: Told, number: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in ("twice", "withdraws"):
        story(name)
    before = {row["call_id"] for row in query(site, "SELECT call_id FROM calls")}
    site.stop_daemon()
    try:
        with Callers(site, tmp_path_factory.mktemp("alone")) as troupe:
            call = troupe.place(number, "61")
            waited_ms = wait_for_agent(call) - call.wait("confirmed").at_ms
            call.listen(1.0)
            assert list(site.spool.iterdir()) == []
            call.hang_up()
    finally:
        site.start_daemon()
    print(f"{number}: an agent is heard {waited_ms:.0f} ms after the answer")
    assert waited_ms < 4000

    def taken_in() -> list[callers.Row]:
        rows = query(site, "SELECT * FROM calls WHERE outcome IS NOT NULL")
        return [row for row in rows if row["call_id"] not in before]

    (row,) = deadline.wait_until(taken_in, within_s=10, what="the mark is taken in")
    assert (row["outcome"], row["way"]) == ("gate_unavailable", "mark")
    assert query(site, "SELECT * FROM recordings WHERE call_id = ?", row["call_id"]) == []


def _is_sealed(told: Story) -> bool:
    return told.recording is not None and told.recording["state"] == "sealed" and len(told.spool) == 2
