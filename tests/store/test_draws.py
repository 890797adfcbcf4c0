"""A draw can be drawn again by anybody, and nobody can choose what comes of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.access import PurposeName
from policy.clock import to_ms
from policy.situation import PersonId
from policy.vocabulary import Outcome, RecordingId
from store.access import draws
from store.access.draws import Draw, pick
from store.logbook import ledger
from store.persons import people
from store.records import decisions
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


# ---------------------------------------------------------------- what can be drawn


def hold_call(stage: Scene, number: int, *agents: PersonId | None) -> None:
    with stage.db.write() as tx:
        for index, agent in enumerate(agents):
            if (
                agent is not None
                and not tx.execute("SELECT 1 FROM people WHERE person_id = ?", (agent,)).fetchone()
            ):
                people.add(tx, agent, name=agent, login=agent, at=stage.clock.now(), actor="test")
            tx.execute(
                "INSERT INTO call_agents (call_id, channel_id, person_id, since) VALUES (?, ?, ?, 0)",
                (f"1795282161.{number}", f"{number}.{index}", agent),
            )


def drawable(stage: Scene, *agents: PersonId) -> dict[PersonId, list[RecordingId]]:
    return draws.drawable(stage.db, EINDHOVEN, TRAINING, agents or (ANNA, BEN), stage.clock.now())


def test_only_what_nothing_stands_against_can_be_drawn(stage: Scene) -> None:
    kept = {name: stage.keep(number) for number, name in enumerate(AGAINST)}
    for number in range(len(kept)):
        hold_call(stage, number, ANNA)
    assert set(drawable(stage)[ANNA]) == set(kept.values())
    with stage.db.write() as tx:
        for name, statement in AGAINST.items():
            if statement:
                tx.execute(statement, {"id": kept[name], "now": to_ms(stage.clock.now())})
    assert drawable(stage) == {ANNA: [kept["nothing"]], BEN: []}


AGAINST = {
    "nothing": "",
    "withdrawn": "UPDATE recordings SET state = 'withdrawn', intended_at = :now,"
    " erased_because = 'withdrawn' WHERE recording_id = :id",
    "not sealed": "UPDATE recordings SET state = 'captured' WHERE recording_id = :id",
    "restricted": "INSERT INTO closures (recording_id, closure, because, closed_by, closed_at)"
    " VALUES (:id, 'restricted', 'x', 'x', :now)",
    "objected": "INSERT INTO closures (recording_id, closure, because, closed_by, closed_at)"
    " VALUES (:id, 'objected', 'x', 'x', :now)",
    "held": "INSERT INTO holds (recording_id, reason, deviates, decided_by, role, why, placed_at, until_at)"
    " VALUES (:id, 'threat', 0, 'x', 'x', 'x', :now, :now + 1000)",
    "flagged": "INSERT INTO incidents (recording_id, call_id, policy, kind, stage, flagged_by, flagged_role,"
    " flagged_at, assess_by_at) SELECT recording_id, call_id, policy, 'threat', 'flagged', 'x', 'x', :now,"
    " :now + 1 FROM recordings WHERE recording_id = :id",
    "dropped": "INSERT INTO incidents (recording_id, call_id, policy, kind, stage, flagged_by, flagged_role,"
    " flagged_at, assess_by_at, assessed_by, assessed_role, assessed_at, reason)"
    " SELECT recording_id, call_id, policy, 'threat', 'dropped', 'x', 'x', :now, :now + 1, 'x', 'x', :now,"
    " 'x'"
    " FROM recordings WHERE recording_id = :id",
    "somebody unknown": "INSERT INTO call_agents (call_id, channel_id, since)"
    " SELECT call_id, 'unknown', 0 FROM recordings WHERE recording_id = :id",
}


def test_a_refused_call_has_no_recording_to_draw_and_a_term_that_is_over_none_either(stage: Scene) -> None:
    stage.open_call(1)
    with stage.db.write() as tx:
        decisions.store(tx, stage.decision(1, Outcome.REFUSED), stage.policies)
    kept = stage.keep(2)
    hold_call(stage, 2, ANNA)
    assert drawable(stage, ANNA) == {ANNA: [kept]}
    stage.clock.advance(timedelta(days=61))
    assert drawable(stage, ANNA) == {ANNA: []}


def test_what_was_drawn_once_is_not_drawn_again_for_the_same_purpose(stage: Scene) -> None:
    everything = [stage.keep(number) for number in range(5)]
    for number in range(5):
        hold_call(stage, number, ANNA, BEN)
    now, population = stage.clock.now(), drawable(stage)
    assert population == {ANNA: sorted(everything), BEN: sorted(everything)}
    draw = Draw(
        policy=EINDHOVEN,
        purpose=TRAINING,
        drawn_by=BEN,
        seed=SEED,
        population=population,
        per_agent=2,
        until=now + timedelta(days=14),
        due_at=now + timedelta(days=365),
    )
    with stage.db.write() as tx:
        draw_id = draws.record(tx, draw, at=now, actor="person:ben login:ben")
    picked = draws.picks_of_draw(stage.db, draw_id)
    assert draws.population_of(stage.db, draw_id) == population
    left = sorted(set(everything) - {id_ for theirs in picked.values() for id_ in theirs})
    assert len(left) == 1
    assert drawable(stage) == {ANNA: left, BEN: left}
    other = draws.drawable(stage.db, EINDHOVEN, PurposeName("other"), (ANNA,), now)
    assert other == {ANNA: sorted(everything)}
    assert draws.running_until(stage.db, EINDHOVEN, TRAINING, now) == dict.fromkeys((ANNA, BEN), draw.until)


@given(
    sizes=st.lists(st.integers(0, 12), min_size=1, max_size=5),
    per_agent=st.integers(1, 6),
    seed=st.binary(min_size=32, max_size=32),
)
def test_every_agent_gets_as_many_as_there_are_and_nobody_another_ones(
    sizes: list[int], per_agent: int, seed: bytes
) -> None:
    everybody = {
        PersonId(f"agent-{number}"): population(size, start=100 * number) for number, size in enumerate(sizes)
    }
    drawn = pick(EINDHOVEN, everybody, seed=seed, per_agent=per_agent)
    for agent, theirs in everybody.items():
        assert len(drawn[agent]) == min(per_agent, len(theirs))
        assert set(drawn[agent]) <= set(theirs)
    # What one agent is drawn does not hang on who else works there.
    for agent, theirs in everybody.items():
        assert pick(EINDHOVEN, {agent: theirs}, seed=seed, per_agent=per_agent)[agent] == drawn[agent]


@given(st.permutations(range(6)))
def test_the_digest_is_of_who_held_what_and_not_of_an_order(order: list[int]) -> None:
    everything = population(6)
    shuffled = [everything[number] for number in order]
    assert draws.digest_of({ANNA: shuffled, BEN: []}) == draws.digest_of({BEN: [], ANNA: everything})
    assert draws.digest_of({BEN: everything}) != draws.digest_of({ANNA: everything})
