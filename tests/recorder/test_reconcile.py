"""What is done with what is found after not having looked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.errors import Unavailable
from policy.vocabulary import CallId, ControllerLost, ErasedBecause, RecordingId, RecordingState, WithdrawnBy
from recorder.ami import LinkDown, LinkUp
from recorder.ami_wire import TapeStarted
from recorder.ports import LiveChannel, Row
from recorder.reconcile import Adopt, Drop, Finish, Unlink, Withdraw, plan_reconcile
from tests.recorder import waves
from tests.recorder.fakes import BRIDGE, FakeChannel
from tests.recorder.stage import CALL, ID, Stage, play

S = RecordingState
SINCE = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
LEGS = (Path(f"{ID}-caller.wav"), Path(f"{ID}-agent.wav"))
WITHDRAWN_LEGS = (Path(f"{ID}-caller.wav.withdrawn"), Path(f"{ID}-agent.wav"))
BRIDGED = LiveChannel(channel_id=CALL, bridge_id=BRIDGE, recording_id=ID)


def row(
    state: RecordingState = S.RECORDING,
    *,
    bridged_at: datetime | None = SINCE,
    controller_lost: ControllerLost = ControllerLost.KEEP_IF_WATCHED,
    marked: bool = False,
    ended: bool = False,
) -> Row:
    return Row(
        recording_id=ID,
        call_id=CALL,
        state=state,
        bridged_at=bridged_at,
        bridge_id=None if bridged_at is None else BRIDGE,
        controller_lost=controller_lost,
        marked=marked,
        ended=ended,
    )


def test_only_a_watched_conversation_lives_through_the_absence_of_the_daemon() -> None:
    watched = plan_reconcile(rows=(row(),), channels=(BRIDGED,), spool={ID: LEGS}, absent=True)
    assert watched == (Adopt(row=row(), bridge_id=BRIDGE),)
    doubtful = [
        (row(controller_lost=ControllerLost.DROP), BRIDGED),
        (row(bridged_at=None), BRIDGED),
        (row(marked=True), BRIDGED),
        (row(), LiveChannel(channel_id=CALL, bridge_id=None, recording_id=ID)),
        (row(), LiveChannel(channel_id=CALL, bridge_id=BRIDGE, recording_id=None)),
        (row(), LiveChannel(channel_id=CALL, bridge_id=BRIDGE, recording_id=RecordingId("cd" * 16))),
        (row(), LiveChannel(channel_id=CALL, bridge_id="another", recording_id=ID)),
    ]
    for doubted, channel in doubtful:
        plan = plan_reconcile(rows=(doubted,), channels=(channel,), spool={ID: LEGS}, absent=True)
        assert plan == (Drop(recording_id=ID, call_id=CALL, because=ErasedBecause.CONTROLLER_LOST),)
    gone = plan_reconcile(rows=(row(),), channels=(), spool={ID: LEGS}, absent=True)
    assert gone == (Drop(recording_id=ID, call_id=None, because=ErasedBecause.CONTROLLER_LOST),)


def test_a_call_that_was_seen_to_its_end_before_the_absence_is_finished_under_any_policy() -> None:
    def plan(found: Row, *channels: LiveChannel) -> object:
        return plan_reconcile(rows=(found,), channels=channels, spool={ID: LEGS}, absent=True)

    seen = row(controller_lost=ControllerLost.DROP, ended=True)
    assert plan(seen) == (Finish(row=seen),)
    dropped = Drop(recording_id=ID, call_id=None, because=ErasedBecause.CONTROLLER_LOST)
    assert plan(row(ended=True, marked=True)) == (dropped,)
    assert plan(seen, BRIDGED) == (replace(dropped, call_id=CALL),)


def test_after_a_mere_cut_what_ended_is_finished_and_what_lives_goes_on() -> None:
    dropped_by_policy = row(controller_lost=ControllerLost.DROP, bridged_at=None)
    assert plan_reconcile(rows=(dropped_by_policy,), channels=(), spool={}, absent=False) == (
        Finish(row=dropped_by_policy),
    )
    assert plan_reconcile(rows=(dropped_by_policy,), channels=(BRIDGED,), spool={}, absent=False) == (
        Adopt(row=dropped_by_policy, bridge_id=BRIDGE),
    )


@pytest.mark.parametrize("absent", [True, False])
def test_what_was_captured_is_finished_and_leftovers_are_unlinked(absent: bool) -> None:
    def plan(state: RecordingState, paths: tuple[Path, ...] = LEGS) -> object:
        return plan_reconcile(
            rows=(row(state),), channels=(), spool={ID: paths} if paths else {}, absent=absent
        )

    assert plan(S.CAPTURED) == (Finish(row=row(S.CAPTURED)),)
    assert plan(S.CAPTURED, ()) == (Finish(row=row(S.CAPTURED)),)
    assert plan(S.LOST) == (Finish(row=row(S.LOST)),)
    assert plan(S.LOST, ()) == ()
    for state in (S.SEALED, S.WITHDRAWN, S.PURGING, S.PURGED, S.EMPTY):
        assert plan(state) == (Unlink(recording_id=ID),)
        assert plan(state, ()) == ()


@given(
    found=st.builds(
        row,
        st.sampled_from(RecordingState),
        controller_lost=st.sampled_from(ControllerLost),
        marked=st.booleans(),
    ),
    live=st.booleans(),
    bridged=st.booleans(),
    absent=st.booleans(),
)
def test_nothing_renamed_ever_comes_back_and_what_nobody_knows_is_destroyed(
    found: Row, live: bool, bridged: bool, absent: bool
) -> None:
    bridge_id = BRIDGE if bridged else None
    channels = (LiveChannel(channel_id=CALL, bridge_id=bridge_id, recording_id=ID),) if live else ()
    ghost = RecordingId("ee" * 16)
    steps = plan_reconcile(
        rows=(found,),
        channels=channels,
        spool={ID: WITHDRAWN_LEGS, ghost: (Path("x"),)},
        absent=absent,
    )
    assert len(steps) == 2
    assert isinstance(steps[0], Withdraw | Unlink)
    if found.state in (S.RECORDING, S.CAPTURED, S.SEALED):
        assert steps[0] == Withdraw(recording_id=ID, call_id=CALL if live else None)
    assert steps[1] == Drop(recording_id=ghost, call_id=None, because=ErasedBecause.GHOST)


# ---------------------------------------------------------------- carried out


def test_a_start_after_a_crash_leaves_only_what_may_stay(tmp_path: Path) -> None:
    captured, sealed, ghost, renamed, recording, watched = (
        RecordingId(f"{number:032x}") for number in range(6)
    )

    async def story(stage: Stage) -> None:
        for recording_id in (captured, sealed, ghost, renamed, recording, watched):
            for leg in stage.spool.legs(recording_id):
                waves.write_open(leg, waves.tone(8_000))
        stage.spool.mark_withdrawn(renamed)
        stage.register.add(captured, CallId("1.1"), S.CAPTURED)
        stage.register.add(sealed, CallId("1.2"), S.SEALED)
        stage.register.sealed[sealed] = b"kept"
        stage.register.add(renamed, CallId("1.3"))
        stage.register.add(recording, CallId("1.4"))
        stage.register.add(
            watched,
            CallId("1.5"),
            bridged_at=SINCE,
            controller_lost=ControllerLost.KEEP_IF_WATCHED,
        )
        for call_id, recording_id in ((CallId("1.4"), recording), (CallId("1.5"), watched)):
            stage.asterisk.channels[call_id] = FakeChannel(bridged=True)
            stage.asterisk.start_tape(call_id, recording_id)
        await stage.captures.reconcile(absent=True)
        assert stage.asterisk.channels[CallId("1.4")].tapes == []
        assert stage.asterisk.channels[CallId("1.5")].tapes
        await asyncio.sleep(1)
        assert [stage.register.state(r) for r in (captured, sealed, renamed, recording, watched)] == [
            *(S.SEALED, S.SEALED, S.WITHDRAWN, S.PURGED, S.RECORDING),
        ]
        assert stage.register.sealed[sealed] == b"kept"
        assert stage.register.durations_ms == {captured: 1000}
        assert stage.register.erased_because == {
            renamed: ErasedBecause.WITHDRAWN,
            recording: ErasedBecause.CONTROLLER_LOST,
            ghost: ErasedBecause.GHOST,
        }
        assert stage.register.withdrawn_by == {renamed: WithdrawnBy.DIALPLAN}
        assert stage.names == [f"{watched}-agent.wav", f"{watched}-caller.wav"]
        stage.captures.hear(TapeStarted(channel_id=CallId("1.5")))
        await asyncio.sleep(0.1)
        assert stage.alarms.kinds == ["foreign_tape"]
        for leg in stage.spool.legs(watched):
            waves.write_closed(leg, waves.tone(16_000))
        del stage.asterisk.channels[CallId("1.5")]
        await stage.captures.ended(CallId("1.5"))
        assert stage.register.state(watched) is S.SEALED

    assert play(tmp_path, story).names == []


def test_running_it_again_changes_nothing(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.register.add(ID, CALL, S.CAPTURED)
        for leg in stage.spool.legs(ID):
            waves.write_open(leg, waves.tone(8_000))
        await asyncio.gather(*(stage.captures.reconcile(absent=True) for _ in range(3)))
        await asyncio.sleep(1)
        assert await stage.captures.reconcile(absent=True) == ()

    assert play(tmp_path, story).journal.count("seal") == 1


def test_an_asterisk_that_was_killed_in_mid_call_leaves_what_was_written(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.decided()
        stage.tape_starts()
        stage.bridge()
        await asyncio.sleep(1)
        stage.speak(8_000)
        stage.asterisk.away = True
        stage.asterisk.channels.clear()
        stage.crash()
        stage.captures.hear(LinkDown(reason="killed"))
        await asyncio.sleep(8)
        assert stage.register.state(ID) is S.RECORDING
        stage.asterisk.away = False
        stage.captures.hear(LinkUp())
        await asyncio.sleep(1)

    stage = play(tmp_path, story)
    assert stage.register.state(ID) is S.SEALED
    assert stage.register.durations_ms == {ID: 1000}


def test_without_asterisk_a_start_says_so(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.asterisk.away = True
        with pytest.raises(Unavailable):
            await stage.captures.reconcile(absent=True)

    play(tmp_path, story)
