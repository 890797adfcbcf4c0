"""The consent conversation as a pure function: rule by rule, every state times every event, any order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr import effects as do
from ivr import events as on
from ivr.effects import AlarmKind, Effect
from ivr.events import Earlier, Event
from ivr.machine import arrive, resume, step
from ivr.state import MEANING, Phase, State, Tape
from policy.evidence import Heard
from policy.model import Consent
from policy.rules import stricter
from policy.vocabulary import ConsentMode, Outcome, PolicyName, RecordingId, WithdrawnBy

NEW = RecordingId("a" * 32)
FIRST = RecordingId("b" * 32)
OPT_OUT = Consent(mode=ConsentMode.OPT_OUT, refuse_key="1", reply_window_ms=3000)
OPT_IN = Consent(mode=ConsentMode.OPT_IN, accept_key="5", reply_window_ms=3000)
ANNOUNCE = Consent(mode=ConsentMode.ANNOUNCE)
LENGTH_MS = 5000
T0 = 1_795_000_000_000


class Story:
    """A call told event by event."""

    def __init__(
        self,
        consent: Consent | None = OPT_OUT,
        verdict: Outcome | None = None,
        *,
        policy: PolicyName | None = None,
    ) -> None:
        self.consent = consent
        self.state, self.last = arrive(NEW, policy=policy, verdict=verdict)
        self.all: list[Effect] = list(self.last)

    def then(self, *events: Event) -> Story:
        for event in events:
            self.state, self.last = step(self.state, event, self.consent)
            self.all += self.last
        return self

    def effects(self) -> tuple[Effect, ...]:
        return self.last

    def kinds(self) -> list[str]:
        return [type(effect).__name__ for effect in self.last]

    def stored(self) -> list[do.StoreDecision]:
        return [effect for effect in self.all if isinstance(effect, do.StoreDecision)]

    def continued(self) -> list[do.Continue]:
        return [effect for effect in self.all if isinstance(effect, do.Continue)]

    def alarms(self) -> list[AlarmKind]:
        return [effect.kind for effect in self.all if isinstance(effect, do.RaiseAlarm)]


OPENED = on.CallOpened(earlier=None)
PREPARED = on.NoticePrepared(duration_ms=LENGTH_MS)
STARTED = on.NoticeStarted(at_ms=T0)
ENDED = on.NoticeEnded(at_ms=T0 + LENGTH_MS)
READY = on.RecorderChecked(ready=True)


def digit(key: str, after_ms: int = 1200) -> on.DigitPressed:
    return on.DigitPressed(digit=key, at_ms=T0 + after_ms)


def stored(outcome: Outcome) -> on.DecisionStored:
    return on.DecisionStored(outcome=outcome)


def test_silence_after_the_notice_and_the_reply_window_is_recorded_under_opt_out() -> None:
    story = Story().then(OPENED, PREPARED, STARTED, ENDED)
    assert story.effects() == (do.WaitForReply(window_ms=3000),)
    story.then(on.ReplyWindowOver(), READY)
    heard = Heard(heard_ms=LENGTH_MS, finished=True, window_over=True)
    assert story.effects() == (do.StoreDecision(outcome=Outcome.NOT_REFUSED, heard=heard, recording_id=NEW),)
    story.then(stored(Outcome.NOT_REFUSED))
    assert story.effects() == (
        do.ExpectRecording(recording_id=NEW),
        do.FollowCall(),
        do.Continue(outcome=Outcome.NOT_REFUSED, recording_id=NEW),
    )
    story.then(on.GateLeft(), on.CallerGone(at_ms=T0 + 60_000))
    assert story.state.phase is Phase.OVER
    assert story.effects() == (do.EndCall(),)


def test_the_refuse_key_cuts_the_notice_first_and_only_then_is_stored() -> None:
    story = Story().then(OPENED, PREPARED, STARTED, digit("1"))
    heard = Heard(heard_ms=1200, digit="1", digit_offset_ms=1200)
    assert story.effects() == (
        do.StopNotice(),
        do.StoreDecision(outcome=Outcome.REFUSED, heard=heard, recording_id=None),
    )
    story.then(on.NoticeEnded(at_ms=T0 + 1203), stored(Outcome.REFUSED))
    assert story.effects() == (do.FollowCall(), do.Continue(outcome=Outcome.REFUSED, recording_id=None))


def test_the_refuse_key_counts_before_the_call_is_even_on_record() -> None:
    story = Story().then(digit("1"), OPENED)
    assert story.kinds() == ["StoreDecision"]
    assert story.stored()[0].outcome is Outcome.REFUSED
    assert story.stored()[0].heard == Heard(digit="1", digit_offset_ms=0)


def test_the_refuse_key_counts_while_the_notice_is_prepared_and_before_it_starts() -> None:
    assert Story().then(OPENED, digit("1")).kinds() == ["StoreDecision"]
    assert Story().then(OPENED, PREPARED, digit("1")).kinds() == ["StopNotice", "StoreDecision"]


def test_other_keys_are_ignored() -> None:
    story = Story().then(OPENED, PREPARED, STARTED, *[digit(key) for key in "023456789*#"])
    assert story.state.phase is Phase.NOTICE
    assert story.effects() == ()


def test_a_key_in_the_reply_window_is_measured_from_the_start_of_the_notice() -> None:
    story = Story().then(OPENED, PREPARED, STARTED, ENDED, digit("1", LENGTH_MS + 2900))
    heard = story.stored()[0].heard
    assert (heard.heard_ms, heard.digit_offset_ms, heard.finished) == (LENGTH_MS, LENGTH_MS + 2900, True)
    assert story.kinds() == ["StoreDecision"]


@pytest.mark.parametrize("before", [(), (READY,)])
def test_a_refusal_still_counts_while_the_recorder_is_asked_and_the_decision_is_stored(
    before: tuple[Event, ...],
) -> None:
    story = Story().then(OPENED, PREPARED, STARTED, ENDED, on.ReplyWindowOver(), *before, digit("1"))
    assert story.stored()[-1].outcome is Outcome.REFUSED
    story.then(READY, stored(Outcome.NOT_REFUSED))
    assert story.continued() == []
    story.then(stored(Outcome.REFUSED))
    assert story.continued() == [do.Continue(outcome=Outcome.REFUSED, recording_id=None)]
    assert (do.DropRecording(recording_id=NEW) in story.all) is bool(before)


def test_a_second_press_changes_nothing() -> None:
    story = Story().then(OPENED, PREPARED, STARTED, digit("1"), digit("1"))
    assert story.effects() == ()


def test_an_announcement_needs_no_answer() -> None:
    story = Story(ANNOUNCE).then(OPENED, PREPARED, STARTED, digit("1"), ENDED, READY)
    assert story.stored()[0].outcome is Outcome.ANNOUNCED
    story.then(stored(Outcome.ANNOUNCED))
    assert story.continued() == [do.Continue(outcome=Outcome.ANNOUNCED, recording_id=NEW)]


def test_under_opt_in_only_the_accept_key_records() -> None:
    story = Story(OPT_IN).then(OPENED, PREPARED, STARTED, digit("1"), digit("5"), READY)
    assert story.stored()[0].outcome is Outcome.ACCEPTED
    silent = Story(OPT_IN).then(OPENED, PREPARED, STARTED, ENDED, on.ReplyWindowOver())
    assert silent.stored()[0].outcome is Outcome.REFUSED
    assert silent.stored()[0].recording_id is None


@pytest.mark.parametrize(
    "events",
    [
        (on.NoticeUnfit(problem="missing"),),
        (PREPARED, on.NoticeFailed(at_ms=None, problem="no answer")),
        (PREPARED, STARTED, on.NoticeFailed(at_ms=T0 + 4999, problem="failed")),
        (PREPARED, STARTED, on.NoticeEnded(at_ms=T0 + LENGTH_MS - 301)),
        (PREPARED, on.NoticeEnded(at_ms=T0 + LENGTH_MS)),
        (PREPARED, STARTED, on.NoticeOverdue()),
    ],
)
def test_a_notice_not_heard_to_its_end_records_nothing_and_alarms(events: tuple[Event, ...]) -> None:
    story = Story().then(OPENED, *events)
    assert story.stored()[0].outcome is Outcome.NOTICE_INCOMPLETE
    assert len(story.alarms()) == 1
    story.then(stored(Outcome.NOTICE_INCOMPLETE))
    assert story.continued() == [do.Continue(outcome=Outcome.NOTICE_INCOMPLETE, recording_id=None)]


def test_a_notice_that_ends_just_within_the_tolerance_was_heard() -> None:
    story = Story().then(OPENED, PREPARED, STARTED, on.NoticeEnded(at_ms=T0 + LENGTH_MS - 300))
    assert story.state.phase is Phase.REPLY


def test_without_room_the_decision_stands_and_nothing_is_recorded() -> None:
    story = Story().then(OPENED, PREPARED, STARTED, ENDED, on.ReplyWindowOver())
    story.then(on.RecorderChecked(ready=False), stored(Outcome.NOT_REFUSED))
    assert story.stored()[0].recording_id is None
    assert story.continued() == [do.Continue(outcome=Outcome.NOT_REFUSED, recording_id=None)]
    assert story.alarms() == [AlarmKind.RECORDER_NOT_READY]


def test_a_decision_that_cannot_be_stored_sends_the_call_onward_unrecorded() -> None:
    story = Story().then(OPENED, PREPARED, STARTED, ENDED, on.ReplyWindowOver(), READY)
    story.then(on.StoringFailed(outcome=Outcome.NOT_REFUSED, problem="disk full"))
    assert story.continued() == [do.Continue(outcome=Outcome.ERROR, recording_id=None)]
    assert story.alarms() == [AlarmKind.STORING_FAILED]


def test_a_call_that_cannot_be_put_on_record_goes_on_all_the_same() -> None:
    story = Story().then(on.OpeningFailed(problem="locked"))
    assert story.continued() == [do.Continue(outcome=Outcome.ERROR, recording_id=None)]
    assert story.stored() == []


@pytest.mark.parametrize("reached", range(6))
def test_hanging_up_anywhere_before_the_way_on_is_stored_as_caller_gone(reached: int) -> None:
    way: tuple[Event, ...] = (OPENED, PREPARED, STARTED, ENDED, on.ReplyWindowOver(), READY)
    story = Story().then(*way[:reached], on.CallerGone(at_ms=T0 + 2000))
    if reached == 0:
        story.then(OPENED)
    assert story.stored()[-1].outcome is Outcome.CALLER_GONE
    story.then(stored(Outcome.CALLER_GONE))
    assert story.continued() == []
    assert story.all[-1] == do.EndCall()


def test_hanging_up_while_the_permission_is_stored_drops_the_recording() -> None:
    story = Story().then(OPENED, PREPARED, STARTED, ENDED, on.ReplyWindowOver(), READY)
    story.then(on.CallerGone(at_ms=T0 + 9000))
    assert story.kinds() == ["StoreDecision", "DropRecording"]


def test_whoever_refuses_and_hangs_up_straight_after_has_refused() -> None:
    early = Story().then(digit("1"), on.CallerGone(at_ms=T0 + 50), OPENED)
    assert [decision.outcome for decision in early.stored()] == [Outcome.REFUSED]
    late = Story().then(OPENED, PREPARED, STARTED, digit("1"), on.CallerGone(at_ms=T0 + 1250))
    assert [decision.outcome for decision in late.stored()] == [Outcome.REFUSED]
    late.then(stored(Outcome.REFUSED))
    assert late.continued() == []
    assert late.state.phase is Phase.OVER


def test_hanging_up_in_the_notice_measures_what_was_heard() -> None:
    story = Story().then(OPENED, PREPARED, STARTED, on.CallerGone(at_ms=T0 + 2100))
    assert story.stored()[0].heard == Heard(heard_ms=2100, hung_up=True)


@pytest.mark.parametrize("reached", range(4))
def test_lost_events_while_asking_end_the_asking_without_a_recording(reached: int) -> None:
    way: tuple[Event, ...] = (OPENED, PREPARED, STARTED, ENDED)
    story = Story().then(*way[:reached], on.ConnectionLost())
    if reached == 0:
        story.then(OPENED)
    story.then(stored(Outcome.ERROR))
    assert story.continued() == [do.Continue(outcome=Outcome.ERROR, recording_id=None)]
    assert AlarmKind.CONNECTION_LOST in story.alarms()


@pytest.mark.parametrize("checked", [False, True])
def test_a_refusal_that_may_have_been_lost_while_the_decision_was_stored_means_no_recording(
    checked: bool,
) -> None:
    story = Story().then(OPENED, PREPARED, STARTED, ENDED, on.ReplyWindowOver())
    if checked:
        story.then(READY)
    story.then(on.ConnectionLost())
    assert bool([effect for effect in story.all if isinstance(effect, do.DropRecording)]) is checked
    story.then(stored(Outcome.NOT_REFUSED), stored(Outcome.ERROR))
    assert story.continued() == [do.Continue(outcome=Outcome.ERROR, recording_id=None)]
    assert AlarmKind.CONNECTION_LOST in story.alarms()


def test_lost_events_after_a_decision_against_recording_change_nothing() -> None:
    story = Story().then(OPENED, PREPARED, STARTED, digit("1", 1000), on.ConnectionLost())
    assert story.effects() == ()
    story.then(stored(Outcome.REFUSED))
    assert story.continued() == [do.Continue(outcome=Outcome.REFUSED, recording_id=None)]


def test_a_call_taken_from_the_gate_is_stored_as_gate_unavailable_and_left_alone() -> None:
    story = Story().then(OPENED, PREPARED, STARTED, on.GateLeft(), stored(Outcome.GATE_UNAVAILABLE))
    assert story.continued() == []
    assert story.state.phase is Phase.CALL
    assert story.effects() == (do.FollowCall(),)


def test_no_policy_for_the_number_means_no_questions_and_no_recording() -> None:
    story = Story(None, Outcome.OUT_OF_SCOPE).then(OPENED, stored(Outcome.OUT_OF_SCOPE))
    assert story.continued() == [do.Continue(outcome=Outcome.OUT_OF_SCOPE, recording_id=None)]
    assert story.alarms() == []
    clash = Story(None, Outcome.ERROR).then(OPENED, stored(Outcome.ERROR))
    assert clash.continued() == [do.Continue(outcome=Outcome.ERROR, recording_id=None)]
    assert clash.alarms() == [AlarmKind.POLICY_CONFLICT]


def test_when_the_way_on_fails_the_plain_way_is_tried_once() -> None:
    story = Story().then(OPENED, PREPARED, STARTED, ENDED, on.ReplyWindowOver(), READY)
    story.then(stored(Outcome.NOT_REFUSED), on.ContinueFailed(problem="no answer"))
    assert story.last[:2] == (do.StopNotice(), do.Continue(outcome=Outcome.ERROR, recording_id=None))
    story.then(on.ContinueFailed(problem="no answer"))
    assert story.kinds() == ["RaiseAlarm"]


def test_when_the_capture_cannot_be_announced_to_the_recorder_it_is_dropped() -> None:
    story = Story().then(OPENED, PREPARED, STARTED, ENDED, on.ReplyWindowOver(), READY)
    story.then(stored(Outcome.NOT_REFUSED), on.EffectFailed(problem="recorder: away"))
    assert do.DropRecording(recording_id=NEW) in story.last
    assert do.Continue(outcome=Outcome.ERROR, recording_id=None) in story.last


# --- withdrawing ------------------------------------------------------------------------------------


def recorded() -> Story:
    story = Story().then(OPENED, PREPARED, STARTED, ENDED, on.ReplyWindowOver(), READY)
    return story.then(stored(Outcome.NOT_REFUSED), on.GateLeft())


GONE = on.RecordingWithdrawn(recording_id=NEW)
CODE = on.WithdrawCodePressed(by=WithdrawnBy.CALLER_KEY)


def test_the_withdraw_code_withdraws_and_both_hear_it() -> None:
    story = recorded().then(CODE)
    assert story.effects() == (do.WithdrawRecording(recording_id=NEW, by=WithdrawnBy.CALLER_KEY),)
    assert story.then(GONE).effects() == (do.ConfirmWithdrawal(),)


@pytest.mark.parametrize("reached", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("consent", [OPT_OUT, OPT_IN, ANNOUNCE])
def test_who_withdraws_while_still_being_asked_has_refused(consent: Consent, reached: int) -> None:
    way = (OPENED, PREPARED, STARTED, ENDED, on.ReplyWindowOver(), READY)[:reached]
    story = Story(consent).then(*way, CODE)
    assert story.stored()[-1].outcome is Outcome.REFUSED
    assert story.stored()[-1].recording_id is None
    assert story.then(stored(Outcome.REFUSED)).continued() == [
        do.Continue(outcome=Outcome.REFUSED, recording_id=None)
    ]


def test_withdrawing_twice_is_harmless_and_is_confirmed_again() -> None:
    story = recorded().then(CODE, CODE)
    assert story.effects() == ()
    story.then(GONE, GONE)
    assert story.effects() == ()
    assert story.then(CODE).effects() == (do.ConfirmWithdrawal(),)


def test_withdrawing_a_refused_call_does_nothing() -> None:
    story = Story().then(OPENED, PREPARED, STARTED, digit("1"), stored(Outcome.REFUSED), on.GateLeft(), CODE)
    assert story.effects() == ()


def test_a_withdrawal_that_failed_can_be_tried_again() -> None:
    story = recorded().then(CODE, on.WithdrawalFailed(problem="still there"))
    assert story.kinds() == ["RaiseAlarm"]
    assert story.then(CODE).kinds() == ["WithdrawRecording"]


def test_a_withdrawal_from_elsewhere_is_confirmed_on_the_line() -> None:
    assert recorded().then(GONE).effects() == (do.ConfirmWithdrawal(),)


def test_a_recording_withdrawn_before_it_began_never_begins() -> None:
    story = Story().then(OPENED, PREPARED, STARTED, ENDED, on.ReplyWindowOver(), READY)
    story.then(GONE, stored(Outcome.NOT_REFUSED))
    assert story.continued() == [do.Continue(outcome=Outcome.REFUSED, recording_id=None)]


def test_after_a_restart_of_the_daemon_the_code_still_works() -> None:
    state, effects = resume(NEW, Earlier(outcome=Outcome.NOT_REFUSED, recording_id=FIRST))
    assert effects == (do.FollowCall(),)
    assert step(state, CODE, OPT_OUT)[1] == (
        do.WithdrawRecording(recording_id=FIRST, by=WithdrawnBy.CALLER_KEY),
    )


# --- a second gate ----------------------------------------------------------------------------------

RUNNING = Earlier(outcome=Outcome.NOT_REFUSED, recording_id=FIRST)
SECOND_GATE = do.WithdrawRecording(recording_id=FIRST, by=WithdrawnBy.SECOND_GATE)


@pytest.mark.parametrize(
    "earlier",
    [
        Earlier(outcome=Outcome.REFUSED, recording_id=None),
        Earlier(outcome=Outcome.NOTICE_INCOMPLETE, recording_id=None),
        Earlier(outcome=Outcome.NOT_REFUSED, recording_id=FIRST, withdrawn=True),
    ],
)
def test_what_was_refused_or_withdrawn_stays_so_unasked(earlier: Earlier) -> None:
    story = Story().then(on.CallOpened(earlier=earlier))
    expected = Outcome.REFUSED if earlier.withdrawn else earlier.outcome
    assert story.effects() == (do.FollowCall(), do.Continue(outcome=expected, recording_id=None))
    assert story.stored() == []


def test_silence_at_the_second_gate_lets_the_first_recording_go_on() -> None:
    story = Story().then(on.CallOpened(earlier=RUNNING), PREPARED, STARTED, ENDED, on.ReplyWindowOver())
    assert story.stored()[0].recording_id is None
    story.then(stored(Outcome.NOT_REFUSED))
    assert story.effects() == (do.FollowCall(), do.Continue(outcome=Outcome.NOT_REFUSED, recording_id=None))


def test_refusing_at_the_second_gate_withdraws_the_first_recording() -> None:
    story = Story().then(on.CallOpened(earlier=RUNNING), PREPARED, STARTED, digit("1"))
    story.then(stored(Outcome.REFUSED))
    way_on = do.Continue(outcome=Outcome.REFUSED, recording_id=None)
    assert story.effects() == (SECOND_GATE, do.FollowCall(), way_on)


def test_a_refusal_that_cannot_be_stored_at_the_second_gate_withdraws_too() -> None:
    story = Story().then(on.CallOpened(earlier=RUNNING), PREPARED, STARTED, digit("1"))
    story.then(on.StoringFailed(outcome=Outcome.REFUSED, problem="disk full"))
    assert SECOND_GATE in story.last


def test_the_withdraw_code_at_the_second_gate_ends_the_asking() -> None:
    story = Story().then(on.CallOpened(earlier=RUNNING), PREPARED, STARTED, CODE)
    assert story.kinds() == ["StopNotice", "WithdrawRecording", "FollowCall", "Continue"]
    assert story.continued() == [do.Continue(outcome=Outcome.REFUSED, recording_id=None)]


def test_a_permitted_call_without_a_recording_may_be_recorded_from_the_second_gate_on() -> None:
    earlier = Earlier(outcome=Outcome.ANNOUNCED, recording_id=None)
    story = Story().then(on.CallOpened(earlier=earlier), PREPARED, STARTED, ENDED, on.ReplyWindowOver())
    story.then(READY, stored(Outcome.NOT_REFUSED))
    assert story.continued() == [do.Continue(outcome=Outcome.NOT_REFUSED, recording_id=NEW)]


OURS, THEIRS = PolicyName("ours"), PolicyName("theirs")
ANOTHERS = replace(RUNNING, policy=THEIRS)
CONCLUDE = do.ConcludeRecording(recording_id=FIRST)


def at_anothers_gate(*events: Event) -> Story:
    """Be silent at a gate while another policy's recording runs."""
    opened = on.CallOpened(earlier=ANOTHERS)
    return Story(policy=OURS).then(opened, PREPARED, STARTED, ENDED, on.ReplyWindowOver(), *events)


