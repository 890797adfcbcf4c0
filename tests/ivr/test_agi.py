"""The gate for scripts: what it asks, what it decides, and how its calls end."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

import pytest

from ivr.agi import AgiGate, Ask, GoOn
from policy.clock import SteppedClock, from_ms
from policy.errors import StateConflict, Unavailable
from policy.evidence import Arrival, Heard, Way
from policy.model import Policy
from policy.vocabulary import CallId, Outcome, PolicyName, RecordingId
from tests.ivr.fakes import NOTICE_MS, FakeAlarms, FakePrompts, FakeRecorder, FakeRegister
from tests.ivr.stage import policies

ID = CallId("1795283160.1")
SILENCE = Heard(heard_ms=NOTICE_MS, finished=True, window_over=True)
REFUSAL = Heard(heard_ms=1000, digit="1", digit_offset_ms=1000)


class Gate:
    """A gate among fakes."""

    def __init__(self) -> None:
        self.register = FakeRegister()
        self.recorder = FakeRecorder(self.register)
        self.prompts = FakePrompts()
        self.alarms = FakeAlarms()
        names = (RecordingId(f"{number:032x}") for number in itertools.count(1))
        self.agi = AgiGate(
            register=self.register,
            recorder=self.recorder,
            prompts=self.prompts,
            alarms=self.alarms,
            clock=SteppedClock(from_ms(1_795_283_160_000)),
            new_recording_id=lambda: next(names),
        )

    def enter(self, policy: Policy | Outcome, *, language: str = "nl") -> Ask | GoOn:
        name = policy.name if isinstance(policy, Policy) else None
        return asyncio.run(self.agi.enter(replace(ARRIVAL, language=language, policy=name), policy))

    def answer(self, heard: Heard) -> GoOn:
        return asyncio.run(self.agi.answer(ID, heard))


ARRIVAL = Arrival(
    call_id=ID,
    channel="PJSIP/trunk-1",
    policy=PolicyName("eindhoven"),
    number="14040",
    caller="0612345678",
    language="nl",
    started_at=from_ms(1_795_283_160_000),
    way=Way.AGI,
)
EINDHOVEN = policies().by_name[PolicyName("eindhoven")]
OTHER = policies().by_name[PolicyName("aankondiging")]


def test_silence_is_recorded_under_a_stored_decision() -> None:
    gate = Gate()
    ask = gate.enter(EINDHOVEN)
    assert isinstance(ask, Ask)
    assert ask.key == "1"
    went = gate.answer(SILENCE)
    (decision,) = gate.register.decisions
    assert (decision.outcome, decision.recording_id) == (went.outcome, went.recording_id)
    assert went.outcome is Outcome.NOT_REFUSED
    assert gate.recorder.told == [f"started {ID}"]


def test_a_refusal_at_the_second_gate_withdraws_the_recording_of_the_first() -> None:
    gate = Gate()
    gate.enter(EINDHOVEN)
    gate.answer(SILENCE)
    gate.enter(EINDHOVEN)
    assert gate.answer(REFUSAL).outcome is Outcome.REFUSED
    assert gate.recorder.told == [f"started {ID}", "withdrawn second_gate"]


def test_another_policys_gate_concludes_the_recording_and_begins_its_own() -> None:
    gate = Gate()
    gate.enter(EINDHOVEN)
    first = gate.answer(SILENCE)
    gate.enter(OTHER)
    second = gate.answer(SILENCE)
    assert first.recording_id is not None
    assert second.recording_id not in (None, first.recording_id)
    assert gate.recorder.told == [f"started {ID}", "concluded eindhoven", f"started {ID}"]


def test_a_recording_that_cannot_be_concluded_lets_no_other_begin() -> None:
    gate = Gate()
    gate.enter(EINDHOVEN)
    gate.answer(SILENCE)
    gate.enter(OTHER)
    gate.recorder.broken["conclude"] = Unavailable("AMI: no answer")
    with pytest.raises(Unavailable):
        gate.answer(SILENCE)
    assert gate.recorder.told == [f"started {ID}", "dropped"]


def test_who_refused_is_not_asked_again_and_the_agent_still_hears_the_policys_words() -> None:
    gate = Gate()
    gate.enter(EINDHOVEN)
    gate.answer(REFUSAL)
    again = gate.enter(EINDHOVEN, language="fr")
    assert again == GoOn(policy=EINDHOVEN, language="nl", outcome=Outcome.REFUSED, recording_id=None)


def test_a_notice_that_is_unfit_is_an_alarm_and_no_recording() -> None:
    gate = Gate()
    gate.prompts.unfit.add("notice")
    went = gate.enter(EINDHOVEN)
    assert isinstance(went, GoOn)
    assert (went.outcome, went.recording_id) == (Outcome.NOTICE_INCOMPLETE, None)
    assert gate.alarms.kinds == ["notice_unfit"]


def test_an_answer_that_nobody_asked_for_is_refused() -> None:
    with pytest.raises(StateConflict, match="without having been asked"):
        Gate().answer(SILENCE)


def test_the_end_of_a_call_is_put_on_record_once_and_only_of_one_that_entered() -> None:
    gate = Gate()
    gate.enter(EINDHOVEN)
    assert gate.agi.underway() == {ID}
    asyncio.run(gate.agi.ended(CallId("another")))
    assert gate.register.ended == {}
    asyncio.run(gate.agi.ended(ID))
    assert gate.register.ended.keys() == {ID}
    assert gate.agi.underway() == frozenset()


def test_a_call_that_ended_while_it_was_asked_may_still_be_answered_for() -> None:
    gate = Gate()
    gate.enter(EINDHOVEN)
    asyncio.run(gate.agi.ended(ID))
    assert gate.answer(Heard(heard_ms=500, hung_up=True)).outcome is Outcome.CALLER_GONE
