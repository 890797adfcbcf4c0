"""What a request keeps unseen moves as every end does: crashes are repaired, and old copies go blind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from policy.rights import Right
from policy.situation import PersonId
from policy.vocabulary import RecordingId
from store.cases import request_calls, requests
from store.cases.requests import Party, Taken
from store.db import Tx
from store.records import recordings, versions
from store.retention import keeping, purge
from tests.store.scene import Crash, CrashAt, Scene, scene, voice

DAY = timedelta(days=1)


def matched(stage: Scene, *ids: RecordingId) -> int:
    """Have a request keep these recordings unseen for 14 days."""
    policy, now = stage.policies.named(stage.policy), stage.clock.now()
    taken = Taken(
        reference="2026-118",
        policy=stage.policy,
        policy_hash=policy.content_hash,
        right=Right.ACCESS,
        party=Party.CALLER,
        on_behalf=None,
        language="nl",
        number_masked=None,
        since=None,
        before=None,
        agent=None,
        matched_salt=bytes(32),
        received_on=date(2026, 11, 21),
        taken_by=PersonId("po"),
        decide_by=date(2026, 12, 21),
        keeps_until=now + 14 * DAY,
    )
    with stage.db.write() as tx:
        versions.remember_policy(tx, policy, stage.policies, now)
        number = requests.add(tx, taken, now)
        request_calls.match(tx, number, ids, now, keeps=True, until=now + 14 * DAY)
    return number


def in_its_last_minute(stage: Scene, recording_id: RecordingId) -> None:
    ends = recordings.get_recording(stage.db, recording_id).promised_at
    stage.clock.advance(ends - stage.clock.now() - timedelta(minutes=1))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    """An installation of Eindhoven."""
    with scene(tmp_path / "store") as opened:
        yield opened


@pytest.mark.exhaustive
def test_a_purge_that_crashes_at_any_step_keeps_what_a_request_came_for(tmp_path: Path) -> None:
    nth, passed = 1, False
    while not passed:
        with scene(tmp_path / str(nth)) as stage:
            kept, due = stage.keep(1), stage.keep(2)
            in_its_last_minute(stage, kept)
            matched(stage, kept)
            stage.clock.advance(timedelta(minutes=1))
            try:
                purge.run(stage.archive, stage.guard, step=CrashAt(nth))
                passed = True
            except Crash:
                purge.run(stage.archive, stage.guard)
            assert stage.hear(kept) == voice(1)
            assert recordings.get_recording(stage.db, due).erased_at is not None
        nth += 1
    assert nth > 8


def test_when_it_ends_the_keys_that_could_open_an_old_copy_are_gone(stage: Scene) -> None:
    def keys() -> set[str]:
        return {path.name for path in stage.archive.epochs.path.glob("*.key")}

    kept = stage.keep(1)
    in_its_last_minute(stage, kept)
    number = matched(stage, kept)
    stage.clock.advance(timedelta(minutes=1))
    purge.run(stage.archive, stage.guard)
    before = keys()
    assert before
    stage.clock.advance(DAY)
    now = stage.clock.now()

    def over(tx: Tx) -> None:
        request_calls.end(tx, number, now)

    keeping.end_request(stage.archive, number, (kept,), over, now)
    assert list(purge.run(stage.archive, stage.guard).receipts) == [kept]
    stage.clock.advance(2 * DAY)
    purge.run(stage.archive, stage.guard)
    assert not before & keys()


def test_two_requests_keep_it_until_the_last_one_ends(stage: Scene) -> None:
    kept = stage.keep(1)
    in_its_last_minute(stage, kept)
    first = matched(stage, kept)
    with stage.db.write() as tx:
        tx.execute("UPDATE requests SET reference = 'other' WHERE request_id = ?", (first,))
    second = matched(stage, kept)
    stage.clock.advance(timedelta(minutes=1))
    purge.run(stage.archive, stage.guard)
    for number in (first, second):
        assert stage.hear(kept) == voice(1)
        now = stage.clock.now()
        keeping.end_request(
            stage.archive,
            number,
            (kept,),
            lambda tx, number=number, now=now: request_calls.end(tx, number, now),  # type: ignore[misc]  # bound now
            now,
        )
        gone = list(purge.run(stage.archive, stage.guard).receipts)
        assert gone == ([] if number == first else [kept])