def test_silence_at_another_policys_gate_concludes_the_first_recording_and_begins_a_new_one() -> None:
    story = at_anothers_gate(READY)
    assert story.stored()[0].recording_id == NEW
    assert CONCLUDE not in story.all
    story.then(stored(Outcome.NOT_REFUSED))
    assert story.effects() == (
        CONCLUDE,
        do.ExpectRecording(recording_id=NEW),
        do.FollowCall(),
        do.Continue(outcome=Outcome.NOT_REFUSED, recording_id=NEW),
    )
    story.then(on.GateLeft(), CODE)
    assert story.effects() == (do.WithdrawRecording(recording_id=NEW, by=WithdrawnBy.CALLER_KEY),)


def test_without_room_the_first_recording_is_concluded_all_the_same() -> None:
    story = at_anothers_gate(on.RecorderChecked(ready=False), stored(Outcome.NOT_REFUSED))
    way_on = do.Continue(outcome=Outcome.NOT_REFUSED, recording_id=None)
    assert story.effects() == (CONCLUDE, do.FollowCall(), way_on)
    assert story.then(on.GateLeft(), CODE).effects() == ()


def test_a_first_recording_that_cannot_be_concluded_lets_no_other_begin() -> None:
    story = at_anothers_gate(READY, stored(Outcome.NOT_REFUSED), on.EffectFailed(problem="still runs"))
    assert do.Continue(outcome=Outcome.ERROR, recording_id=None) in story.last
    assert do.DropRecording(recording_id=NEW) in story.last


