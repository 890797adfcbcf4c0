"""Whole calls through dispatch, session and machine, on virtual time, with fakes around them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import pytest

from ivr.ari import Connected, Lost
from ivr.ari_wire import StasisStart
from ivr.errands import ERRAND_LIMIT_S, NAMING_LIMIT_S
from ivr.events import Earlier
from ivr.ports import Whisper
from ivr.signals import Signal
from ivr.state import Phase
from policy.agent_keys import AgentKey
from policy.errors import StateConflict, Unavailable
from policy.evidence import Arrival, Heard, Way
from policy.vocabulary import CallId, Outcome, PolicyName, RecordingId, TakenBack
from tests import virtual_time
from tests.ivr.fakes import APP, NOTICE_MS
from tests.ivr.stage import Stage, after, running

Story = Callable[[Stage], Awaitable[None]]


def play(story: Story) -> Stage:
    """Act a story out and return the stage as it was left."""

    async def act() -> Stage:
        stage = Stage()
        async with running(stage):
            await story(stage)
        return stage

    return virtual_time.run(act())


# --- the gate ---------------------------------------------------------------------------------------


def test_a_silent_caller_is_recorded_once_the_decision_is_stored() -> None:
    async def story(stage: Stage) -> None:
        stage.register.on_stored = lambda _: order.append("stored")
        call = stage.pbx.arrive("1.1")
        await after(10)
        assert stage.ways(call) == ["not_refused*"]
        stage.pbx.hang_up(call)
        await after(1)

    order: list[str] = []
    stage = play(story)
    (decision,) = stage.register.decisions
    assert decision.heard == Heard(heard_ms=NOTICE_MS, finished=True, window_over=True)
    assert decision.prompt is not None
    assert decision.prompt.path == "/prompts/eindhoven/nl/notice"
    assert decision.way is Way.ARI
    assert order == ["stored"]
    assert stage.pbx.ways[0][2] == decision.recording_id
    assert stage.recorder.told == ["started 1.1", "ended 1.1"]
    assert stage.register.ended.keys() == {"1.1"}
    assert stage.alarms.raised == []
    assert stage.dispatch.live() == ()


def test_the_refuse_key_stops_the_notice_and_the_caller_is_through_within_milliseconds() -> None:
    async def story(stage: Stage) -> None:
        call = stage.pbx.arrive("1.1")
        await after(2)
        stage.pbx.press(call, "7")
        await after(0.5)
        stage.pbx.press(call, "1")
        await after(0.05)
        assert stage.ways(call) == ["refused"]

    stage = play(story)
    (decision,) = stage.register.decisions
    assert decision.heard.digit == "1"
    assert decision.heard.heard_ms == pytest.approx(2500, abs=20)
    assert decision.heard.digit_offset_ms == decision.heard.heard_ms
    stop = stage.pbx.commands.index("stop notice-1.1")
    assert stage.pbx.commands[stop + 1 :] == [
        "subscribe 1.1",
        "continue 1.1 consentline-done refused",
    ]


def test_a_key_pressed_before_the_notice_begins_counts() -> None:
    async def story(stage: Stage) -> None:
        call = stage.pbx.arrive("1.1")
        stage.pbx.press(call, "1")
        await after(0.1)
        assert stage.ways(call) == ["refused"]

    stage = play(story)
    assert stage.register.decisions[0].heard == Heard(digit="1", digit_offset_ms=0)
    assert stage.pbx.spoken == []


def test_a_key_in_the_last_moment_of_the_reply_window_counts() -> None:
    async def story(stage: Stage) -> None:
        call = stage.pbx.arrive("1.1")
        await after(NOTICE_MS / 1000 + 2.99)
        stage.pbx.press(call, "1")
        await after(1)
        assert stage.ways(call) == ["refused"]

    assert play(story).decided() == ["refused"]


def test_a_refusal_while_the_permission_is_being_stored_overrules_it() -> None:
    async def story(stage: Stage) -> None:
        stage.register.slow_s = 0.4
        call = stage.pbx.arrive("1.1")
        await after(NOTICE_MS / 1000 + 3 + 0.6)
        stage.pbx.press(call, "1")
        await after(3)
        assert stage.ways(call) == ["refused"]

    stage = play(story)
    assert stage.decided() == ["not_refused", "refused"]
    assert stage.recorder.told == ["dropped"]


def test_an_english_caller_hears_english_and_a_french_one_the_default() -> None:
    async def story(stage: Stage) -> None:
        stage.pbx.arrive("1.1", language="en_GB")
        stage.pbx.arrive("1.2", language="fr")
        await after(1)

    assert dict(play(story).pbx.spoken) == {
        "1.1": "/prompts/eindhoven/en/notice.en",
        "1.2": "/prompts/eindhoven/nl/notice.nl",
    }


def test_the_dial_plan_is_told_whose_words_its_agents_hear_and_in_which_language() -> None:
    async def story(stage: Stage) -> None:
        stage.pbx.arrive("1.1", language="fr")
        stage.pbx.arrive("1.2", number="999", named="eindhove")
        await after(1)

    told = [command for command in play(story).pbx.commands if command.startswith("set")]
    assert sorted(told) == [
        "set 1.1 CONSENTLINE_LANGUAGE=nl",
        "set 1.1 CONSENTLINE_POLICY=eindhoven",
        "set 1.2 CONSENTLINE_POLICY=",
    ]


def test_a_dial_plan_that_cannot_be_told_costs_the_caller_a_moment_and_nothing_else() -> None:
    async def story(stage: Stage) -> None:
        stage.pbx.is_silent.add("set")
        call = stage.pbx.arrive("1.1")
        await after(NAMING_LIMIT_S + 9.5)
        assert stage.ways(call) == ["not_refused*"]

    assert play(story).alarms.raised == []


def test_announce_mode_records_after_the_notice_and_opt_in_only_after_the_accept_key() -> None:
    async def story(stage: Stage) -> None:
        announced = stage.pbx.arrive("1.1", "14050")
        accepting, silent = stage.pbx.arrive("1.2", "14030"), stage.pbx.arrive("1.3", "14030")
        await after(1)
        stage.pbx.press(accepting, "2")
        await after(10)
        assert stage.ways(announced) == ["announced*"]
        assert stage.ways(accepting) == ["accepted*"]
        assert stage.ways(silent) == ["refused"]

    play(story)


@pytest.mark.parametrize(
    ("number", "named", "outcome"),
    [
        ("0201234567", "", "out_of_scope"),
        ("14040", "aankondiging", "error"),
        ("14040", "nobody", "error"),
        ("0201234567", "eindhoven", "not_refused*"),
        ("+31402389111", "eindhoven", "not_refused*"),
        ("${SHELL(rm -rf /)}", "", "out_of_scope"),
    ],
)
def test_the_number_selects_the_policy_and_disagreement_records_nothing(
    number: str, named: str, outcome: str
) -> None:
    async def story(stage: Stage) -> None:
        call = stage.pbx.arrive("1.1", number, named=named)
        await after(10)
        assert stage.ways(call) == [outcome]

    stage = play(story)
    assert ("policy_conflict" in stage.alarms.kinds) is (outcome == "error")
    assert all(key in "0123456789+" for key in stage.register.calls[CallId("1.1")].number)


@pytest.mark.parametrize("caller", ["", "anonymous", "9" * 300, "Zoë ☎", '"a",b\n${SHELL(id)}'])
def test_whatever_the_network_says_of_the_caller_is_data(caller: str) -> None:
    async def story(stage: Stage) -> None:
        call = stage.pbx.arrive("1.1", caller=caller)
        await after(10)
        assert stage.ways(call) == ["not_refused*"]

    assert play(story).register.calls[CallId("1.1")].caller == caller


# --- what goes wrong --------------------------------------------------------------------------------


def test_a_missing_prompt_is_an_alarm_and_no_lost_call() -> None:
    async def story(stage: Stage) -> None:
        stage.prompts.unfit.add("notice")
        call = stage.pbx.arrive("1.1")
        await after(1)
        assert stage.ways(call) == ["notice_incomplete"]

    stage = play(story)
    assert stage.alarms.kinds == ["notice_unfit"]
    assert stage.register.decisions[0].prompt is None


@pytest.mark.parametrize("length_ms", [-100, 3000, None])
def test_a_notice_that_fails_is_cut_short_or_never_begins_records_nothing(length_ms: int | None) -> None:
    async def story(stage: Stage) -> None:
        stage.pbx.length_ms = lambda _: length_ms
        call = stage.pbx.arrive("1.1")
        await after(20)
        assert stage.ways(call) == ["notice_incomplete"]

    assert play(story).alarms.kinds == ["notice_incomplete"]


def test_hanging_up_in_the_notice_is_caller_gone_and_no_alarm() -> None:
    async def story(stage: Stage) -> None:
        call = stage.pbx.arrive("1.1")
        await after(2)
        stage.pbx.hang_up(call)
        await after(1)

    stage = play(story)
    assert stage.decided() == ["caller_gone"]
    assert stage.register.decisions[0].heard.heard_ms == pytest.approx(2000, abs=20)
    assert stage.ways() == []
    assert stage.alarms.raised == []
    assert stage.register.ended.keys() == {"1.1"}


def test_refusing_and_hanging_up_at_once_is_refused() -> None:
    async def story(stage: Stage) -> None:
        call = stage.pbx.arrive("1.1")
        await after(2)
        stage.pbx.press(call, "1")
        stage.pbx.hang_up(call)
        await after(1)

    assert play(story).decided() == ["refused"]


@pytest.mark.parametrize("method", ["open_call", "store_decision"])
def test_a_store_that_fails_or_hangs_costs_the_recording_and_not_the_call(method: str) -> None:
    async def fails(stage: Stage) -> None:
        stage.register.broken[method] = StateConflict("disk full")
        call = stage.pbx.arrive("1.1")
        await after(10)
        assert stage.ways(call) == ["error"]

    async def hangs(stage: Stage) -> None:
        stage.register.stuck.add(method)
        call = stage.pbx.arrive("1.1")
        await after(10 + ERRAND_LIMIT_S)
        assert stage.ways(call) == ["error"]

    for story in (fails, hangs):
        assert len(play(story).alarms.raised) == 1


def test_without_room_the_caller_notices_nothing() -> None:
    async def story(stage: Stage) -> None:
        stage.recorder.is_ready = False
        call = stage.pbx.arrive("1.1")
        await after(10)
        assert stage.ways(call) == ["not_refused"]

    stage = play(story)
    assert stage.register.decisions[0].recording_id is None
    assert stage.alarms.kinds == ["recorder_not_ready"]


@pytest.mark.parametrize("method", ["ready", "started"])
def test_a_recorder_in_trouble_costs_the_recording_only(method: str) -> None:
    async def story(stage: Stage) -> None:
        stage.recorder.broken[method] = Unavailable("recorder: away")
        call = stage.pbx.arrive("1.1")
        await after(10)
        assert stage.ways(call) == ["not_refused" if method == "ready" else "error"]

    stage = play(story)
    assert stage.recorder.told == ([] if method == "ready" else ["dropped"])


def test_a_call_that_cannot_be_followed_is_not_recorded_but_goes_on() -> None:
    async def story(stage: Stage) -> None:
        stage.pbx.is_silent.add("subscribe")
        recorded, refused = stage.pbx.arrive("1.1"), stage.pbx.arrive("1.2")
        await after(1)
        stage.pbx.press(refused, "1")
        await after(10)
        assert stage.ways(recorded) == ["error"]
        assert stage.ways(refused) == ["refused"]

    assert "dropped" in play(story).recorder.told


def test_an_unanswered_continue_is_unknown_and_not_sent_again_when_it_was_obeyed() -> None:
    async def story(stage: Stage) -> None:
        stage.pbx.is_silent.add("continue")
        call = stage.pbx.arrive("1.1")
        await after(12)
        assert stage.ways(call) == ["not_refused*"]

    stage = play(story)
    assert stage.alarms.raised == []


def test_a_continue_that_is_never_obeyed_is_followed_by_the_plain_way_once() -> None:
    async def story(stage: Stage) -> None:
        stage.pbx.is_silent.add("lost continue")
        stage.pbx.arrive("1.1")
        await after(20)

    stage = play(story)
    continues = [command for command in stage.pbx.commands if command.startswith("continue")]
    assert [command.split()[2] for command in continues] == [
        "consentline-record-not_refused",
        "consentline-done",
    ]
    assert stage.alarms.kinds == ["continue_failed", "continue_failed"]


def test_the_dead_man_switch_taking_a_call_is_stored_as_gate_unavailable() -> None:
    async def story(stage: Stage) -> None:
        call = stage.pbx.arrive("1.1")
        await after(2)
        stage.pbx.time_out(call)
        await after(1)
        stage.pbx.hang_up(call)
        await after(1)

    stage = play(story)
    assert stage.decided() in (["notice_incomplete"], ["gate_unavailable"])
    assert stage.register.ended.keys() == {"1.1"}
    assert stage.recorder.told == ["ended 1.1"]


def test_a_bug_in_one_session_costs_that_call_its_recording_and_nobody_anything_else() -> None:
    async def story(stage: Stage) -> None:
        stage.register.broken["open_call"] = ZeroDivisionError("a bug")
        broken = stage.pbx.arrive("1.1")
        await after(0.1)
        stage.register.broken.clear()
        sound = stage.pbx.arrive("1.2")
        await after(10)
        assert stage.ways(broken) == ["error"]
        assert stage.ways(sound) == ["not_refused*"]

    logging.getLogger("ivr.session").disabled = True
    try:
        assert play(story).alarms.kinds == ["session_failed"]
    finally:
        logging.getLogger("ivr.session").disabled = False


def test_a_channel_from_a_foreign_dial_plan_goes_on_with_an_alarm() -> None:
    async def story(stage: Stage) -> None:
        stage.pbx.is_deaf = True
        call = stage.pbx.arrive("1.1")
        stage.pbx.is_deaf = False
        stage.pbx.emit(StasisStart(channel=stage.pbx.lines[call].channel, args=(), at_ms=0))
        await after(1)
        assert stage.ways(call) == ["out_of_scope"]

    assert play(story).alarms.kinds == ["gate_misused"]


# --- lost connections and restarts ------------------------------------------------------------------


def test_lost_events_while_a_caller_is_asked_send_the_call_onward_unrecorded() -> None:
    async def story(stage: Stage) -> None:
        asked, recorded = stage.pbx.arrive("1.1"), stage.pbx.arrive("1.2")
        stage.pbx.press(asked, "9")
        await after(9.5)
        late = stage.pbx.arrive("1.3")
        await after(2)
        stage.pbx.inbox.put_nowait(Lost(reason="cut"))
        await after(0.1)
        assert stage.ways(late) == ["error"]
        assert stage.ways(recorded) == ["not_refused*"]
        assert len(stage.dispatch.live()) == 3

    assert play(story).alarms.kinds == ["connection_lost"]


def test_after_a_reconnect_a_call_that_ended_unseen_is_over() -> None:
    async def story(stage: Stage) -> None:
        call = stage.pbx.arrive("1.1")
        await after(10)
        stage.pbx.inbox.put_nowait(Lost(reason="cut"))
        stage.pbx.is_deaf = True
        stage.pbx.hang_up(call)
        stage.pbx.is_deaf = False
        stage.pbx.inbox.put_nowait(Connected())
        await after(1)
        assert stage.dispatch.live() == ()

    assert play(story).recorder.told == ["started 1.1", "ended 1.1"]


def test_after_a_reconnect_live_calls_are_followed_again_and_their_codes_work() -> None:
    async def story(stage: Stage) -> None:
        call = stage.pbx.arrive("1.1")
        await after(10)
        stage.pbx.inbox.put_nowait(Lost(reason="cut"))
        stage.pbx.subscribed.clear()
        stage.pbx.inbox.put_nowait(Connected())
        await after(1)
        stage.pbx.press(call, "*9")
        await after(1)

    assert play(story).recorder.told[-1] == "withdrawn caller_key"


def test_after_a_reconnect_the_end_of_a_call_is_seen_where_there_is_no_code_to_listen_for() -> None:
    async def story(stage: Stage) -> None:
        call = stage.pbx.arrive("1.1", number="999")
        await after(1)
        stage.pbx.inbox.put_nowait(Lost(reason="cut"))
        stage.pbx.subscribed.clear()
        stage.pbx.inbox.put_nowait(Connected())
        await after(1)
        stage.pbx.hang_up(call)
        await after(1)
        assert stage.dispatch.live() == ()

    play(story)


def test_a_new_daemon_sends_onward_whoever_stood_at_the_gate_and_cuts_the_notice_first() -> None:
    async def story(stage: Stage) -> None:
        stage.pbx.is_deaf = True
        call = stage.pbx.arrive("1.1")
        await stage.pbx.channels.play(call, "notice-1.1", path="/notice", language="nl")
        stage.pbx.is_deaf = False
        stage.pbx.inbox.put_nowait(Connected())
        await after(2)
        assert stage.ways(call) == ["gate_unavailable"]

    stage = play(story)
    assert stage.decided() == ["gate_unavailable"]
    assert stage.alarms.kinds == ["caller_freed"]


def test_a_caller_whose_arrival_is_still_on_its_way_is_asked_as_usual() -> None:
    async def story(stage: Stage) -> None:
        stage.pbx.inbox.put_nowait(Connected())
        call = stage.pbx.arrive("1.1")
        await after(10)
        assert stage.ways(call) == ["not_refused*"]

    play(story)


def test_a_recorded_call_that_reached_a_second_gate_unseen_is_sent_onward_and_withdrawn() -> None:
    async def story(stage: Stage) -> None:
        call = stage.pbx.arrive("1.1")
        await after(10)
        stage.pbx.inbox.put_nowait(Lost(reason="cut"))
        stage.pbx.is_deaf = True
        stage.pbx.arrive("1.1")
        stage.pbx.is_deaf = False
        stage.pbx.inbox.put_nowait(Connected())
        await after(2)
        assert stage.ways(call) == ["not_refused*", "gate_unavailable"]

    assert play(story).recorder.told == ["started 1.1", "withdrawn second_gate"]


def test_whispers_left_behind_by_a_crash_are_hung_up() -> None:
    async def story(stage: Stage) -> None:
        call = stage.pbx.arrive("1.1")
        await after(10)
        stage.pbx.is_deaf = True
        await stage.pbx.channels.snoop(call, CallId("confirm-1.1"), whisper=Whisper.BOTH)
        stage.pbx.is_deaf = False
        stage.pbx.inbox.put_nowait(Connected())
        await after(2)
        assert stage.pbx.lines.keys() == {"1.1"}

    play(story)


def test_a_daemon_that_stops_sends_everybody_at_the_gate_onward() -> None:
    async def story(stage: Stage) -> None:
        asked, recorded = stage.pbx.arrive("1.1"), stage.pbx.arrive("1.2")
        await after(3)
        assert await stage.dispatch.drain(2) == 0
        newcomer = stage.pbx.arrive("1.3")
        await after(0.1)
        assert stage.ways(asked) == stage.ways(recorded) == ["error"]
        assert stage.ways(newcomer) == ["gate_unavailable"]

    play(story)


def test_a_call_that_cannot_be_sent_onward_is_counted_when_the_daemon_stops() -> None:
    async def story(stage: Stage) -> None:
        stage.pbx.arrive("1.1")
        await after(3)
        stage.pbx.is_away = True
        assert await stage.dispatch.drain(2) == 1

    play(story)


# --- withdrawing ------------------------------------------------------------------------------------


async def recorded_call(stage: Stage) -> CallId:
    call = stage.pbx.arrive("1.1")
    await after(10)
    assert stage.ways(call) == ["not_refused*"]
    return call


def test_the_callers_code_withdraws_and_both_parties_hear_it() -> None:
    async def story(stage: Stage) -> None:
        call = await recorded_call(stage)
        stage.pbx.press(call, "*9")
        await after(5)
        assert stage.pbx.lines.keys() == {"1.1"}

    stage = play(story)
    assert stage.recorder.told[-1] == "withdrawn caller_key"
    assert stage.pbx.spoken[-1] == ("confirm-1.1", "/prompts/eindhoven/nl/withdrawn.nl")
    assert stage.alarms.raised == []


def test_the_agents_code_counts_while_the_agent_is_bridged() -> None:
    async def story(stage: Stage) -> None:
        call = await recorded_call(stage)
        agent = CallId("2.1")
        stage.pbx.lines[agent] = stage.pbx.lines[call]
        await stage.dispatch.watch(agent, call)
        await stage.dispatch.unwatch(agent)
        stage.pbx.subscribed.add(agent)
        stage.pbx.press(agent, "*9")
        await after(1)
        assert stage.recorder.told == ["started 1.1"]
        await stage.dispatch.watch(agent, call)
        stage.pbx.press(agent, "*9")
        await after(1)

    assert play(story).recorder.told[-1] == "withdrawn agent_key"


def test_the_agents_flag_key_is_passed_on_and_the_callers_same_keys_mean_nothing() -> None:
    async def story(stage: Stage) -> None:
        call = await recorded_call(stage)
        agent = CallId("2.1")
        stage.pbx.lines[agent] = stage.pbx.lines[call]
        await stage.dispatch.watch(agent, call)
        stage.pbx.press(call, "*8")
        stage.pbx.press(agent, "*8")
        await after(1)
        await stage.dispatch.signal(agent, Signal.FLAGGED)
        assert stage.pbx.lines.keys() == {"1.1", "2.1"}

    stage = play(story)
    assert stage.agent_keys.asked == [("1.1", "2.1", AgentKey.FLAG)]
    assert stage.recorder.told == ["started 1.1"]
    assert stage.pbx.spoken[-1] == ("confirm-2.1", "!880/150|!1320/250")
    assert "snoop 2.1 out" in stage.pbx.commands


def test_pressing_the_code_twice_withdraws_once() -> None:
    async def story(stage: Stage) -> None:
        call = await recorded_call(stage)
        stage.pbx.press(call, "*9*9")
        await after(5)
        stage.pbx.press(call, "*9")
        await after(5)

    stage = play(story)
    assert stage.recorder.told == ["started 1.1", "withdrawn caller_key"]
    assert len([path for _, path in stage.pbx.spoken if "withdrawn" in path]) == 2


def test_keys_that_are_too_far_apart_are_no_code() -> None:
    async def story(stage: Stage) -> None:
        call = await recorded_call(stage)
        stage.pbx.press(call, "*")
        await after(2.5)
        stage.pbx.press(call, "9")
        await after(1)

    assert play(story).recorder.told == ["started 1.1"]


def closed(number: str, decided: str) -> tuple[list[str], list[str]]:
    """Return what is said, and the alarms, when a recording that was taken back has to stay."""

    async def story(stage: Stage) -> None:
        stage.recorder.taken_back = TakenBack.RESTRICTED
        call = stage.pbx.arrive("1.1", number)
        await after(10)
        assert stage.ways(call) == [decided]
        for _ in range(2):  # the second time the same words are said again (rule 10)
            stage.pbx.press(call, "*9")
            await after(5)

    stage = play(story)
    said = [path.rsplit("/", 1)[-1] for channel, path in stage.pbx.spoken if channel == "confirm-1.1"]
    return said, [kind for kind, *_ in stage.alarms.raised]


def test_what_is_kept_closed_is_not_called_erased_on_the_line() -> None:
    assert closed("140578", "announced*") == (["restricted.nl", "restricted.nl"], [])


def test_where_no_true_words_are_at_hand_nothing_is_said() -> None:
    assert closed("14040", "not_refused*") == ([], ["confirmation_failed", "confirmation_failed"])


def test_a_withdrawal_by_another_road_is_confirmed_on_the_line() -> None:
    async def story(stage: Stage) -> None:
        call = await recorded_call(stage)
        (decision,) = stage.register.decisions
        assert decision.recording_id is not None
        assert stage.dispatch.confirm(call, decision.recording_id, TakenBack.ERASED)
        assert not stage.dispatch.confirm(CallId("9.9"), decision.recording_id, TakenBack.ERASED)
        await after(5)

    assert play(story).pbx.spoken[-1][0] == "confirm-1.1"


def test_hanging_up_during_the_confirmation_is_no_alarm() -> None:
    async def story(stage: Stage) -> None:
        call = await recorded_call(stage)
        stage.pbx.press(call, "*9")
        await after(1)
        stage.pbx.hang_up(call)
        stage.pbx.hang_up(CallId("confirm-1.1"))
        await after(5)
        assert stage.dispatch.live() == ()

    assert play(story).alarms.raised == []


def test_a_withdrawal_still_running_when_the_caller_hangs_up_is_brought_to_its_end() -> None:
    async def story(stage: Stage) -> None:
        stage.recorder.withdrawal_s = 5
        call = await recorded_call(stage)
        stage.pbx.press(call, "*9")
        await after(1)
        stage.pbx.hang_up(call)
        await after(10)

    assert play(story).recorder.told == ["started 1.1", "ended 1.1", "withdrawn caller_key"]


def test_a_withdrawal_that_fails_is_an_alarm_even_after_the_hang_up() -> None:
    async def story(stage: Stage) -> None:
        stage.recorder.withdrawal_s = 5
        stage.recorder.broken["withdraw"] = StateConflict("still there")
        call = await recorded_call(stage)
        stage.pbx.press(call, "*9")
        await after(1)
        stage.pbx.hang_up(call)
        await after(10)
        assert stage.dispatch.live() == ()

    assert play(story).alarms.kinds == ["withdrawal_failed"]


def test_an_unfit_confirmation_prompt_is_an_alarm_and_the_recording_is_gone_all_the_same() -> None:
    async def story(stage: Stage) -> None:
        stage.prompts.unfit.add("withdrawn")
        call = await recorded_call(stage)
        stage.pbx.press(call, "*9")
        await after(1)

    stage = play(story)
    assert stage.recorder.told[-1] == "withdrawn caller_key"
    assert stage.alarms.kinds == ["confirmation_failed"]


def test_a_resumed_call_can_be_withdrawn_and_ends() -> None:
    async def story(stage: Stage) -> None:
        stage.pbx.is_deaf = True
        call = stage.pbx.arrive("1.1")
        stage.pbx.go(stage.pbx.lines[call], "queue", "s")
        stage.pbx.is_deaf = False
        arrival = Arrival(
            call_id=call,
            channel="PJSIP/x",
            policy=PolicyName("eindhoven"),
            number="14040",
            caller="",
            language="nl",
            started_at=stage.clock.now(),
            way=Way.ARI,
        )
        earlier = Earlier(outcome=Outcome.NOT_REFUSED, recording_id=RecordingId("b" * 32))
        stage.dispatch.resume(arrival, earlier)
        stage.dispatch.resume(arrival, earlier)  # again is harmless
        await after(1)
        (live,) = stage.dispatch.live()
        assert (live.phase, live.outcome, live.recording_id) == (Phase.CALL, Outcome.NOT_REFUSED, "b" * 32)
        stage.pbx.press(call, "*9")
        await after(5)
        stage.pbx.hang_up(call)
        await after(1)
        assert stage.dispatch.live() == ()

    assert play(story).recorder.told[0] == "withdrawn caller_key"


# --- a second gate ----------------------------------------------------------------------------------


def test_a_refused_call_is_not_asked_again_at_a_second_gate() -> None:
    async def story(stage: Stage) -> None:
        call = stage.pbx.arrive("1.1")
        stage.pbx.press(call, "1")
        await after(1)
        stage.pbx.arrive("1.1")
        await after(0.1)
        assert stage.ways(call) == ["refused", "refused"]

    stage = play(story)
    assert stage.decided() == ["refused"]
    assert stage.pbx.spoken == []


def test_a_second_gate_asks_again_and_silence_lets_the_recording_go_on() -> None:
    async def story(stage: Stage) -> None:
        call = await recorded_call(stage)
        stage.pbx.arrive("1.1")
        await after(10)
        assert stage.ways(call) == ["not_refused*", "not_refused"]

    assert play(story).recorder.told == ["started 1.1"]


def test_another_policys_gate_concludes_the_recording_and_begins_its_own() -> None:
    async def story(stage: Stage) -> None:
        call = await recorded_call(stage)
        stage.pbx.arrive("1.1", "14050")
        await after(10)
        assert stage.ways(call) == ["not_refused*", "not_refused*"]

    stage = play(story)
    assert stage.recorder.told == ["started 1.1", "concluded eindhoven", "started 1.1"]
    first, second = (decision.recording_id for decision in stage.register.decisions)
    assert None is not first != second is not None


def test_a_recording_that_cannot_be_concluded_lets_no_other_begin_and_the_call_goes_on() -> None:
    async def story(stage: Stage) -> None:
        call = await recorded_call(stage)
        stage.recorder.broken["conclude"] = Unavailable("AMI: no answer")
        stage.pbx.arrive("1.1", "14050")
        await after(10)
        assert stage.ways(call) == ["not_refused*", "error"]

    stage = play(story)
    assert stage.recorder.told == ["started 1.1", "dropped"]
    assert stage.alarms.kinds == ["effect_failed"]


def test_refusing_at_the_second_gate_withdraws_the_recording() -> None:
    async def story(stage: Stage) -> None:
        call = await recorded_call(stage)
        stage.pbx.arrive("1.1")
        await after(2)
        stage.pbx.press(call, "1")
        await after(1)
        assert stage.ways(call) == ["not_refused*", "refused"]

    assert play(story).recorder.told == ["started 1.1", "withdrawn second_gate"]


def test_a_withdrawn_call_is_neither_asked_nor_recorded_again() -> None:
    async def story(stage: Stage) -> None:
        call = await recorded_call(stage)
        stage.pbx.press(call, "*9")
        await after(5)
        stage.pbx.arrive("1.1")
        await after(1)
        assert stage.ways(call) == ["not_refused*", "refused"]

    play(story)


# --- the log ----------------------------------------------------------------------------------------


def test_each_transition_is_one_log_line_and_no_key_but_the_deciding_one_is_in_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(stage: Stage) -> None:
        call = stage.pbx.arrive("1.1", caller="0612345678")
        await after(1)
        stage.pbx.press(call, "8472")
        stage.pbx.press(call, "1")
        await after(1)

    with caplog.at_level(logging.INFO, logger="ivr"):
        play(story)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "call=1.1 opening: CallOpened -> preparing",
        "call=1.1 preparing: NoticePrepared -> notice",
        "call=1.1 notice: DigitPressed digit=1 -> storing",
        "call=1.1 storing: DecisionStored -> leaving",
        "call=1.1 leaving: GateLeft -> call",
    ]


def test_twenty_calls_at_once_each_get_their_own_outcome() -> None:
    async def story(stage: Stage) -> None:
        calls = [stage.pbx.arrive(f"1.{index}") for index in range(20)]
        await after(3)
        for index, call in enumerate(calls):
            if index % 4 == 1:
                stage.pbx.press(call, "1")
            if index % 4 == 2:
                stage.pbx.hang_up(call)
        await after(10)
        for index, call in enumerate(calls):
            expected: list[str] = [["not_refused*"], ["refused"], [], ["not_refused*"]][index % 4]
            assert stage.ways(call) == expected

    stage = play(story)
    ids = [decision.recording_id for decision in stage.register.decisions if decision.recording_id]
    assert len(set(ids)) == len(ids) == 10
    assert stage.pbx.lines and all(line.channel.app != APP for line in stage.pbx.lines.values())
