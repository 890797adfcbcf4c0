"""What the administrator's own dialplan, and the agent, are told; a gate that is entered twice."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from policy.clock import from_iso, to_ms
from sandbox.site import Site
from sandbox.softphone import Call
from tests.real.callers import (
    Callers,
    Row,
    agent_at_desk,
    caller_number,
    prompt_file,
    query,
    wait_for_agent,
)
from tests.real.gate_stories import Act, Story, leave, playing, press, visit

Told = Callable[[str], Story]
SECOND_NOTICE_S = 11.0
LIMIT_S = 45


def _in_second_notice(key: str) -> Act:
    def act(call: Call) -> None:
        call.listen(SECOND_NOTICE_S)
        call.dtmf(key)
        wait_for_agent(call)

    return act


@pytest.fixture(scope="module")
def story(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Callers through one gate, and through two in a row."""
    with Callers(site, tmp_path_factory.mktemp("heard")) as troupe:
        scenes = {
            "recorded": lambda: visit(site, troupe, "14040", "31"),
            "refused": lambda: visit(site, troupe, "14040", "32", act=press("1", after_s=1.0)),
            "French": lambda: visit(site, troupe, "fr14040", "33"),
            "limited": lambda: visit(site, troupe, "limit14040", "34"),
            "limited, refused": lambda: visit(site, troupe, "limit14040", "35", act=press("1", after_s=1.0)),
            "silent twice": lambda: visit(
                site, troupe, "twice14040", "36", act=wait_for_agent, display_name="Jan de Vries"
            ),
            "silent, then refuses": lambda: visit(
                site, troupe, "twice14040", "37", act=_in_second_notice("1")
            ),
            "refuses": lambda: visit(site, troupe, "twice14040", "38", act=press("1", after_s=2.0)),
            "silent, then leaves": lambda: leave(
                site, troupe, "twice14040", "39", act=lambda call: call.listen(SECOND_NOTICE_S)
            ),
            "silent, then withdraws": lambda: visit(
                site, troupe, "twice14040", "40", act=_in_second_notice("*9")
            ),
        }
        with playing(scenes) as told:
            yield told