def test_refusing_at_another_policys_gate_withdraws_the_first_recording() -> None:
    story = Story(policy=OURS).then(on.CallOpened(earlier=ANOTHERS), PREPARED, STARTED, digit("1"))
    story.then(stored(Outcome.REFUSED))
    assert SECOND_GATE in story.last
    assert CONCLUDE not in story.all


def test_the_first_recording_withdrawn_after_it_was_concluded_leaves_the_second_alone() -> None:
    story = at_anothers_gate(READY, stored(Outcome.NOT_REFUSED), on.GateLeft())
    story.then(on.RecordingWithdrawn(recording_id=FIRST))
    assert story.effects() == ()
    assert (story.state.tape, story.state.tape_id) == (Tape.RUNNING, NEW)


@pytest.mark.parametrize("taken_back", [CODE, on.RecordingWithdrawn(recording_id=FIRST)])
def test_a_withdrawal_while_the_second_permission_is_stored_lets_no_second_recording_begin(
    taken_back: Event,
) -> None:
    story = at_anothers_gate(READY, taken_back, stored(Outcome.NOT_REFUSED))
    assert story.continued() == [do.Continue(outcome=Outcome.REFUSED, recording_id=None)]
    assert do.DropRecording(recording_id=NEW) in story.all


# --- every state times every event ------------------------------------------------------------------

