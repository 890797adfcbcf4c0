"""A gate that records unless the caller refuses: what callers do there, and the evidence of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from policy.clock import from_iso, to_ms
from sandbox import ears
from sandbox.site import Site
from sandbox.softphone import Call
from sandbox.speech import read_wav
from tests.real.callers import (
    Callers,
    Exported,
    export,
    holds,
    holds_an_agent,
    prompt_file,
    query,
    seconds,
    sha256,
    voice_file,
)
from tests.real.gate_stories import Story, leave, playing, press, visit

NOTICE_S = 6.9
IN_THE_WINDOW_S = NOTICE_S + 0.35
HALF_A_SECOND_MS = 500


def _other_keys(call: Call) -> None:
    call.dtmf("5")
    call.listen(2.0)
    call.dtmf("9")
    call.listen(IN_THE_WINDOW_S - 2.0)
    call.dtmf("*")


def _refuse_and_leave(call: Call) -> None:
    call.listen(2.0)
    call.dtmf("1")
    call.listen(0.3)


@pytest.fixture(scope="module")
def story(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Story]]:
    """Ten callers at once."""
    with Callers(site, tmp_path_factory.mktemp("heard")) as troupe:
        scenes = {
            "silent": lambda: visit(site, troupe, "14040", "11"),
            "at once": lambda: visit(site, troupe, "14040", "12", act=press("1")),
            "in the middle": lambda: visit(site, troupe, "14040", "13", act=press("1", after_s=3.0)),
            "in the window": lambda: visit(
                site, troupe, "14040", "14", act=press("1", after_s=IN_THE_WINDOW_S)
            ),
            "other keys": lambda: visit(site, troupe, "14040", "15", act=_other_keys),
            "hangs up": lambda: leave(site, troupe, "14040", "16", act=lambda call: call.listen(2.0)),
            "refuses and leaves": lambda: leave(site, troupe, "14040", "17", act=_refuse_and_leave),
            "in one breath": lambda: leave(site, troupe, "14040", "18", act=press("1", after_s=2.0)),
            "English": lambda: visit(site, troupe, "en14040", "19"),
            "French": lambda: visit(site, troupe, "fr14040", "20"),
        }
        with playing(scenes) as told:
            yield told


@pytest.fixture(scope="module")
def exported(site: Site, story: Callable[[str], Story], tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The silent caller's recording, opened."""
    return export(site, story("silent").row["recording_id"], tmp_path_factory.mktemp("export") / "silent")


def test_a_silent_caller_is_recorded_after_notice_and_reply_window(
    site: Site, story: Callable[[str], Story]
) -> None:
    told = story("silent")
    (decided,) = told.decisions
    assert (told.decided, told.row["digit"]) == ("not_refused", None)
    assert (decided["finished"], decided["window_over"], decided["hung_up"]) == (1, 1, 0)
    assert decided["heard_ms"] >= decided["prompt_duration_ms"] - 300
    assert told.heard_whole(prompt_file(site, "kort"))
    assert told.recording is not None
    assert told.recording["state"] == "sealed"
    assert told.reached_an_agent


def test_the_export_holds_caller_and_agent_each_in_a_channel_of_its_own(exported: Exported) -> None:
    assert holds(exported.caller, voice_file("caller1"))
    assert not holds_an_agent(exported.caller)
    assert holds_an_agent(exported.agent)
    assert not holds(exported.agent, voice_file("caller1"))


def test_nothing_that_was_said_before_the_decision_is_on_the_recording(
    site: Site, story: Callable[[str], Story], exported: Exported
) -> None:
    told = story("silent")
    assert not holds(exported.agent, prompt_file(site, "kort"))
    call_s = _seconds_of(told)
    assert seconds(exported.caller) < call_s - told.decisions[0]["heard_ms"] / 1000 - 0.9


def test_the_evidence_names_the_policy_file_the_words_and_the_very_audio(
    site: Site, story: Callable[[str], Story], exported: Exported
) -> None:
    (row,) = story("silent").decisions
    (evidence,) = exported.manifest["evidence"]
    audio, policy = prompt_file(site, "kort"), site.home / "policies" / "kort.toml"
    assert evidence["policy_hash"] == row["policy_hash"] == sha256(policy)
    assert evidence["audio_sha256"] == row["audio_sha256"] == sha256(audio)
    assert evidence["words"] == "Opname voor hulp. Nee? Toets 1. Stoppen: ster 9. kort punt example."
    (notice,) = query(site, "SELECT * FROM notice_versions WHERE text_hash = ?", row["text_hash"])
    assert notice["words"] == evidence["words"]
    assert evidence["text_hash"] == row["text_hash"]
    assert (evidence["language"], evidence["way"]) == ("nl", "ari")
    assert evidence["prompt_duration_ms"] == round(seconds(read_wav(audio)) * 1000)
    assert (evidence["digit"], evidence["digit_offset_ms"]) == (None, None)
    assert exported.manifest["call"]["decision"] == evidence["outcome"] == "not_refused"