@pytest.fixture(scope="module")
def screens(site: Site, story: Told, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What two agents' telephones show of callers 41 (recorded) and 42 (refused); beside the rest."""
    del story
    folder = tmp_path_factory.mktemp("desks")
    with (
        agent_at_desk(site, folder, user="agent1") as one,
        agent_at_desk(site, folder, user="agent2") as other,
        Callers(site, folder) as troupe,
    ):
        troupe.place("phones14040", "41", display_name="Jan de Vries")
        troupe.place("phones14040", "42", display_name="J\u00fcrgen \u00d6z").dtmf("1")
        shown = [desk.wait("incoming", within_s=30).text for desk in (one, other)]
        return {
            digits: next(text for text in shown if caller_number(digits) in text) for digits in ("41", "42")
        }


def test_the_agents_telephone_shows_whether_the_call_is_recorded(screens: dict[str, str]) -> None:
    assert screens["41"].startswith('"[rec] Jan de Vries" <')
    assert screens["42"].startswith('"[not rec] J\u00fcrgen \u00d6z" <')


def test_the_dialplan_knows_decision_and_recording_of_a_recorded_call(site: Site, story: Told) -> None:
    told = story("recorded")
    recording_id = told.row["recording_id"]
    assert told.shown["CONSENTLINE_DECISION"] == "not_refused"
    assert told.shown["CONSENTLINE_RECORDING"] == recording_id
    assert told.shown["level 1: userfield"] == recording_id
    assert {name.partition("-")[0] for name in told.spool} == {recording_id}
    assert told.shown["CONSENTLINE_POLICY"] == "kort"
    _must_announce(site, told, "agent_recorded", "nl")
    assert _userfield(site, told) == recording_id


def test_the_dialplan_knows_that_a_caller_refused(site: Site, story: Told) -> None:
    told = story("refused")
    assert told.shown["CONSENTLINE_DECISION"] == "refused"
    assert told.shown["CONSENTLINE_RECORDING"] == ""
    assert "level 1: userfield" not in told.shown
    _must_announce(site, told, "agent_not_recorded", "nl")
    assert _userfield(site, told) == ""


def test_the_agents_announcement_exists_also_for_a_language_that_the_policy_does_not_speak(
    site: Site, story: Told
) -> None:
    _must_announce(site, story("French"), "agent_recorded", "nl")


@pytest.mark.parametrize("who", ["limited", "limited, refused"])
def test_the_administrators_own_time_limit_is_put_back(story: Told, who: str) -> None:
    told = story(who)
    began_s = to_ms(from_iso(told.row["started_at"])) / 1000
    allowed_s = int(told.shown["Time to Hangup"]) - began_s
    print(f"{who}: {allowed_s:.1f} of {LIMIT_S} s")
    assert LIMIT_S - 2 <= allowed_s <= LIMIT_S + 2
    assert story("recorded").shown["Time to Hangup"] == "0"


# --- two gates --------------------------------------------------------------------------------------


def test_silence_at_two_gates_keeps_the_one_recording_that_runs(site: Site, story: Told) -> None:
    told = story("silent twice")
    assert [decided["outcome"] for decided in told.decisions] == ["not_refused", "not_refused"]
    assert [bool(decided["recording_id"]) for decided in told.decisions] == [True, False]
    assert told.shown["CONSENTLINE_RECORDING"] == told.row["recording_id"]
    assert len(told.spool) == 2
    assert len(_recordings(site, told)) == 1
    assert told.recording is not None
    assert told.recording["state"] == "sealed"
    assert told.shown["Caller ID Name"] == "[rec] Jan de Vries"


def test_a_refusal_at_the_second_gate_takes_back_what_the_first_permitted(site: Site, story: Told) -> None:
    told = story("silent, then refuses")
    assert [decided["outcome"] for decided in told.decisions] == ["not_refused", "refused"]
    assert told.decided == told.shown["CONSENTLINE_DECISION"] == "refused"
    assert told.shown["Caller ID Name"] == "[not rec]"
    _must_be_withdrawn(site, told, "second_gate")


def test_who_leaves_at_the_second_gate_is_not_recorded_at_the_first_either(site: Site, story: Told) -> None:
    told = story("silent, then leaves")
    assert [decided["outcome"] for decided in told.decisions] == ["not_refused", "caller_gone"]
    assert told.decided == "caller_gone"
    _must_be_withdrawn(site, told, "second_gate")


def test_the_withdraw_code_at_the_second_gate_ends_the_asking(site: Site, story: Told) -> None:
    told = story("silent, then withdraws")
    assert told.shown["CONSENTLINE_DECISION"] == "refused"
    _must_be_withdrawn(site, told, "caller_key")
    assert told.reached_an_agent


def test_who_refused_at_the_first_gate_is_not_asked_again(story: Told) -> None:
    told = story("refuses")
    assert [decided["outcome"] for decided in told.decisions] == ["refused"]
    assert told.unrecorded
    assert told.shown["CONSENTLINE_DECISION"] == "refused"
    assert told.reached_an_agent
    took_ms = to_ms(from_iso(told.row["ended_at"])) - to_ms(from_iso(told.row["started_at"]))
    assert took_ms < 8_000


def _must_announce(site: Site, told: Story, prompt: str, language: str) -> None:
    announced = Path(told.shown["CONSENTLINE_ANNOUNCE"] + ".wav")
    assert announced == prompt_file(site, "kort", prompt, language)
    assert announced.is_file()


def _must_be_withdrawn(site: Site, told: Story, by: str) -> None:
    (recording,) = _recordings(site, told)
    assert (recording["withdrawn_by"], recording["erased_because"]) == (by, "withdrawn")
    assert told.recording is not None
    assert told.recording["erased_at"] is not None
    assert told.recording["sealed_bytes"] is None
    assert told.spool == {}


def _recordings(site: Site, told: Story) -> list[Row]:
    return query(site, "SELECT * FROM recordings WHERE call_id = ?", told.row["call_id"])


def _userfield(site: Site, told: Story) -> str:
    """Return the user field of the call's own CDR, as it was written at its end."""
    with (site.asterisk.log / "cdr-csv" / "Master.csv").open(newline="") as file:
        (mine,) = (row for row in csv.reader(file) if told.row["call_id"] in row[-2:])
    return mine[-1]