EVERY_EVENT: tuple[Event, ...] = (
    OPENED,
    on.CallOpened(earlier=RUNNING),
    on.OpeningFailed(problem="x"),
    PREPARED,
    on.NoticeUnfit(problem="x"),
    STARTED,
    ENDED,
    on.NoticeFailed(at_ms=T0 + 10, problem="x"),
    on.NoticeOverdue(),
    digit("1"),
    digit("5"),
    on.ReplyWindowOver(),
    READY,
    on.RecorderChecked(ready=False),
    *[stored(outcome) for outcome in Outcome],
    on.StoringFailed(outcome=Outcome.NOT_REFUSED, problem="x"),
    on.ContinueFailed(problem="x"),
    on.EffectFailed(problem="x"),
    on.GateLeft(),
    on.CallerGone(at_ms=None),
    on.ConnectionLost(),
    CODE,
    GONE,
    on.RecordingWithdrawn(recording_id=FIRST),
    on.WithdrawalFailed(problem="x"),
)


def every_state() -> list[State]:
    states = []
    for phase in Phase:
        for tape in Tape:
            for outcome in (None, Outcome.NOT_REFUSED, Outcome.REFUSED):
                for hung_up in (False, True) if phase not in (Phase.LEAVING, Phase.CALL) else (False,):
                    states.append(
                        State(
                            phase=phase,
                            new_recording_id=NEW,
                            heard=Heard(hung_up=hung_up),
                            notice_started_at_ms=T0,
                            notice_duration_ms=LENGTH_MS,
                            outcome=outcome,
                            reserved_id=NEW if outcome is Outcome.NOT_REFUSED else None,
                            tape=tape,
                            tape_id=None if tape is Tape.NONE else FIRST,
                        )
                    )
    return states


