"""What is answered, and what is passed on as it came (N1)."""

from __future__ import annotations

from policy.errors import Unavailable
from policy.scope import Direction
from policy.vocabulary import CallId, RecordingId
from tests import virtual_time
from tests.ivr.stage import Stage, after, running

DESK = "PJSIP/agent1"


def stage_with_trunk() -> Stage:
    stage = Stage()
    stage.trunks = ("PJSIP/trunk",)
    stage.dispatch = stage.new_dispatch()
    return stage


def test_an_outside_caller_is_answered_once_and_before_the_notice() -> None:
    async def story() -> None:
        async with running(stage_with_trunk()) as stage:
            call_id = stage.pbx.arrive("1.1")
            await after(1)
            assert stage.pbx.answered == [call_id]
            mine = [command for command in stage.pbx.commands if command.startswith(("answer", "play"))]
            assert [command.split()[0] for command in mine] == ["answer", "play"]

    virtual_time.run(story())


def test_n1_an_internal_call_goes_on_at_once_unanswered_and_only_counted() -> None:
    async def story() -> None:
        async with running(stage_with_trunk()) as stage:
            call_id = stage.pbx.arrive("1.1", endpoint=DESK)
            await after(0.1)
            assert stage.ways(call_id) == ["out_of_scope"]
            assert stage.pbx.commands[1:] == [f"continue {call_id} consentline-done out_of_scope"]
            assert [one.direction for one in stage.register.passed] == [Direction.INTERNAL]
            assert stage.register.calls == {}
            assert stage.decided() == []
            assert stage.dispatch.live() == ()
            assert stage.alarms.kinds == []

    virtual_time.run(story())


def test_a_call_that_cannot_be_counted_goes_on_all_the_same() -> None:
    async def story() -> None:
        async with running(stage_with_trunk()) as stage:
            stage.register.broken["pass_unasked"] = Unavailable("disk full")
            call_id = stage.pbx.arrive("1.1", endpoint=DESK)
            await after(0.1)
            assert stage.ways(call_id) == ["out_of_scope"]

    virtual_time.run(story())


def test_an_internal_call_found_at_the_gate_after_an_absence_leaves_no_row_and_no_alarm() -> None:
    async def story() -> None:
        stage = stage_with_trunk()
        stage.pbx.is_deaf = True
        call_id = stage.pbx.arrive("1.1", endpoint=DESK)
        stage.pbx.is_deaf = False
        async with running(stage):
            await after(3)
            assert stage.ways(call_id) == ["out_of_scope"]
            assert stage.register.calls == {}
            assert stage.alarms.kinds == []

    virtual_time.run(story())


def test_a_call_that_cannot_be_answered_goes_on_unrecorded() -> None:
    async def story() -> None:
        async with running(Stage()) as stage:
            stage.pbx.is_silent.add("answer")
            call_id = stage.pbx.arrive("1.1")
            await after(1)
            assert stage.ways(call_id) == ["error"]
            assert stage.pbx.spoken == []
            assert stage.alarms.raised == [("effect_failed", CallId("1.1"))]

    virtual_time.run(story())


async def recording_ends(stage: Stage, *, erased: bool) -> CallId:
    """Have a call's recording end while the call goes on."""
    call_id = stage.pbx.arrive("1.1", "14050")
    await after(10)
    (live,) = stage.dispatch.live()
    assert live.recording_id is not None
    stage.dispatch.recording_ended(call_id, live.recording_id, erased)
    await after(5)
    return call_id


def test_a_recording_that_was_erased_in_mid_call_is_told_on_the_line_and_runs_no_more() -> None:
    async def story() -> None:
        async with running(Stage()) as stage:
            await recording_ends(stage, erased=True)
            assert [path for _, path in stage.pbx.spoken if "withdrawn" in path] != []
            assert stage.dispatch.live()[0].recording_id is None

    virtual_time.run(story())


def test_after_one_that_was_kept_nobody_is_told_and_another_policys_gate_begins_its_own() -> None:
    async def story() -> None:
        async with running(Stage()) as stage:
            call_id = await recording_ends(stage, erased=False)
            assert [path for _, path in stage.pbx.spoken if "withdrawn" in path] == []
            stage.pbx.arrive("1.1", "14040")
            await after(15)
            assert stage.ways(call_id) == ["announced*", "not_refused*"]

    virtual_time.run(story())


def test_the_end_of_another_recording_changes_nothing() -> None:
    async def story() -> None:
        async with running(Stage()) as stage:
            call_id = stage.pbx.arrive("1.1", "14050")
            await after(10)
            stage.dispatch.recording_ended(call_id, RecordingId("f" * 32), True)
            await after(5)
            assert stage.dispatch.live()[0].recording_id is not None

    virtual_time.run(story())
