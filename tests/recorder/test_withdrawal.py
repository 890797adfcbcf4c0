"""Taking a recording back: the order, the milliseconds, and whatever can fail at each step."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.errors import ConsentlineError
from policy.vocabulary import ErasedBecause, RecordingId, RecordingState, TakenBack, WithdrawnBy
from recorder.ami import LinkDown, LinkUp
from recorder.spool import Spool
from recorder.withdrawal import Withdrawal
from tests.recorder import waves
from tests.recorder.fakes import FakeChannel
from tests.recorder.stage import CALL, ID, Stage, nth, play
from tests.recorder.test_capture import talk

S = RecordingState
BY = WithdrawnBy.CALLER_KEY


def test_it_is_renamed_stopped_noted_and_gone_in_this_order(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.journal.clear()
        withdrawal = await stage.captures.withdraw(ID, BY)
        assert stage.journal == ["stopped", "note", "destroy"]
        assert (withdrawal.because, withdrawal.by) == (ErasedBecause.WITHDRAWN, BY)
        assert withdrawal.stopped_ms is not None
        assert withdrawal.noted_ms is not None
        assert (
            0
            <= withdrawal.renamed_ms
            < withdrawal.stopped_ms
            < withdrawal.noted_ms
            < withdrawal.gone_ms
            < 500
        )
        assert stage.names == []

    stage = play(tmp_path, story)
    assert stage.register.withdrawn_by == {ID: BY}
    assert stage.alarms.raised == []


def test_the_files_carry_their_new_names_before_anything_is_awaited(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.asterisk.away = True
        withdrawing = asyncio.create_task(stage.captures.withdraw(ID, BY))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert stage.names == [f"{ID}-agent.wav.withdrawn", f"{ID}-caller.wav.withdrawn"]
        assert "note" not in stage.journal
        await withdrawing

    play(tmp_path, story)


def test_the_call_goes_on_and_its_end_seals_nothing(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        await stage.captures.withdraw(ID, BY)
        stage.close(24_000)
        await asyncio.sleep(30)
        assert CALL in stage.asterisk.channels
        stage.hang_up()
        await stage.captures.ended(CALL)

    stage = play(tmp_path, story)
    assert stage.register.state(ID) is S.WITHDRAWN
    assert stage.register.sealed == {}
    assert stage.alarms.raised == []


def test_saying_it_again_at_the_same_time_or_later_gives_the_same_result(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        first, second = await asyncio.gather(
            stage.captures.withdraw(ID, BY), stage.captures.withdraw(ID, WithdrawnBy.AGENT_KEY)
        )
        third = await stage.captures.withdraw(ID, WithdrawnBy.OPERATOR)
        assert first == second == third

    stage = play(tmp_path, story)
    assert stage.journal.count("destroy") == 1
    assert stage.register.withdrawn_by == {ID: BY}


def test_an_asker_who_leaves_does_not_take_the_withdrawal_along(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        withdrawing = asyncio.create_task(stage.captures.withdraw(ID, BY))
        await asyncio.sleep(0)
        withdrawing.cancel()
        await asyncio.sleep(1)

    assert play(tmp_path, story).register.state(ID) is S.WITHDRAWN


def test_without_asterisk_it_is_gone_in_time_and_the_stop_is_asked_until_it_holds(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.asterisk.away = True
        stage.captures.hear(LinkDown(reason="test"))
        withdrawal = await stage.captures.withdraw(ID, BY)
        assert withdrawal.stopped_ms is None
        assert withdrawal.gone_ms < 500
        assert stage.names == []
        await asyncio.sleep(60)
        assert stage.asterisk.channels[CALL].tapes
        stage.asterisk.away = False
        stage.captures.hear(LinkUp())
        await asyncio.sleep(1)
        assert stage.asterisk.channels[CALL].tapes == []

    stage = play(tmp_path, story)
    assert stage.alarms.kinds == ["tape_runs_on"]
    assert stage.journal.count("stopped") == 1


def test_a_tape_that_is_only_about_to_start_is_stopped_when_it_does(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.decided()
        withdrawal = await stage.captures.withdraw(ID, BY)
        assert withdrawal.stopped_ms is None
        assert withdrawal.gone_ms < 500
        await asyncio.sleep(3)
        stage.tape_starts()
        await asyncio.sleep(0.2)
        assert stage.asterisk.channels[CALL].tapes == []
        assert stage.names == []

    stage = play(tmp_path, story)
    assert stage.alarms.raised == []


def test_a_withdrawal_before_we_are_told_of_the_start_stops_the_tape_too(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.decided()
        fresh = stage.recorder()
        async with fresh:
            await asyncio.sleep(0.001)
            await fresh.withdraw(ID, BY)
            stage.captures = fresh
            await fresh.started(ID, CALL)
            stage.tape_starts()
            stage.bridge()
            await asyncio.sleep(1)
            assert stage.asterisk.channels[CALL].tapes == []
            assert stage.names == []
            stage.hang_up()
            await fresh.ended(CALL)

    stage = play(tmp_path, story)
    assert stage.register.sealed == {}


def test_asking_for_the_stop_ends_with_the_channel(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.decided()
        await stage.captures.withdraw(ID, BY)
        stage.hang_up()
        await asyncio.sleep(10)
        asked = len(stage.journal)
        await asyncio.sleep(60)
        assert len(stage.journal) == asked

    assert play(tmp_path, story).names == []


@pytest.mark.parametrize("after_s", [0.0, 0.3, 2.0, 4.7])
def test_a_file_that_appears_after_the_stop_was_acknowledged_is_removed(
    tmp_path: Path, after_s: float
) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        await stage.captures.withdraw(ID, BY)
        await asyncio.sleep(after_s)
        stage.spool.legs(ID).caller.write_bytes(waves.header(0))
        await asyncio.sleep(0.2)
        assert stage.names == []

    play(tmp_path, story)


def test_what_the_store_refuses_is_told_kept_marked_and_tried_again(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.register.failures["note"] = 3
        with pytest.raises(ConsentlineError, match="note: the disk is full"):
            await stage.captures.withdraw(ID, BY)
        assert stage.asterisk.channels[CALL].tapes == []
        assert stage.names == [f"{ID}-agent.wav.withdrawn", f"{ID}-caller.wav.withdrawn"]
        await asyncio.sleep(10)
        assert stage.names == []

    stage = play(tmp_path, story)
    assert stage.register.state(ID) is S.WITHDRAWN
    assert stage.alarms.kinds == ["withdrawal_unfinished"]


def test_a_hang_up_while_the_store_fails_seals_nothing(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.register.failures["destroy"] = 3
        with pytest.raises(ConsentlineError):
            await stage.captures.withdraw(ID, BY)
        stage.close(24_000)
        stage.hang_up()
        await stage.captures.ended(CALL)
        await asyncio.sleep(10)

    stage = play(tmp_path, story)
    assert stage.register.sealed == {}
    assert stage.register.state(ID) is S.WITHDRAWN
    assert stage.names == []


def test_saying_it_again_after_the_store_failed_is_a_new_attempt(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.register.failures["note"] = 1
        with pytest.raises(ConsentlineError):
            await stage.captures.withdraw(ID, BY)
        withdrawal = await stage.captures.withdraw(ID, BY)
        assert withdrawal.noted_ms is not None
        assert stage.names == []

    play(tmp_path, story)


class ReadOnlySpool(Spool):
    """A spool in which the daemon may not rename."""

    def mark_withdrawn(self, recording_id: RecordingId) -> None:
        """Fail as the kernel does."""
        raise PermissionError(errno.EACCES, "Permission denied", str(self.legs(recording_id).caller))


def test_a_spool_that_cannot_be_renamed_in_is_told_and_the_rest_is_done(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        withdrawal = await stage.captures.withdraw(ID, BY)
        assert withdrawal.gone_ms < 500
        assert stage.names == []

    stage = play(tmp_path, story, spool=ReadOnlySpool)
    assert stage.journal[-3:] == ["stopped", "note", "destroy"]
    assert stage.alarms.kinds == ["withdrawal_unfinished"]


@settings(max_examples=40, deadline=None)
@given(hang_up_ms=st.integers(0, 40), withdraw_ms=st.integers(0, 40), samples=st.integers(1, 200_000))
def test_a_withdrawal_at_any_moment_around_the_end_leaves_nothing(
    tmp_path_factory: pytest.TempPathFactory, hang_up_ms: int, withdraw_ms: int, samples: int
) -> None:
    folder = tmp_path_factory.mktemp("race")

    async def story(stage: Stage) -> None:
        await talk(stage, samples)

        async def end() -> None:
            await asyncio.sleep(hang_up_ms / 1000)
            stage.close(samples)
            stage.hang_up()
            await stage.captures.ended(CALL)

        async def withdraw() -> Withdrawal:
            await asyncio.sleep(withdraw_ms / 1000)
            return await stage.captures.withdraw(ID, BY)

        _, withdrawal = await asyncio.gather(end(), withdraw())
        assert withdrawal.gone_ms < 500
        assert stage.names == []
        assert stage.register.sealed == {}
        await asyncio.sleep(20)

    stage = play(folder, story)
    assert stage.names == []
    assert stage.register.state(ID) is S.WITHDRAWN
    assert stage.alarms.raised == []


def test_twenty_at_once_are_each_gone_in_time(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        calls = list(nth(20))
        for call_id, recording_id in calls:
            await stage.decided(call_id, recording_id)
            stage.tape_starts(call_id, recording_id)
            stage.bridge(call_id)
            stage.speak(8_000, recording_id)
        withdrawals = await asyncio.gather(
            *(stage.captures.withdraw(recording_id, BY) for _, recording_id in calls)
        )
        assert max(withdrawal.gone_ms for withdrawal in withdrawals) < 500
        assert stage.names == []

    play(tmp_path, story)


def test_a_sealed_recording_goes_by_the_same_road(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.close(24_000)
        stage.hang_up()
        await stage.captures.ended(CALL)
        assert ID in stage.register.sealed
        withdrawal = await stage.captures.withdraw(ID, WithdrawnBy.OPERATOR)
        assert withdrawal.stopped_ms is None
        assert stage.register.sealed == {}

    assert play(tmp_path, story).register.withdrawn_by == {ID: WithdrawnBy.OPERATOR}


# --- closed instead ---------------------------------------------------------------------------------


def test_what_has_to_stay_is_stopped_named_again_and_sealed_while_the_call_goes_on(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.register.restricted.add(ID)
        stage.journal.clear()
        withdrawing = asyncio.create_task(stage.captures.withdraw(ID, BY))
        await asyncio.sleep(0.01)
        stage.close(24_000)
        withdrawal = await withdrawing
        assert withdrawal.taken_back is TakenBack.RESTRICTED
        await asyncio.sleep(30)
        assert stage.journal[:2] == ["stopped", "note"]
        assert "destroy" not in stage.journal
        assert CALL in stage.asterisk.channels
        assert stage.register.state(ID) is S.SEALED
        assert stage.names == []
        stage.hang_up()
        await stage.captures.ended(CALL)

    stage = play(tmp_path, story)
    assert list(stage.register.sealed) == [ID]
    assert stage.alarms.raised == []


def test_what_was_closed_can_be_taken_back_once_more_when_nothing_keeps_it(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.register.restricted.add(ID)
        stage.asterisk.channels[CALL].tapes.clear()
        stage.close(24_000)
        await stage.captures.withdraw(ID, BY)
        await asyncio.sleep(5)
        stage.register.restricted.clear()
        again = await stage.captures.withdraw(ID, WithdrawnBy.OPERATOR)
        assert again.taken_back is TakenBack.ERASED

    assert play(tmp_path, story).register.state(ID) is S.WITHDRAWN


def test_what_has_to_stay_is_destroyed_after_all_where_its_tape_does_not_stop(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.register.restricted.add(ID)
        stage.asterisk.away = True
        withdrawal = await stage.captures.withdraw(ID, BY)
        assert withdrawal.taken_back is TakenBack.ERASED
        assert stage.names == []
        stage.asterisk.away = False

    stage = play(tmp_path, story)
    assert stage.register.erased_because == {ID: ErasedBecause.CONTROLLER_LOST}
    assert stage.register.sealed == {}


def test_a_call_that_ends_while_its_recording_is_being_closed_is_finished_once(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.register.restricted.add(ID)
        withdrawing = asyncio.create_task(stage.captures.withdraw(ID, BY))
        await asyncio.sleep(0)
        stage.close(24_000)
        stage.hang_up()
        await withdrawing
        await stage.captures.ended(CALL)
        await asyncio.sleep(5)

    stage = play(tmp_path, story)
    assert stage.register.state(ID) is S.SEALED
    assert stage.journal.count("seal") == 1


def test_what_is_being_sealed_when_it_is_closed_is_sealed_all_the_same(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await talk(stage)
        stage.register.restricted.add(ID)
        stage.close(24_000)
        stage.hang_up()
        await asyncio.sleep(0)
        withdrawal = await stage.captures.withdraw(ID, BY)
        assert withdrawal.taken_back is TakenBack.RESTRICTED
        await asyncio.sleep(5)

    assert play(tmp_path, story).register.state(ID) is S.SEALED


def test_what_was_being_closed_when_the_daemon_died_is_closed_and_sealed_at_its_next_start(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        stage.asterisk.channels[CALL] = FakeChannel()
        stage.register.add(ID, CALL)
        stage.register.restricted.add(ID)
        stage.tape_starts(told=False)
        stage.spool.mark_withdrawn(ID)  # as far as the daemon came
        stage.close(24_000)
        del stage.asterisk.channels[CALL]
        async with stage.recorder() as fresh:
            await fresh.reconcile(absent=True)
            await asyncio.sleep(15)
            assert stage.register.state(ID) is S.SEALED

    play(tmp_path, story)