@pytest.mark.parametrize("consent", [OPT_OUT, OPT_IN, ANNOUNCE, None])
def test_every_state_takes_every_event_and_records_only_on_a_stored_permission(
    consent: Consent | None,
) -> None:
    for state in every_state():
        for event in EVERY_EVENT:
            after, effects = step(state, event, consent)
            if state.phase is Phase.OVER:
                assert after.phase is Phase.OVER
                assert not [effect for effect in effects if not isinstance(effect, do.RaiseAlarm)]
            for position, effect in enumerate(effects):
                if isinstance(effect, do.StopNotice):
                    assert position == 0
                if isinstance(effect, do.Continue):
                    assert after.phase is Phase.LEAVING
                    assert not after.heard.hung_up
                if isinstance(effect, do.Continue) and effect.recording_id is not None:
                    assert isinstance(event, on.DecisionStored)
                    assert event.outcome.permits_recording
                    assert effect.recording_id == state.reserved_id


def test_every_phase_is_explained() -> None:
    assert set(MEANING) == set(Phase)


# --- any order --------------------------------------------------------------------------------------

EARLIERS = st.one_of(
    st.none(),
    st.builds(
        Earlier,
        outcome=st.sampled_from([Outcome.NOT_REFUSED, Outcome.ANNOUNCED]),
        recording_id=st.sampled_from([FIRST, None]),
        policy=st.sampled_from([None, PolicyName("theirs")]),
    ),
    st.just(Earlier(outcome=Outcome.REFUSED, recording_id=None)),
    st.just(Earlier(outcome=Outcome.NOT_REFUSED, recording_id=FIRST, withdrawn=True)),
)
UNASKED = st.one_of(
    st.builds(digit, st.sampled_from("1250*"), st.integers(0, 9000)),
    st.just(on.ConnectionLost()),
    st.just(on.CallerGone(at_ms=T0 + 2000)),
    st.just(CODE),
    st.just(on.GateLeft()),
)


