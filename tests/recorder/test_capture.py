"""Captures from start to seal, on virtual time and real files."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from policy.errors import ConsentlineError, NotFound, Unavailable
from policy.vocabulary import ConcludedBecause, ErasedBecause, RecordingId, RecordingState, WithdrawnBy
from recorder.ami import LinkDown, LinkUp
from recorder.ami_wire import BridgeEntered, HungUp, Tampered, TapeStarted
from recorder.finishing import Finished
from tests.recorder import waves
from tests.recorder.fakes import BRIDGE, FakeChannel
from tests.recorder.stage import CALL, ID, Stage, nth, play

S = RecordingState


async def talk(stage: Stage, samples: int = 20_000) -> None:
    """Have a recorded conversation that goes on."""
    await stage.decided()
    stage.tape_starts()
    stage.bridge()
    await asyncio.sleep(1)
    stage.speak(samples)


# ---------------------------------------------------------------- the happy way


def test_a_call_that_is_over_is_captured_sealed_and_only_then_unlinked(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.unbridge()
        spoken = stage.close(24_000)
        stage.hang_up()
        stage.register.on_seal = lambda: stage.journal.extend(stage.names)
        await stage.captures.ended(CALL)
        audio, rate_hz = soundfile.read(io.BytesIO(stage.register.sealed[ID]), dtype="int16")
        assert rate_hz == 8000
        assert np.array_equal(audio[:, 0], spoken)
        assert np.array_equal(audio[:, 1], waves.tone(24_000, every=50))

    stage = play(tmp_path, story)
    assert stage.register.state(ID) is S.SEALED
    assert stage.register.durations_ms == {ID: 3000}
    assert stage.journal[-6:] == [
        "captured",
        "pauses",
        "seal",
        f"{ID}-agent.wav",
        f"{ID}-caller.wav",
        f"{ID}.flac",
    ]
    assert stage.names == []
    assert stage.alarms.raised == []


async def conclude(stage: Stage) -> None:
    """Have a conversation concluded; Asterisk closes the files as it stops the tape."""
    concluding = asyncio.create_task(stage.captures.conclude(ID, ConcludedBecause.ANOTHER_GATE))
    await asyncio.sleep(0.01)
    stage.close(24_000)
    await concluding


def test_a_concluded_recording_is_kept_and_the_next_one_of_the_call_has_a_tape_of_its_own(
    tmp_path: Path,
) -> None:
    (_, next_id), *_ = nth(1)

    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.unbridge()
        await conclude(stage)
        assert stage.asterisk.channels[CALL].tapes == []
        stage.register.add(next_id, CALL)
        await stage.captures.started(next_id, CALL)
        stage.tape_starts(CALL, next_id)
        stage.bridge()
        await asyncio.sleep(3)
        assert stage.register.state(ID) is S.SEALED
        assert stage.register.durations_ms == {ID: 3000}
        assert stage.register.table[next_id].bridged_at is not None
        assert len(stage.asterisk.channels[CALL].tapes) == 1
        stage.close(8_000, next_id)
        stage.hang_up()
        await stage.captures.ended(CALL)

    stage = play(tmp_path, story)
    assert stage.register.concluded_because == {ID: ConcludedBecause.ANOTHER_GATE}
    assert stage.register.durations_ms == {ID: 3000, next_id: 1000}
    assert stage.register.state(next_id) is S.SEALED
    assert stage.names == []
    assert stage.alarms.raised == []


def test_a_withdrawal_of_the_first_recording_leaves_the_tape_of_the_second_alone(tmp_path: Path) -> None:
    (_, next_id), *_ = nth(1)

    async def story(stage: Stage) -> None:
        await talk(stage)
        await conclude(stage)
        stage.register.add(next_id, CALL)
        await stage.captures.started(next_id, CALL)
        stage.tape_starts(CALL, next_id)
        await stage.captures.withdraw(ID, WithdrawnBy.OPERATOR)
        assert len(stage.asterisk.channels[CALL].tapes) == 1

    stage = play(tmp_path, story)
    assert stage.register.state(ID) is S.WITHDRAWN
    assert stage.register.state(next_id) is S.RECORDING
    assert stage.names == [f"{next_id}-agent.wav", f"{next_id}-caller.wav"]


def test_concluding_twice_or_what_does_not_run_is_harmless(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        await conclude(stage)
        await stage.captures.conclude(ID, ConcludedBecause.ANOTHER_GATE)
        await stage.captures.conclude(RecordingId("ee" * 16), ConcludedBecause.ANOTHER_GATE)
        await asyncio.sleep(1)
        stage.hang_up()

    stage = play(tmp_path, story)
    assert stage.journal.count("seal") == 1
    assert stage.journal.count("concluded") == 1
    assert stage.alarms.raised == []


def test_a_recording_whose_tape_does_not_stop_when_it_is_over_is_dropped(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.asterisk.away = True
        with pytest.raises(Unavailable):
            await stage.captures.conclude(ID, ConcludedBecause.ANOTHER_GATE)
        await asyncio.sleep(1)
        assert stage.names == []
        stage.asterisk.away = False
        await asyncio.sleep(1)
        assert stage.asterisk.channels[CALL].tapes == []
        stage.hang_up()
        await asyncio.sleep(1)

    stage = play(tmp_path, story)
    assert stage.register.erased_because == {ID: ErasedBecause.CONTROLLER_LOST}
    assert stage.alarms.kinds == ["controller_lost"]


def test_the_hang_up_waits_for_the_writer(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.hang_up()
        await asyncio.sleep(3)
        assert stage.register.state(ID) is S.RECORDING
        stage.close(24_000)
        await stage.captures.ended(CALL)

    stage = play(tmp_path, story)
    assert stage.register.durations_ms == {ID: 3000}
    assert stage.alarms.raised == []


def test_both_words_about_the_end_of_a_call_finish_it_once(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.close(24_000)
        await asyncio.gather(stage.captures.ended(CALL), stage.captures.ended(CALL))
        stage.hang_up()
        await stage.captures.ended(CALL)

    stage = play(tmp_path, story)
    assert stage.journal.count("seal") == 1


def test_a_forged_hang_up_is_taken_back_and_the_recording_goes_on_to_its_true_end(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        for _ in range(20):  # who can do it once does it again
            stage.captures.hear(Tampered())
            stage.captures.hear(HungUp(channel_id=CALL, linked_id=CALL, channel="PJSIP/a-1"))
            stage.captures.hear(Tampered())
            await asyncio.sleep(1)
        stage.speak(24_000)
        assert stage.register.state(ID) is S.RECORDING
        await stage.captures.withdraw(ID, WithdrawnBy.CALLER_KEY)  # as any recording that goes on
        assert stage.names == []

    stage = play(tmp_path, story)
    assert stage.register.state(ID) is S.WITHDRAWN
    assert set(stage.alarms.kinds) == {"ami_tampered"}
    assert len(stage.alarms.kinds) <= 5


def test_a_true_hang_up_amid_tampering_ends_the_recording(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.captures.hear(Tampered())
        stage.unbridge()
        stage.close(24_000)
        stage.hang_up()
        stage.captures.hear(Tampered())
        await asyncio.sleep(30)

    assert play(tmp_path, story).register.state(ID) is S.SEALED


def test_a_writer_that_never_closes_is_waited_for_only_so_long(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.decided()
        stage.asterisk.start_tape(CALL, ID)
        stage.bridge()
        legs = stage.spool.legs(ID)
        with legs.caller.open("wb") as caller, legs.agent.open("wb") as agent:
            for writer in (caller, agent):
                writer.write(waves.header(0) + waves.tone(800).tobytes())
                writer.flush()
            stage.hang_up()
            await stage.captures.ended(CALL)
        assert asyncio.get_running_loop().time() < 12

    stage = play(tmp_path, story)
    assert stage.register.durations_ms == {ID: 100}
    assert stage.alarms.kinds == ["writer_not_closed"]


def test_a_call_that_changes_bridges_is_known_by_the_one_it_is_in(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        assert stage.register.table[ID].bridge_id == BRIDGE
        stage.unbridge()
        stage.captures.hear(
            BridgeEntered(
                channel_id=CALL, linked_id=CALL, channel="PJSIP/a-1", bridge_id="another", holding=False
            )
        )
        await asyncio.sleep(2)
        assert stage.register.table[ID].bridge_id == "another"

    play(tmp_path, story)


def test_a_call_in_which_nobody_spoke_is_empty_and_no_fault(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.decided()
        stage.tape_starts()
        stage.hang_up()
        await asyncio.sleep(2)
        stage.close(0)
        await stage.captures.ended(CALL)

    stage = play(tmp_path, story)
    assert stage.register.state(ID) is S.EMPTY
    assert stage.register.erased_because == {ID: ErasedBecause.EMPTY}
    assert stage.names == []
    assert stage.alarms.raised == []


def test_a_caller_who_left_before_the_tape_began_leaves_an_empty_row(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.decided()
        await stage.captures.ended(CALL)

    stage = play(tmp_path, story)
    assert stage.register.state(ID) is S.EMPTY
    assert "capture_lost" not in stage.alarms.kinds


def test_the_end_of_an_unrecorded_call_is_no_matter(tmp_path: Path) -> None:
    stage = play(tmp_path, lambda stage: stage.captures.ended(CALL))
    assert stage.journal == []


# ---------------------------------------------------------------- seeing it write


def test_files_that_do_not_appear_within_half_a_second_ring(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.decided()
        await asyncio.sleep(0.49)
        assert stage.alarms.raised == []
        await asyncio.sleep(0.1)

    assert play(tmp_path, story).alarms.kinds == ["capture_not_started"]


def test_files_that_stop_growing_in_a_conversation_ring_once(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        for more in range(1, 5):
            await asyncio.sleep(4.9)
            stage.speak(20_000 + more * 30_000)
        assert stage.alarms.raised == []
        await asyncio.sleep(60)

    assert play(tmp_path, story).alarms.kinds == ["capture_stalled"]


def test_files_need_not_grow_while_the_caller_waits(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.decided()
        stage.tape_starts()
        await asyncio.sleep(600)

    assert play(tmp_path, story).alarms.raised == []


def test_the_store_knows_since_when_the_caller_speaks_and_that_one_waits_again(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.decided()
        stage.tape_starts()
        stage.bridge()
        await asyncio.sleep(1)
        assert stage.register.table[ID].bridged_at is not None
        stage.unbridge()
        await asyncio.sleep(0.5)
        stage.bridge()
        await asyncio.sleep(2)
        assert stage.register.table[ID].bridged_at is not None
        stage.unbridge()
        await asyncio.sleep(2)
        assert stage.register.table[ID].bridged_at is None

    play(tmp_path, story)


def test_a_parking_place_is_no_conversation(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.decided()
        stage.tape_starts()
        parked = BridgeEntered(
            channel_id=CALL, linked_id=CALL, channel="PJSIP/a-1", bridge_id="p", holding=True
        )
        stage.captures.hear(parked)
        await asyncio.sleep(60)
        assert stage.register.table[ID].bridged_at is None

    assert play(tmp_path, story).alarms.raised == []


def test_without_room_or_without_the_link_no_recording_may_start(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        assert stage.captures.ready()
        stage.captures.hear(LinkDown(reason="test"))
        assert not stage.captures.ready()
        stage.captures.hear(LinkUp())
        assert stage.captures.ready()

    play(tmp_path, story)


# ---------------------------------------------------------------- ended early


def test_a_tape_that_ends_before_its_call_for_no_known_reason_is_destroyed(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.asterisk.channels[CALL].tapes.clear()
        stage.close(24_000)
        await asyncio.sleep(2)

    stage = play(tmp_path, story)
    assert stage.alarms.kinds == ["capture_ended_early"]
    assert stage.register.erased_because == {ID: ErasedBecause.GHOST}
    assert stage.names == []


def test_a_file_that_closes_just_before_the_hang_up_is_told_is_no_ghost(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.close(24_000)
        await asyncio.sleep(0.9)
        stage.hang_up()
        await stage.captures.ended(CALL)

    stage = play(tmp_path, story)
    assert stage.register.state(ID) is S.SEALED
    assert stage.alarms.raised == []


def test_a_hang_up_that_nobody_told_is_found_by_the_closing_of_the_file(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        del stage.asterisk.channels[CALL]
        stage.asterisk.away = True
        stage.close(24_000)
        await asyncio.sleep(5)
        stage.asterisk.away = False
        await asyncio.sleep(2)

    stage = play(tmp_path, story)
    assert stage.register.state(ID) is S.SEALED
    assert stage.alarms.raised == []


def test_a_withdrawal_by_the_dialplan_alone_is_the_recorded_cause(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.spool.mark_withdrawn(ID)
        stage.close(24_000)
        await asyncio.sleep(2)

    stage = play(tmp_path, story)
    assert stage.register.withdrawn_by == {ID: WithdrawnBy.DIALPLAN}
    assert stage.names == []
    assert stage.alarms.raised == []


# ---------------------------------------------------------------- what cannot be sealed


def test_what_cannot_be_sealed_stays_is_told_and_is_tried_again(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.close(24_000)
        stage.register.failures["seal"] = 2
        stage.hang_up()
        await stage.captures.ended(CALL)
        assert stage.register.state(ID) is S.CAPTURED
        assert stage.names == [f"{ID}-agent.wav", f"{ID}-caller.wav"]
        assert stage.register.problems == {ID: "seal: the disk is full"}
        assert await stage.captures.finalise() == {ID: Finished.QUARANTINED}
        assert await stage.captures.finalise() == {ID: Finished.SEALED}
        assert await stage.captures.finalise() == {}

    stage = play(tmp_path, story)
    assert stage.alarms.kinds == ["sealing_failed", "sealing_failed"]
    assert stage.names == []


def test_a_leg_that_is_no_recording_is_kept_and_told(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.close(24_000)
        stage.hang_up()
        stage.spool.legs(ID).agent.write_bytes(b"not a wav file at all, but long enough to be one ...")
        await stage.captures.ended(CALL)

    stage = play(tmp_path, story)
    assert "capture_damaged" in stage.alarms.kinds
    assert stage.register.state(ID) is S.CAPTURED
    assert len(stage.names) == 2


def test_bytes_that_vanished_after_a_conversation_are_lost_and_told(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.spool.remove(ID)
        stage.hang_up()
        await stage.captures.ended(CALL)

    stage = play(tmp_path, story)
    assert stage.register.state(ID) is S.LOST
    assert stage.alarms.kinds == ["capture_lost"]


def test_uneven_legs_are_kept_and_told(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.close(24_000)
        waves.write_closed(stage.spool.legs(ID).agent, waves.tone(8_000))
        stage.hang_up()
        await stage.captures.ended(CALL)

    stage = play(tmp_path, story)
    assert stage.register.state(ID) is S.SEALED
    assert stage.register.durations_ms == {ID: 3000}
    assert stage.alarms.kinds == ["legs_uneven"]


# ---------------------------------------------------------------- doubt


def test_a_call_that_waits_during_a_cut_is_dropped_for_its_keys_are_lost(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.decided()
        stage.tape_starts()
        stage.captures.hear(LinkDown(reason="test"))
        stage.asterisk.away = True
        await asyncio.sleep(1)
        assert stage.register.state(ID) is S.PURGED
        assert stage.asterisk.channels[CALL].tapes
        stage.asterisk.away = False
        stage.captures.hear(LinkUp())
        await asyncio.sleep(1)
        assert not stage.asterisk.channels[CALL].tapes

    stage = play(tmp_path, story)
    assert stage.register.erased_because == {ID: ErasedBecause.CONTROLLER_LOST}
    assert stage.alarms.kinds == ["controller_lost"]


def test_a_call_whose_decision_was_on_its_way_during_a_cut_is_dropped_too(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.captures.controller_cut()
        assert not stage.captures.ready()
        await stage.decided()
        stage.tape_starts()
        await asyncio.sleep(1)
        assert stage.register.state(ID) is S.PURGED
        stage.captures.controller_back()
        assert stage.captures.ready()

    stage = play(tmp_path, story)
    assert stage.register.erased_because == {ID: ErasedBecause.CONTROLLER_LOST}
    assert stage.alarms.kinds == ["controller_lost"]
    assert stage.names == []


def test_a_call_that_has_to_wait_again_during_a_cut_is_dropped_then(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.captures.controller_cut()
        stage.unbridge()
        await asyncio.sleep(0.5)
        stage.bridge()
        await asyncio.sleep(2)
        assert stage.register.state(ID) is S.RECORDING
        stage.unbridge()
        await asyncio.sleep(2)
        assert stage.register.state(ID) is S.PURGED

    stage = play(tmp_path, story)
    assert stage.register.erased_because == {ID: ErasedBecause.CONTROLLER_LOST}


def test_a_cut_in_mid_conversation_changes_nothing_and_what_was_missed_is_caught_up(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        calls = list(nth(3))
        for call_id, recording_id in calls:
            await stage.decided(call_id, recording_id)
            stage.tape_starts(call_id, recording_id)
            stage.bridge(call_id)
            stage.speak(8_000, recording_id)
        stage.captures.hear(LinkDown(reason="test"))
        (gone, gone_id), (waits, waits_id), (_, talks_id) = calls
        del stage.asterisk.channels[gone]
        stage.close(8_000, gone_id)
        stage.asterisk.channels[waits].bridged = False
        stage.captures.hear(LinkUp())
        await asyncio.sleep(3)
        assert stage.register.state(gone_id) is S.SEALED
        assert stage.register.table[waits_id].bridged_at is None
        assert stage.register.table[talks_id].bridged_at is not None
        assert stage.register.state(talks_id) is S.RECORDING

    assert play(tmp_path, story).alarms.raised == []


# ---------------------------------------------------------------- tapes of others


def test_a_foreign_tape_beside_ours_rings_and_is_left_alone(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.asterisk.start_tape(CALL)
        stage.captures.hear(TapeStarted(channel_id=CALL))
        await asyncio.sleep(1)
        assert len(stage.asterisk.channels[CALL].tapes) == 2

    assert play(tmp_path, story).alarms.kinds == ["foreign_tape"]


def test_an_agent_who_is_connected_before_we_are_told_of_the_start_is_known(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.asterisk.channels[CALL] = FakeChannel()
        stage.tape_starts()
        stage.bridge()
        await stage.decided()
        stage.asterisk.start_tape(CALL, ID)
        await asyncio.sleep(1)
        assert stage.register.table[ID].bridged_at is not None

    assert play(tmp_path, story).alarms.raised == []


def test_our_own_start_may_be_heard_before_we_are_told_of_it(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.captures.hear(TapeStarted(channel_id=CALL))
        await stage.decided()
        stage.tape_starts(told=False)
        await asyncio.sleep(1)

    assert play(tmp_path, story).alarms.raised == []


@pytest.mark.parametrize("forbidden_first", [True, False])
def test_every_tape_on_a_call_that_may_not_be_recorded_is_stopped(
    tmp_path: Path, forbidden_first: bool
) -> None:
    async def story(stage: Stage) -> None:
        stage.asterisk.channels[CALL] = FakeChannel()
        if forbidden_first:
            stage.captures.forbid(CALL)
        stage.asterisk.start_tape(CALL)
        stage.asterisk.start_tape(CALL)
        stage.captures.hear(TapeStarted(channel_id=CALL))
        if not forbidden_first:
            stage.captures.forbid(CALL)
        await asyncio.sleep(1)
        assert stage.asterisk.channels[CALL].tapes == []

    assert "foreign_tape" in play(tmp_path, story).alarms.kinds


def test_a_foreign_tape_is_stopped_once_ours_was_withdrawn(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        await stage.captures.withdraw(ID, WithdrawnBy.CALLER_KEY)
        stage.asterisk.start_tape(CALL)
        stage.captures.hear(TapeStarted(channel_id=CALL))
        await asyncio.sleep(1)
        assert stage.asterisk.channels[CALL].tapes == []

    assert play(tmp_path, story).alarms.kinds == ["foreign_tape"]


# ---------------------------------------------------------------- faults


def test_a_withdrawal_of_what_does_not_exist_says_so(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        for name in (ID, "../../etc/passwd"):
            with pytest.raises(NotFound):
                await stage.captures.withdraw(RecordingId(name), WithdrawnBy.OPERATOR)

    assert play(tmp_path, story).alarms.raised == []


def test_leaving_ends_all_work_and_what_was_unfinished_is_still_there(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.hang_up()
        await asyncio.sleep(0.1)

    stage = play(tmp_path, story)
    assert stage.register.state(ID) is S.RECORDING
    assert len(stage.names) == 2


def test_an_alarm_that_cannot_be_stored_stops_nothing(tmp_path: Path) -> None:
    class Broken:
        async def alarm(self, kind: str, text: str, call_id: object) -> None:
            raise ConsentlineError("the disk is full")

    async def story(stage: Stage) -> None:
        stage.alarms.alarm = Broken().alarm  # type: ignore[method-assign]  # the simplest broken one
        await talk(stage)
        stage.close(24_000)
        stage.register.failures["seal"] = 1
        stage.hang_up()
        await stage.captures.ended(CALL)

    assert play(tmp_path, story).register.problems == {ID: "seal: the disk is full"}
