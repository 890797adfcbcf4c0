"""How a caller is asked, and what follows: the whole consent conversation on one page.

Theory of operation
===================

The rules
---------
 1. A call is put on record, hears the notice, may answer, and goes on: always, whatever fails (I8).
 2. The deciding key (refuse, or accept under `opt_in`) counts from the call's first millisecond at the
    gate, before the notice is heard too. Every other key is ignored.
 3. A key during the notice cuts the notice first, before anything else: Asterisk obeys no other order
    while a prompt plays.
 4. Silence means something only after the notice played to its end and, where there is a choice, the
    reply window ran out. A notice that ended more than `TOLERANCE_MS` early was not heard to its end.
 5. A refusal counts until the very moment the call goes on, also when the decision is already stored.
 6. A call is recorded only on an outcome that permits it, after that decision is durable (I1), and only
    when the recorder has room. Without room the decision stands and there is no recording.
 7. Whoever hangs up is `caller_gone`, unless they refused first: then they refused.
 8. In doubt there is no recording (I9): keys may have been lost, the decision could not be stored, the
    call was taken from the gate.
 9. A second gate: what was refused or withdrawn before stays so, unasked. What was permitted is asked
    again; a stricter answer withdraws the first recording. Otherwise that recording simply goes on where
    the policy is the same; under another one it is concluded and kept, and a new recording begins.
10. Withdrawing works whenever a recording may run. Twice is harmless. Both parties hear that it is gone.
    Who withdraws while still being asked has refused.
11. If the way onward fails, the plain way, which records nothing, is tried once. After that the dial plan's
    dead-man switch frees the caller.
12. Where the policy records only who speaks with the KCC, somebody else's entry ends the recording. Both
    parties hear it when it is erased; when it is kept nobody is told.

The way of a call
-----------------
    OPENING > PREPARING > NOTICE > REPLY > CHECKING > STORING > LEAVING > CALL > OVER

Phases are left out where they have nothing to do, and none is ever entered twice but STORING. Every
failed effect comes back as an event. A late event (a timer of a phase that is past) changes nothing.
`step` knows no clock, no randomness and no I/O: the state carries what it was given at the start.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from ivr import effects as do
from ivr import events as on
from ivr.effects import AlarmKind, Effect
from ivr.events import Earlier, Event
from ivr.state import Phase, State, Tape
from policy.model import Consent
from policy.rules import deciding_key, outcome_of, stricter
from policy.vocabulary import ConsentMode, Outcome, PolicyName, RecordingId, WithdrawnBy

TOLERANCE_MS = 300
OVERDUE_MS = 5_000

_ASKING = frozenset({Phase.PREPARING, Phase.NOTICE, Phase.REPLY})
_AT_THE_GATE = _ASKING | {Phase.OPENING, Phase.CHECKING, Phase.STORING}

Step = tuple[State, tuple[Effect, ...]]


def arrive(
    new_recording_id: RecordingId, *, policy: PolicyName | None = None, verdict: Outcome | None = None
) -> Step:
    """Return the beginning.

    Args:
        new_recording_id: Random; the name of the recording, if any.
        policy: Whose gate it is, or None.
        verdict: What is decided already because no policy serves this call; None: ask.
    """
    state = State(phase=Phase.OPENING, new_recording_id=new_recording_id, policy=policy, verdict=verdict)
    if verdict is not Outcome.ERROR:
        return state, (do.OpenCall(),)
    text = "the number dialled and the policy named in the dial plan do not agree; no recording"
    return state, (do.OpenCall(), do.RaiseAlarm(kind=AlarmKind.POLICY_CONFLICT, text=text))


def resume(new_recording_id: RecordingId, earlier: Earlier) -> Step:
    """Return the beginning for a call that the daemon finds in full swing when it comes back."""
    state = State(phase=Phase.CALL, new_recording_id=new_recording_id)
    return _remember(state, earlier), (do.FollowCall(),)


def reenter(
    state: State,
    new_recording_id: RecordingId,
    *,
    policy: PolicyName | None = None,
    verdict: Outcome | None = None,
) -> Step:
    """Return the beginning at a further gate; what is known of the tape is not forgotten."""
    fresh, effects = arrive(new_recording_id, policy=policy, verdict=verdict)
    return replace(fresh, tape=state.tape, tape_id=state.tape_id), effects


def step(state: State, event: Event, consent: Consent | None) -> Step:  # noqa: PLR0912 - one per event
    """Return what follows from one event: the new state, and effects to be carried out in order.

    Args:
        state: Where the call is.
        event: What happened.
        consent: How the policy asks; None when no policy serves the call.
    """
    match event:
        case on.CallOpened():
            return _opened(state, event, consent)
        case on.OpeningFailed():
            return _opening_failed(state, event)
        case on.NoticePrepared():
            return _prepared(state, event)
        case on.NoticeUnfit():
            return _notice_unfit(state, event, consent)
        case on.NoticeStarted():
            return _started(state, event)
        case on.NoticeEnded():
            return _ended(state, event, consent)
        case on.NoticeFailed():
            return _notice_failed(state, event, consent)
        case on.NoticeOverdue():
            return _overdue(state, consent)
        case on.DigitPressed():
            return _pressed(state, event, consent)
        case on.ReplyWindowOver():
            return _window_over(state, consent)
        case on.RecorderChecked():
            return _checked(state, event)
        case on.DecisionStored():
            return _stored(state, event)
        case on.StoringFailed():
            return _storing_failed(state, event)
        case on.ContinueFailed():
            return _continue_failed(state, event)
        case on.EffectFailed():
            return _effect_failed(state, event, consent)
        case on.GateLeft():
            return _left(state, consent)
        case on.CallerGone():
            return _gone(state, event, consent)
        case on.ConnectionLost():
            return _connection_lost(state, consent)
        case on.WithdrawCodePressed():
            return _code_pressed(state, event, consent)
        case on.RecordingWithdrawn():
            return _withdrawn(state, event)
        case on.RecordingEnded():
            return _tape_ended(state, event)
        case on.WithdrawalFailed():
            return _withdrawal_failed(state, event)
        case _:
            assert_never(event)


# --- asking -----------------------------------------------------------------------------------------


def _opened(state: State, event: on.CallOpened, consent: Consent | None) -> Step:
    if state.phase is not Phase.OPENING:
        return state, ()
    if event.earlier is not None:
        state = _remember(state, event.earlier)
        if not _way_on(state).permits_recording:  # rule 9: refused stays refused, unasked
            return _over(state) if state.heard.hung_up else _go_on(state)
    if state.verdict is not None or state.heard.hung_up or state.heard.digit is not None:
        return _decide(state, consent)
    return replace(state, phase=Phase.PREPARING), (do.PrepareNotice(),)


def _prepared(state: State, event: on.NoticePrepared) -> Step:
    if state.phase is not Phase.PREPARING:
        return state, ()
    state = replace(state, phase=Phase.NOTICE, notice_duration_ms=event.duration_ms)
    return state, (do.AnswerCall(), do.PlayNotice(limit_ms=event.duration_ms + OVERDUE_MS))


def _started(state: State, event: on.NoticeStarted) -> Step:
    if state.phase is not Phase.NOTICE or state.notice_started_at_ms is not None:
        return state, ()
    return replace(state, notice_started_at_ms=event.at_ms), ()


def _ended(state: State, event: on.NoticeEnded, consent: Consent | None) -> Step:
    if state.phase is not Phase.NOTICE:
        return state, ()
    state = _measure(state, event.at_ms)
    if state.heard.heard_ms < state.notice_duration_ms - TOLERANCE_MS:  # rule 4
        text = f"the notice ended after {state.heard.heard_ms} of {state.notice_duration_ms} ms"
        return _alarmed(AlarmKind.NOTICE_INCOMPLETE, text, _decide(state, consent))
    state = replace(state, heard=replace(state.heard, finished=True))
    if consent is None or deciding_key(consent) is None:
        return _decide(state, consent)
    return replace(state, phase=Phase.REPLY), (do.WaitForReply(window_ms=consent.reply_window_ms),)


def _notice_unfit(state: State, event: on.NoticeUnfit, consent: Consent | None) -> Step:
    if state.phase is not Phase.PREPARING:
        return state, ()
    return _alarmed(AlarmKind.NOTICE_UNFIT, event.problem, _decide(state, consent))


def _notice_failed(state: State, event: on.NoticeFailed, consent: Consent | None) -> Step:
    if state.phase is not Phase.NOTICE:
        return state, ()
    if event.at_ms is not None:
        state = _measure(state, event.at_ms)
    return _alarmed(AlarmKind.NOTICE_INCOMPLETE, event.problem, _decide(state, consent))


def _overdue(state: State, consent: Consent | None) -> Step:
    if state.phase is not Phase.NOTICE:
        return state, ()
    return _alarmed(AlarmKind.NOTICE_INCOMPLETE, "the notice did not end", _decide(state, consent))


def _pressed(state: State, event: on.DigitPressed, consent: Consent | None) -> Step:
    if consent is None or event.digit != deciding_key(consent) or state.heard.digit is not None:
        return state, ()  # rule 2
    if state.phase in _ASKING:
        return _decide(_note_digit(state, event), consent)
    if state.phase is Phase.OPENING:
        return _note_digit(state, event), ()
    if state.phase in (Phase.CHECKING, Phase.STORING) and consent.mode is ConsentMode.OPT_OUT:
        return _overrule(_note_digit(state, event), Outcome.REFUSED)  # rule 5
    return state, ()


def _window_over(state: State, consent: Consent | None) -> Step:
    if state.phase is not Phase.REPLY:
        return state, ()
    return _decide(replace(state, heard=replace(state.heard, window_over=True)), consent)


# --- deciding ---------------------------------------------------------------------------------------


def _decide(state: State, consent: Consent | None) -> Step:
    """Settle the outcome of this gate; a notice that may still play is cut first (rule 3)."""
    may_play = state.phase is Phase.NOTICE and not (state.heard.finished or state.heard.hung_up)
    cut = (do.StopNotice(),) if may_play else ()
    asked = outcome_of(consent, state.heard) if consent is not None else Outcome.OUT_OF_SCOPE
    if state.heard.hung_up:
        asked = stricter(asked, Outcome.CALLER_GONE)
    outcome = asked if state.verdict is None else stricter(asked, state.verdict)
    state = replace(state, outcome=outcome)
    if outcome.permits_recording and (state.tape is Tape.NONE or _is_anothers(state)):
        return replace(state, phase=Phase.CHECKING), (*cut, do.CheckRecorder())
    return _store(state, *cut)


def _checked(state: State, event: on.RecorderChecked) -> Step:
    if state.phase is not Phase.CHECKING:
        return state, ()
    if event.ready:
        return _store(replace(state, reserved_id=state.new_recording_id))
    text = "no room for another recording; the call goes on unrecorded"  # rule 6
    return _alarmed(AlarmKind.RECORDER_NOT_READY, text, _store(state))


def _store(state: State, *first: Effect) -> Step:
    outcome = state.outcome or Outcome.ERROR
    decision = do.StoreDecision(outcome=outcome, heard=state.heard, recording_id=state.reserved_id)
    return replace(state, phase=Phase.STORING), (*first, decision)


def _overrule(state: State, outcome: Outcome) -> Step:
    """Put a stricter outcome in the place of one that is decided but not acted upon (rules 5, 7, 8)."""
    if state.phase is Phase.STORING and state.outcome is not None and not state.outcome.permits_recording:
        return state, ()
    dropped = (do.DropRecording(recording_id=state.reserved_id),) if state.reserved_id is not None else ()
    state, stored = _store(replace(state, outcome=outcome, reserved_id=None))
    return state, (*stored, *dropped)


def _stored(state: State, event: on.DecisionStored) -> Step:
    if state.phase is not Phase.STORING or event.outcome is not state.outcome:
        return state, ()
    return _go_on(state)


# --- going on ---------------------------------------------------------------------------------------


def _go_on(state: State) -> Step:
    """Send the call onward, with a recording only if a stored decision reserved one (I1)."""
    outcome = _way_on(state)
    recording_id = state.reserved_id
    state, before = _stop_tape(state, outcome)
    if state.heard.hung_up:
        return _after(before, _over(state))
    if state.has_left:
        return replace(state, phase=Phase.CALL), (*before, do.FollowCall())
    state = replace(state, phase=Phase.LEAVING)
    if recording_id is None or not outcome.permits_recording:
        plain = do.Continue(outcome=outcome, recording_id=None)
        dropped = () if recording_id is None else (do.DropRecording(recording_id=recording_id),)
        return state, (*before, do.FollowCall(), plain, *dropped)
    state = replace(state, tape=Tape.RUNNING, tape_id=recording_id)
    record = do.Continue(outcome=outcome, recording_id=recording_id)
    return state, (*before, do.ExpectRecording(recording_id=recording_id), do.FollowCall(), record)


def _way_on(state: State) -> Outcome:
    """Return the strictest of what was decided: here, at an earlier gate, and by withdrawing."""
    outcomes = [Outcome.REFUSED] if state.tape in (Tape.WITHDRAWN, Tape.STOPPING) else []
    outcomes += [state.outcome] if state.outcome is not None else []
    outcomes += [state.earlier.outcome] if state.earlier is not None else []
    strictest = outcomes[0] if outcomes else Outcome.ERROR
    for outcome in outcomes[1:]:
        strictest = stricter(strictest, outcome)
    return strictest


def _stop_tape(state: State, outcome: Outcome) -> Step:
    """End the recording of an earlier gate: withdrawn when this one ended stricter, or concluded (rule 9)."""
    if state.tape is not Tape.RUNNING or state.tape_id is None:
        return state, ()
    if outcome.permits_recording and not _is_anothers(state):
        return state, ()
    if outcome.permits_recording:
        conclude = do.ConcludeRecording(recording_id=state.tape_id)
        return replace(state, tape=Tape.NONE, tape_id=None), (conclude,)
    withdraw = do.WithdrawRecording(recording_id=state.tape_id, by=WithdrawnBy.SECOND_GATE)
    return replace(state, tape=Tape.STOPPING), (withdraw,)


def _left(state: State, consent: Consent | None) -> Step:
    if state.phase is Phase.LEAVING:
        return replace(state, phase=Phase.CALL), ()
    if state.heard.hung_up or state.phase not in _AT_THE_GATE:
        return state, ()
    return _interrupt(replace(state, has_left=True), Outcome.GATE_UNAVAILABLE, consent)  # rule 8


def _gone(state: State, event: on.CallerGone, consent: Consent | None) -> Step:
    if state.phase in (Phase.LEAVING, Phase.CALL):
        return _over(state)
    if state.phase is Phase.OVER:
        return state, ()
    if state.phase is Phase.NOTICE and event.at_ms is not None:
        state = _measure(state, event.at_ms)
    state = replace(state, heard=replace(state.heard, hung_up=True))
    return _interrupt(state, None, consent)  # rule 7


def _interrupt(state: State, verdict: Outcome | None, consent: Consent | None) -> Step:
    """End the asking here and now, with a verdict or because the caller is gone."""
    if verdict is not None:
        state = replace(state, verdict=verdict if state.verdict is None else stricter(verdict, state.verdict))
    if state.phase is Phase.OPENING:
        return state, ()
    if state.phase is Phase.STORING:
        return _overrule(state, verdict or Outcome.CALLER_GONE)
    return _decide(state, consent)


def _over(state: State) -> Step:
    return replace(state, phase=Phase.OVER), (do.EndCall(),)


# --- what goes wrong --------------------------------------------------------------------------------


def _opening_failed(state: State, event: on.OpeningFailed) -> Step:
    if state.phase is not Phase.OPENING:
        return state, ()
    state = replace(state, outcome=Outcome.ERROR)
    return _alarmed(AlarmKind.OPENING_FAILED, event.problem, _go_on(state))


def _storing_failed(state: State, event: on.StoringFailed) -> Step:
    superseded = state.phase is not Phase.STORING or event.outcome is not state.outcome
    if superseded:
        return _alarmed(AlarmKind.STORING_FAILED, event.problem, (state, ()))
    state = replace(state, outcome=Outcome.ERROR, reserved_id=None)  # I1: not stored, not recorded
    return _alarmed(AlarmKind.STORING_FAILED, event.problem, _go_on(state))


def _continue_failed(state: State, event: on.ContinueFailed) -> Step:
    return _alarmed(AlarmKind.CONTINUE_FAILED, event.problem, _plain_way(state))


def _plain_way(state: State) -> Step:
    if state.phase is not Phase.LEAVING or state.tried_plain_way:
        return state, ()
    plain = do.Continue(outcome=Outcome.ERROR, recording_id=None)  # rule 11
    return replace(state, tried_plain_way=True), (do.StopNotice(), plain)


def _plain_way_unrecorded(state: State) -> Step:
    """Go the plain way when the other was not even tried, so that no capture can have begun."""
    begun = state.tape_id is not None and state.tape_id != state.new_recording_id
    if state.tried_plain_way or begun or state.tape is not Tape.RUNNING or state.tape_id is None:
        return _plain_way(state)
    dropped = do.DropRecording(recording_id=state.tape_id)
    state, effects = _plain_way(replace(state, tape=Tape.NONE, tape_id=None))
    return state, (*effects, dropped)


def _effect_failed(state: State, event: on.EffectFailed, consent: Consent | None) -> Step:
    if state.phase is Phase.LEAVING:
        follows = _plain_way_unrecorded(state)
    elif state.phase in _AT_THE_GATE:
        follows = _interrupt(state, Outcome.ERROR, consent)
    else:
        follows = state, ()
    return _alarmed(AlarmKind.EFFECT_FAILED, event.problem, follows)


def _connection_lost(state: State, consent: Consent | None) -> Step:
    permits = state.outcome is None or state.outcome.permits_recording
    if state.phase not in _AT_THE_GATE or not permits:
        return state, ()
    text = "events were lost while a caller was asked; the call goes on unrecorded"
    return _alarmed(AlarmKind.CONNECTION_LOST, text, _interrupt(state, Outcome.ERROR, consent))


# --- taking it back ---------------------------------------------------------------------------------


def _code_pressed(state: State, event: on.WithdrawCodePressed, consent: Consent | None) -> Step:
    if state.tape is Tape.NONE and state.phase in _AT_THE_GATE:
        return _interrupt(state, Outcome.REFUSED, consent)  # rule 10
    if state.tape is Tape.WITHDRAWN and state.phase is Phase.CALL:
        return state, (do.ConfirmWithdrawal(taken_back=state.taken_back),)  # rule 10
    if state.tape is not Tape.RUNNING or state.tape_id is None or state.phase is Phase.OVER:
        return state, ()
    withdraw = do.WithdrawRecording(recording_id=state.tape_id, by=event.by)
    was_notice = state.phase is Phase.NOTICE
    state = replace(state, tape=Tape.STOPPING)
    if state.phase in (Phase.LEAVING, Phase.CALL):
        return state, (withdraw,)
    cut = (do.StopNotice(),) if was_notice else ()  # at a second gate: there is nothing left to ask
    return _after((*cut, withdraw), _go_on(state))


def _withdrawn(state: State, event: on.RecordingWithdrawn) -> Step:
    if state.reserved_id == event.recording_id and state.phase is Phase.STORING:
        return replace(state, tape=Tape.WITHDRAWN, tape_id=state.reserved_id, reserved_id=None), ()
    if state.tape not in (Tape.RUNNING, Tape.STOPPING) or state.tape_id != event.recording_id:
        return state, ()
    state = replace(state, tape=Tape.WITHDRAWN, taken_back=event.taken_back)
    can_hear = state.phase in (Phase.LEAVING, Phase.CALL)
    return state, (do.ConfirmWithdrawal(taken_back=event.taken_back),) if can_hear else ()


def _tape_ended(state: State, event: on.RecordingEnded) -> Step:
    if state.tape is not Tape.RUNNING or state.tape_id != event.recording_id:
        return state, ()
    state = replace(state, tape=Tape.NONE, tape_id=None)
    can_hear = state.phase in (Phase.LEAVING, Phase.CALL)
    return state, (do.ConfirmWithdrawal(),) if event.erased and can_hear else ()  # rule 12


def _withdrawal_failed(state: State, event: on.WithdrawalFailed) -> Step:
    if state.tape is Tape.STOPPING:
        state = replace(state, tape=Tape.RUNNING)
    return _alarmed(AlarmKind.WITHDRAWAL_FAILED, event.problem, (state, ()))


# --- small steps ------------------------------------------------------------------------------------


def _remember(state: State, earlier: Earlier) -> State:
    state = replace(state, earlier=earlier)
    if earlier.withdrawn:
        return replace(state, tape=Tape.WITHDRAWN, tape_id=earlier.recording_id)
    if state.tape is not Tape.NONE or earlier.recording_id is None:
        return state
    return replace(state, tape=Tape.RUNNING, tape_id=earlier.recording_id)


def _is_anothers(state: State) -> bool:
    """Tell whether the recording that runs was permitted to another policy than that of this gate."""
    earlier = state.earlier
    if state.tape is not Tape.RUNNING or earlier is None or earlier.recording_id != state.tape_id:
        return False
    return earlier.policy != state.policy


def _measure(state: State, at_ms: int) -> State:
    """Note how much of the notice was heard by that moment."""
    if state.notice_started_at_ms is None:
        return state
    elapsed_ms = at_ms - state.notice_started_at_ms
    heard_ms = min(max(elapsed_ms, 0), state.notice_duration_ms)
    return replace(state, heard=replace(state.heard, heard_ms=heard_ms))


def _note_digit(state: State, event: on.DigitPressed) -> State:
    if state.phase is Phase.NOTICE:
        state = _measure(state, event.at_ms)
    started_at_ms = state.notice_started_at_ms
    offset_ms = 0 if started_at_ms is None else max(event.at_ms - started_at_ms, 0)
    return replace(state, heard=replace(state.heard, digit=event.digit, digit_offset_ms=offset_ms))


def _alarmed(kind: AlarmKind, text: str, following: Step) -> Step:
    """Add an alarm behind what is done for the caller."""
    state, effects = following
    return state, (*effects, do.RaiseAlarm(kind=kind, text=text))


def _after(first: tuple[Effect, ...], following: Step) -> Step:
    state, effects = following
    return state, (*first, *effects)