def test_the_decision_is_stored_before_the_spool_files_exist(story: Callable[[str], Story]) -> None:
    told = story("silent")
    (decided,) = told.decisions
    assert len(told.spool) == 2
    assert decided["decided_at"] <= min(told.spool.values())
    assert max(told.spool.values()) - decided["decided_at"] < HALF_A_SECOND_MS


def test_a_key_at_the_very_start_refuses_before_the_notice_is_heard(
    site: Site, story: Callable[[str], Story]
) -> None:
    told = story("at once")
    _must_have_refused(told)
    assert told.decisions[0]["heard_ms"] < HALF_A_SECOND_MS
    assert not ears.holds_voice(told.heard, read_wav(prompt_file(site, "kort")))


def test_a_key_in_the_middle_cuts_the_notice_and_refuses(site: Site, story: Callable[[str], Story]) -> None:
    told = story("in the middle")
    _must_have_refused(told)
    (decided,) = told.decisions
    assert 2500 < decided["heard_ms"] < 4500
    assert abs(decided["digit_offset_ms"] - decided["heard_ms"]) < 100
    assert not told.heard_whole(prompt_file(site, "kort"))


def test_a_key_in_the_reply_window_refuses(site: Site, story: Callable[[str], Story]) -> None:
    told = story("in the window")
    _must_have_refused(told)
    (decided,) = told.decisions
    assert decided["digit_offset_ms"] > decided["prompt_duration_ms"]
    assert decided["heard_ms"] >= decided["prompt_duration_ms"] - 300
    assert (decided["finished"], decided["window_over"]) == (1, 0)


def test_other_keys_in_notice_and_window_decide_nothing(story: Callable[[str], Story]) -> None:
    told = story("other keys")
    (decided,) = told.decisions
    assert (told.decided, decided["digit"]) == ("not_refused", None)
    assert decided["finished"] == decided["window_over"] == 1
    assert told.recording is not None
    assert told.recording["state"] == "sealed"


def test_a_caller_who_hangs_up_in_the_notice_leaves_no_recording(story: Callable[[str], Story]) -> None:
    told = story("hangs up")
    (decided,) = told.decisions
    assert told.decided == "caller_gone"
    assert decided["hung_up"] == 1
    assert 1000 < decided["heard_ms"] < 3500
    assert told.unrecorded


def test_a_caller_who_refuses_and_leaves_at_once_has_refused(story: Callable[[str], Story]) -> None:
    told = story("refuses and leaves")
    assert (told.decided, told.row["digit"]) == ("refused", "1")
    assert told.unrecorded


def test_a_key_that_the_hang_up_cuts_short_records_nothing_either_way(story: Callable[[str], Story]) -> None:
    told = story("in one breath")
    assert told.decided in {"refused", "caller_gone"}
    assert told.unrecorded


@pytest.mark.parametrize(("who", "language"), [("English", "en"), ("French", "nl")])
def test_the_notice_is_in_the_callers_language_or_else_in_the_policys(
    site: Site, story: Callable[[str], Story], who: str, language: str
) -> None:
    told = story(who)
    (decided,) = told.decisions
    spoken = prompt_file(site, "kort", language=language)
    other = prompt_file(site, "kort", language={"en": "nl", "nl": "en"}[language])
    assert told.decided == "not_refused"
    assert (decided["language"], decided["audio_sha256"]) == (language, sha256(spoken))
    assert told.heard_whole(spoken)
    assert not told.heard_whole(other)


def test_nothing_of_all_these_calls_is_left_in_the_spool(site: Site, story: Callable[[str], Story]) -> None:
    for name in ("silent", "other keys", "English", "French", "hangs up", "refuses and leaves"):
        assert story(name).row["ended_at"] is not None
    assert list(site.spool.iterdir()) == []


def _must_have_refused(told: Story) -> None:
    (decided,) = told.decisions
    assert (told.decided, decided["digit"]) == ("refused", "1")
    assert told.unrecorded
    assert told.shown["CONSENTLINE_DECISION"] == "refused"
    assert told.reached_an_agent


def _seconds_of(told: Story) -> float:
    began, over = from_iso(told.row["started_at"]), from_iso(told.row["ended_at"])
    return (to_ms(over) - to_ms(began)) / 1000
