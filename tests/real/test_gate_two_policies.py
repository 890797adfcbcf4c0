"""Two gates of two policies in one call: each organisation has its own recording, key and term."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from sandbox.site import Site
from sandbox.softphone import Call
from tests.real.callers import (
    Callers,
    Row,
    alarms_of,
    export,
    holds,
    holds_an_agent,
    prompt_file,
    query,
    settled,
    spool_files,
    voice_file,
    wait_for_agent,
    wait_until_heard,
)
from tests.real.gate_stories import Act, Story, playing, visit

Told = Callable[[str], Story]
FIRST_PARTNER = voice_file("stranger")


@pytest.fixture(scope="module")
def story(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Callers who talk to one organisation, and are then asked by another."""
    with Callers(site, tmp_path_factory.mktemp("heard")) as troupe:
        scenes = {
            "permits both": lambda: visit(
                site, troupe, "thenaankondiging-askort-10000", "71", act=_in_second_talk(site)
            ),
            "withdraws the second": lambda: visit(
                site, troupe, "thenaankondiging-askort-10000", "72", act=_in_second_talk(site, "*9")
            ),
            "refuses the second": lambda: visit(
                site, troupe, "thenkort-asaankondiging-10000", "73", act=_in_second_notice(site, "kort", "1")
            ),
            "the first is withdrawn": lambda: visit(
                site, troupe, "thenaankondiging-askort-10000", "75", act=_first_withdrawn(site)
            ),
            "permits both by AGI": lambda: visit(
                site, troupe, "agithenaankondiging-askort-10000", "74", act=_in_second_talk(site)
            ),
        }
        with playing(scenes) as told:
            yield told


@pytest.mark.parametrize("who", ["permits both", "permits both by AGI"])
def test_each_policy_has_a_recording_of_its_own(
    site: Site, story: Told, who: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    told = story(who)
    first, second = _recordings(site, told)
    assert [decided["outcome"] for decided in told.decisions] == ["not_refused", "announced"]
    assert [decided["recording_id"] for decided in told.decisions] == [
        first["recording_id"],
        second["recording_id"],
    ]
    assert [row["policy"] for row in (first, second)] == ["kort", "aankondiging"]
    assert [row["due_rule"].split(" (")[0] for row in (first, second)] == [
        "kort: retention.recording = 60d",
        "aankondiging: retention.recording = 30d",
    ]
    assert first["due_at"] > second["due_at"]
    keys = [_reading_key(site, row) for row in (first, second)]
    assert keys[0] != keys[1]
    folder = tmp_path_factory.mktemp("export")
    before, after = (export(site, row["recording_id"], folder / row["policy"]) for row in (first, second))
    assert holds(before.agent, FIRST_PARTNER)
    assert not holds_an_agent(before.agent)
    assert holds(before.caller, voice_file("caller1"))
    assert holds(after.caller, voice_file("caller1"))
    assert holds_an_agent(after.agent)
    assert not holds(after.agent, FIRST_PARTNER)
    assert 4000 < first["duration_ms"] < 8000
    assert alarms_of(site, told.row, "foreign_tape") == []


@pytest.mark.parametrize("who", ["permits both", "permits both by AGI"])
def test_the_dialplan_names_the_recording_that_runs(site: Site, story: Told, who: str) -> None:
    told = story(who)
    first, second = _recordings(site, told)
    assert told.shown["CONSENTLINE_RECORDING"] == second["recording_id"] == told.row["recording_id"]
    named = {
        row["recording_id"]: told.shown[f"CONSENTLINE_MMID_{row['recording_id']}"] for row in (first, second)
    }
    assert told.shown["CONSENTLINE_MMID"] == named[second["recording_id"]]
    assert told.shown["CONSENTLINE_POLICY"] == "aankondiging"
    assert {name.partition("-")[0] for name in told.spool} == {second["recording_id"]}


def test_the_code_in_the_second_talk_withdraws_the_second_recording_and_keeps_the_first(
    site: Site, story: Told
) -> None:
    told = story("withdraws the second")
    first, second = _recordings(site, told)
    assert told.shown["CONSENTLINE_RECORDING"] == ""
    assert told.shown["Caller ID Name"] == "[not rec]"
    assert told.shown["CONSENTLINE_ANNOUNCE"].endswith("/agent_not_recorded")
    assert (first["state"], first["withdrawn_by"]) == ("sealed", None)
    assert (second["state"], second["withdrawn_by"]) == ("withdrawn", "caller_key")
    assert spool_files(site, second["recording_id"]) == []


def test_the_first_recording_withdrawn_by_the_operator_leaves_the_second_running(
    site: Site, story: Told
) -> None:
    told = story("the first is withdrawn")
    first, second = _recordings(site, told)
    assert (first["state"], first["withdrawn_by"]) == ("withdrawn", "operator")
    assert (second["state"], second["withdrawn_by"]) == ("sealed", None)
    assert told.shown["CONSENTLINE_RECORDING"] == second["recording_id"]


def test_a_refusal_at_the_second_gate_takes_back_the_first(site: Site, story: Told) -> None:
    told = story("refuses the second")
    (first,) = _recordings(site, told)
    assert (first["state"], first["withdrawn_by"]) == ("withdrawn", "second_gate")
    assert told.decided == "refused"


def _in_second_talk(site: Site, key: str = "") -> Act:
    def act(call: Call) -> None:
        wait_until_heard(call, prompt_file(site, "aankondiging"))
        wait_for_agent(call)
        if key:
            call.dtmf(key)

    return act


def _first_withdrawn(site: Site) -> Act:
    def act(call: Call) -> None:
        _in_second_talk(site)(call)
        first, _ = query(
            site,
            "SELECT r.recording_id FROM recordings r JOIN calls c USING (call_id)"
            " WHERE c.caller_masked LIKE ? ORDER BY r.rowid",
            "%75",
        )
        site.cli("withdraw", first["recording_id"])

    return act


def _in_second_notice(site: Site, policy: str, key: str) -> Act:
    def act(call: Call) -> None:
        wait_until_heard(call, FIRST_PARTNER)
        call.listen(7.0)
        call.dtmf(key)

    return act


def _recordings(site: Site, told: Story) -> Sequence[Row]:
    rows = query(
        site, "SELECT recording_id FROM recordings WHERE call_id = ? ORDER BY rowid", told.row["call_id"]
    )
    for row in rows:
        settled(site, row["recording_id"])
    return query(site, "SELECT * FROM recordings WHERE call_id = ? ORDER BY rowid", told.row["call_id"])


def _reading_key(site: Site, row: Row) -> str:
    (envelope,) = query(site, "SELECT key_id FROM envelopes WHERE recording_id = ?", row["recording_id"])
    return str(envelope["key_id"])