class World:
    """Answers effects as Asterisk, the store and the recorder may, now rightly and now not."""

    def __init__(self, data: st.DataObject, consent: Consent | None) -> None:
        self.data = data
        self.story = Story(consent, None if consent is not None else Outcome.OUT_OF_SCOPE)
        self.pending: list[Event] = []
        self.permitted: set[RecordingId] = set()
        self.ids: dict[Outcome, RecordingId | None] = {}
        self.refused_in_time = False
        self.gone = False
        self.failures = 0
        self.runs_on = False
        self.outcomes: list[Outcome] = []
        self.answer_all()

    def happen(self, event: Event) -> None:
        before = self.story.state
        at_the_gate = before.phase not in (Phase.LEAVING, Phase.CALL, Phase.OVER)
        if self.story.consent is OPT_OUT and isinstance(event, on.DigitPressed) and event.digit == "1":
            self.refused_in_time |= at_the_gate
        self.gone |= isinstance(event, on.CallerGone)
        if isinstance(event, on.DecisionStored) and event.outcome.permits_recording:
            recording_id = self.ids.get(event.outcome)
            self.permitted |= {recording_id} if recording_id is not None else set()
        self.story.then(event)
        self.answer_all()

    def answer_all(self) -> None:
        for effect in self.story.last:
            answers = self.answers(effect)
            if answers is None:
                self.failures += 1
                self.pending.append(on.EffectFailed(problem="x"))
                return
            self.pending += answers

    def answers(self, effect: Effect) -> list[Event] | None:
        well = self.data.draw(st.integers(0, 9)) > 0
        match effect:
            case do.OpenCall():
                earlier = self.data.draw(EARLIERS)
                self.runs_on = bool(earlier and earlier.recording_id and well)
                opened = on.CallOpened(earlier=earlier)
                return [opened if well else on.OpeningFailed(problem="x")]
            case do.PrepareNotice():
                return [PREPARED if well else on.NoticeUnfit(problem="x")]
            case do.PlayNotice():
                end = on.NoticeEnded(at_ms=T0 + (LENGTH_MS if well else 100))
                return [STARTED, end, on.NoticeOverdue()]
            case do.WaitForReply():
                return [on.ReplyWindowOver()]
            case do.CheckRecorder():
                return [on.RecorderChecked(ready=well)]
            case do.StoreDecision():
                assert effect.outcome.permits_recording or effect.recording_id is None
                self.ids[effect.outcome] = effect.recording_id
                self.outcomes.append(effect.outcome)
                failed = on.StoringFailed(outcome=effect.outcome, problem="x")
                return [on.DecisionStored(outcome=effect.outcome) if well else failed]
            case do.Continue():
                if effect.recording_id is not None:
                    assert effect.recording_id in self.permitted  # I1
                    assert not self.runs_on
                    assert not self.refused_in_time
                    assert not self.gone
                self.failures += not well
                return [on.GateLeft() if well else on.ContinueFailed(problem="x")]
            case do.WithdrawRecording():
                gone = on.RecordingWithdrawn(recording_id=effect.recording_id)
                return [gone if well else on.WithdrawalFailed(problem="x")]
            case do.ConcludeRecording():
                self.runs_on = not well
                return [] if well else None
            case do.FollowCall() | do.ExpectRecording():
                return [] if well else None
            case _:
                return []


