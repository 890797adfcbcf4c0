"""A draw can be drawn again by anybody, and nobody can choose what comes of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.access import PurposeName
from policy.situation import PersonId
from policy.vocabulary import RecordingId
from store.access import draws
from store.access.draws import Draw, pick
from store.logbook import ledger
from tests.store.scene import EINDHOVEN, Scene, recording_named

ANNA, BEN = PersonId("anna"), PersonId("ben")
TRAINING = PurposeName("training")
SEED = bytes(range(32))


def population(size: int, *, start: int = 0) -> list[RecordingId]:
    return [recording_named(number) for number in range(start, start + size)]


@given(seed=st.binary(min_size=32, max_size=32), order=st.permutations(range(12)))
def test_the_same_seed_draws_the_same_whatever_the_order(seed: bytes, order: list[int]) -> None:
    everything = population(12)
    shuffled = [everything[number] for number in order]
    first = pick(EINDHOVEN, {ANNA: everything}, seed=seed, per_agent=4)
    assert pick(EINDHOVEN, {ANNA: shuffled + shuffled}, seed=seed, per_agent=4) == first
    assert len(set(first[ANNA])) == 4


def test_each_agent_has_their_own_and_nothing_is_drawn_twice() -> None:
    shared = population(3)
    drawn = pick(EINDHOVEN, {BEN: [*shared, *population(2, start=9)], ANNA: shared}, seed=SEED, per_agent=2)
    assert [len(theirs) for theirs in drawn.values()] == [2, 2]
    assert not set(drawn[ANNA]) & set(drawn[BEN])


def test_fewer_than_wanted_is_all_there_is() -> None:
    assert set(pick(EINDHOVEN, {ANNA: population(2)}, seed=SEED, per_agent=5)[ANNA]) == set(population(2))


def test_every_recording_is_drawn_equally_often() -> None:
    everything = population(10)
    counted = Counter(
        id_
        for number in range(2000)
        for id_ in pick(
            EINDHOVEN, {ANNA: everything}, seed=hashlib.sha256(str(number).encode()).digest(), per_agent=3
        )[ANNA]
    )
    assert set(counted) == set(everything)
    assert all(500 < times < 700 for times in counted.values())


def test_a_seed_of_another_length_is_a_bug() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        pick(EINDHOVEN, {ANNA: population(2)}, seed=b"short", per_agent=1)


def test_what_was_drawn_is_stored_and_can_be_checked_from_the_ledger(stage: Scene) -> None:
    everything = [stage.keep(number) for number in range(4)]
    now = stage.clock.now()
    draw = Draw(
        policy=EINDHOVEN,
        purpose=TRAINING,
        drawn_by=BEN,
        seed=SEED,
        population={ANNA: everything},
        per_agent=2,
        until=now + timedelta(days=14),
        due_at=now + timedelta(days=365),
    )
    with stage.db.write() as tx:
        draws.record(tx, draw, at=now, actor="person:ben login:ben")
    told = ledger.show(stage.db)[-1].payload
    assert told is not None
    assert told["seed"] == SEED.hex()
    lines = "\n".join(f"{ANNA} {id_}" for id_ in sorted(everything))
    assert told["population_sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    again = pick(EINDHOVEN, {ANNA: everything}, seed=bytes.fromhex(str(told["seed"])), per_agent=2)[ANNA]
    assert draws.drawn_until(stage.db, everything, TRAINING, now) == dict.fromkeys(again, draw.until)
    assert draws.drawn_until(stage.db, everything, PurposeName("other"), now) == {}
    assert draws.drawn_until(stage.db, everything, TRAINING, draw.until) == {}
    with stage.db.write() as tx:
        assert draws.forget_due(tx, draw.due_at) == 1
    assert stage.db.rows("SELECT * FROM draw_picks") == []