@pytest.mark.exhaustive
@settings(max_examples=600, deadline=None)
@given(data=st.data(), consent=st.sampled_from([OPT_OUT, OPT_OUT, OPT_IN, ANNOUNCE, None]))
def test_in_any_order_the_caller_goes_on_and_nothing_is_recorded_without_a_stored_permission(
    data: st.DataObject, consent: Consent | None
) -> None:
    world = World(data, consent)
    strangers: list[Event] = list(data.draw(st.lists(UNASKED, max_size=4)))
    for _ in range(60):
        choices: list[Event] = world.pending[:2] + strangers[:1]
        if not choices:
            break
        event = data.draw(st.sampled_from(choices))
        (world.pending if event in world.pending else strangers).remove(event)
        world.happen(event)
    story = world.story
    assert world.pending == []
    recordings = [way for way in story.continued() if way.recording_id is not None]
    assert len(recordings) <= 1
    assert len(story.continued()) <= 1 + min(world.failures, 1)
    if not world.gone and not story.state.has_left:
        assert story.continued(), "the caller was left standing"
    if story.state.phase not in (Phase.CALL, Phase.OVER):
        assert story.state.phase is Phase.LEAVING
        assert world.failures
    if world.refused_in_time:
        assert not recordings
        decided = [*world.outcomes, *[way.outcome for way in story.continued()]]
        assert all(not outcome.permits_recording for outcome in decided[-1:])


@given(one=st.sampled_from(list(Outcome)), other=st.sampled_from(list(Outcome)))
def test_a_second_gate_never_loosens_what_the_first_decided(one: Outcome, other: Outcome) -> None:
    state = replace(
        every_state()[0],
        phase=Phase.STORING,
        outcome=other,
        reserved_id=None,
        earlier=Earlier(outcome=one, recording_id=None),
    )
    _, effects = step(state, on.DecisionStored(outcome=other), OPT_OUT)
    ways = [effect for effect in effects if isinstance(effect, do.Continue)]
    assert ways == [do.Continue(outcome=stricter(one, other), recording_id=None)]
