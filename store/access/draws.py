"""Draws: samples that somebody can draw again and get the same (H3, N8).

    rank    HMAC-SHA-256(seed, policy || 0x00 || agent || 0x00 || recording), lowest first, per agent
    digest  SHA-256 of one line "agent recording" for each pair, in order, joined by line feeds

The seed is random and new for each draw, so nobody can choose what is drawn. The seed and the digest
of the population go on the ledger and the population is kept beside the draw, so anybody who may see
it can draw again and get the same.
"""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from policy.access import PurposeName
from policy.clock import from_ms, to_iso, to_ms
from policy.errors import NotFound
from policy.situation import PersonId
from policy.vocabulary import PolicyName, RecordingId
from store.db import Db, Tx
from store.logbook import ledger
from store.logbook.ledger import Json, Kind

SEED_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One draw, before it is stored.

    Attributes:
        purpose: What for; it opens nothing for another one.
        drawn_by: Who had it drawn.
        seed: 32 random bytes.
        population: From each agent to the recordings that could have been drawn.
        per_agent: How many at most of each agent.
        reason: Why, in their own words.
        again: Why so soon after the one before, or None.
        until: From when on it opens nothing.
        due_at: When the row about it has to be gone.
    """

    policy: PolicyName
    purpose: PurposeName
    drawn_by: PersonId
    seed: bytes = field(repr=False)
    population: Mapping[PersonId, Sequence[RecordingId]]
    per_agent: int
    until: datetime
    due_at: datetime
    reason: str = ""
    again: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawRow:
    """One draw as it is stored.

    Attributes:
        population_sha256: The digest of all that could have been drawn.
        entry: The ledger's entry about it; None for one of before that was noted.
    """

    draw_id: int
    policy: PolicyName
    purpose: PurposeName
    drawn_by: PersonId
    seed: bytes = field(repr=False)
    per_agent: int
    population_sha256: str
    drawn_at: datetime
    until: datetime
    entry: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PickRow:
    """One recording that was drawn, for one agent.

    Attributes:
        gone: Whether the recording is, or is about to be.
    """

    draw_id: int
    recording_id: RecordingId
    agent: PersonId
    purpose: PurposeName
    drawn_by: PersonId
    drawn_at: datetime
    until: datetime
    gone: bool


def pick(
    policy: PolicyName, population: Mapping[PersonId, Iterable[RecordingId]], *, seed: bytes, per_agent: int
) -> dict[PersonId, tuple[RecordingId, ...]]:
    """Return what a seed draws of each agent's recordings, in the order in which it is drawn.

    A recording that several agents held is drawn for the first of them, by id, who draws it.

    Raises:
        ValueError: If the seed has the wrong length, which is a bug in the caller.
    """
    if len(seed) != SEED_BYTES:
        raise ValueError(f"seed must be {SEED_BYTES} bytes, got {len(seed)}")
    drawn: dict[PersonId, tuple[RecordingId, ...]] = {}
    taken: set[RecordingId] = set()
    for agent in sorted(population):
        theirs = sorted(set(population[agent]) - taken, key=lambda id_: _rank(seed, policy, agent, id_))
        drawn[agent] = tuple(theirs[:per_agent])
        taken.update(drawn[agent])
    return drawn


def record(tx: Tx, draw: Draw, *, at: datetime, actor: str) -> int:
    """Draw, store what was drawn, and return the number of the draw."""
    drawn = pick(draw.policy, draw.population, seed=draw.seed, per_agent=draw.per_agent)
    everything = {id_ for theirs in draw.population.values() for id_ in theirs}
    digest = digest_of(draw.population)
    inserted = tx.execute(
        "INSERT INTO draws (policy, purpose, drawn_by, seed, population, population_sha256, per_agent,"
        " drawn_at, until, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            draw.policy,
            draw.purpose,
            draw.drawn_by,
            draw.seed,
            len(everything),
            digest,
            draw.per_agent,
            to_ms(at),
            to_ms(draw.until),
            to_ms(draw.due_at),
        ),
    )
    draw_id = int(inserted.lastrowid or 0)
    tx.executemany(
        "INSERT INTO draw_population (draw_id, agent, recording_id) VALUES (?, ?, ?)",
        [(draw_id, agent, id_) for agent, theirs in draw.population.items() for id_ in set(theirs)],
    )
    tx.executemany(
        "INSERT INTO draw_picks (draw_id, recording_id, agent) VALUES (?, ?, ?)",
        [(draw_id, id_, agent) for agent, theirs in drawn.items() for id_ in theirs],
    )
    told: dict[str, Json] = {
        "draw": draw_id,
        "person": draw.drawn_by,
        "policy": draw.policy,
        "purpose": draw.purpose,
        "reason": draw.reason,
        "again": draw.again,
        "seed": draw.seed.hex(),
        "population": len(everything),
        "population_sha256": digest,
        "per_agent": draw.per_agent,
        "drawn": {agent: len(theirs) for agent, theirs in drawn.items()},
        "until": to_iso(draw.until),
    }
    entry = ledger.append(tx, Kind.DRAWN, at, actor=actor, subject="", payload=told)
    tx.execute("UPDATE draws SET entry = ? WHERE draw_id = ?", (entry, draw_id))
    return draw_id


def digest_of(population: Mapping[PersonId, Iterable[RecordingId]]) -> str:
    """Return the digest of all that could have been drawn, 64 hexadecimal digits."""
    lines = sorted({f"{agent} {id_}" for agent, theirs in population.items() for id_ in theirs})
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def get_draw(db: Db, draw_id: int) -> DrawRow:
    """Return one draw.

    Raises:
        NotFound: If there is no such draw.
    """
    found = db.rows("SELECT * FROM draws WHERE draw_id = ?", (draw_id,))
    if not found:
        raise NotFound(f"no draw {draw_id}, or not yours")
    (row,) = found
    return DrawRow(
        draw_id=row["draw_id"],
        policy=PolicyName(row["policy"]),
        purpose=PurposeName(row["purpose"]),
        drawn_by=PersonId(row["drawn_by"]),
        seed=bytes(row["seed"]),
        per_agent=row["per_agent"],
        population_sha256=row["population_sha256"],
        drawn_at=from_ms(row["drawn_at"]),
        until=from_ms(row["until"]),
        entry=row["entry"],
    )


def population_of(db: Db, draw_id: int) -> dict[PersonId, list[RecordingId]]:
    """Return all that could have been drawn in a draw, by agent, in order."""
    found = db.rows(
        "SELECT agent, recording_id FROM draw_population WHERE draw_id = ? ORDER BY agent, recording_id",
        (draw_id,),
    )
    return _by_agent(found)


def picks_of_draw(db: Db, draw_id: int) -> dict[PersonId, list[RecordingId]]:
    """Return what was drawn in a draw, by agent."""
    found = db.rows(
        "SELECT agent, recording_id FROM draw_picks WHERE draw_id = ? ORDER BY agent, recording_id",
        (draw_id,),
    )
    return _by_agent(found)


def picks(db: Db, policy: PolicyName, *, agent: PersonId | None = None) -> tuple[PickRow, ...]:
    """Return everything that was drawn under a policy, the latest draw first.

    Args:
        db: The database.
        policy: Whose.
        agent: Only what was drawn of theirs; None: of everybody.
    """
    found = db.rows(
        _PICKS + " WHERE d.policy = :policy AND (:agent IS NULL OR p.agent = :agent)"
        " ORDER BY d.draw_id DESC, p.agent, p.recording_id",
        {"policy": policy, "agent": agent},
    )
    return tuple(_pick_row(row) for row in found)


def latest_pick(
    db: Db, policy: PolicyName, purpose: PurposeName, recording_id: RecordingId
) -> PickRow | None:
    """Return the latest draw of a recording for a purpose, whether it runs or is over, or None."""
    found = db.rows(
        _PICKS
        + " WHERE d.policy = ? AND d.purpose = ? AND p.recording_id = ? ORDER BY d.draw_id DESC LIMIT 1",
        (policy, purpose, recording_id),
    )
    return _pick_row(found[0]) if found else None


def running_until(
    db: Db, policy: PolicyName, purpose: PurposeName, now: datetime
) -> dict[PersonId, datetime]:
    """Return for each agent of whom a draw for this purpose still runs until when it does."""
    found = db.rows(
        "SELECT p.agent, max(d.until) AS until FROM draw_picks p JOIN draws d USING (draw_id)"
        " WHERE d.policy = ? AND d.purpose = ? AND d.until > ? GROUP BY p.agent",
        (policy, purpose, to_ms(now)),
    )
    return {PersonId(row["agent"]): from_ms(row["until"]) for row in found}


def drawable(
    db: Db, policy: PolicyName, purpose: PurposeName, agents: Iterable[PersonId], now: datetime
) -> dict[PersonId, list[RecordingId]]:
    """Return the recordings that can be drawn for a purpose, by agent: nothing else ever is (H3, N8).

    Only what is sealed and in its term: so no call that was refused or withdrawn. Not what is
    restricted, objected to or held, nor any call of an incident, whatever came of it; not what was drawn
    for this purpose before; and no call of which it is not known who held it.

    Args:
        db: The database.
        policy: Whose recordings.
        purpose: What they would be drawn for.
        agents: Whose calls.
        now: This moment.
    """
    found = db.rows(
        "SELECT DISTINCT a.person_id AS agent, r.recording_id FROM recordings r"
        " JOIN recording_agents a USING (recording_id)"
        " WHERE r.policy = :policy AND r.state = 'sealed' AND r.intended_at IS NULL AND r.erased_at IS NULL"
        " AND r.promised_at > :now"
        " AND NOT EXISTS (SELECT 1 FROM recording_agents o"
        "  WHERE o.recording_id = r.recording_id AND o.person_id IS NULL)"
        " AND NOT EXISTS (SELECT 1 FROM closures c"
        "  WHERE c.recording_id = r.recording_id AND c.lifted_at IS NULL)"
        " AND NOT EXISTS (SELECT 1 FROM holds h"
        "  WHERE h.recording_id = r.recording_id AND h.over_at IS NULL AND h.until_at > :now)"
        " AND NOT EXISTS (SELECT 1 FROM incidents i WHERE i.recording_id = r.recording_id)"
        " AND NOT EXISTS (SELECT 1 FROM draw_picks p JOIN draws d USING (draw_id)"
        "  WHERE p.recording_id = r.recording_id AND d.purpose = :purpose)"
        " ORDER BY agent, r.recording_id",
        {"policy": policy, "purpose": purpose, "now": to_ms(now)},
    )
    theirs = _by_agent(found)
    return {agent: theirs.get(agent, []) for agent in sorted(agents)}


def drawn_until(
    db: Db, recording_ids: Sequence[RecordingId], purpose: PurposeName, now: datetime
) -> dict[RecordingId, datetime]:
    """Return until when a draw for this purpose holds each of these recordings; the others are left out."""
    marks = ", ".join("?" * len(recording_ids))
    found = db.rows(
        # The marks are as many as there are ids; the ids themselves are bound.
        "SELECT recording_id, max(until) AS until FROM draw_picks JOIN draws USING (draw_id)"  # noqa: S608
        f" WHERE recording_id IN ({marks}) AND purpose = ? AND until > ? GROUP BY recording_id",
        (*recording_ids, purpose, to_ms(now)),
    )
    return {RecordingId(row["recording_id"]): from_ms(row["until"]) for row in found}


def any_due(db: Db, at: datetime) -> bool:
    """Tell whether the term of any of these rows is over."""
    return bool(db.rows("SELECT 1 FROM draws WHERE due_at <= ? LIMIT 1", (to_ms(at),)))


def forget_due(tx: Tx, at: datetime) -> int:
    """Erase the draws whose term is over, and return how many."""
    return tx.execute("DELETE FROM draws WHERE due_at <= ?", (to_ms(at),)).rowcount


_PICKS: Final = (
    "SELECT p.draw_id, p.recording_id, p.agent, d.purpose, d.drawn_by, d.drawn_at, d.until, r.intended_at"
    " FROM draw_picks p JOIN draws d USING (draw_id) JOIN recordings r USING (recording_id)"
)


def _pick_row(row: sqlite3.Row) -> PickRow:
    return PickRow(
        draw_id=row["draw_id"],
        recording_id=RecordingId(row["recording_id"]),
        agent=PersonId(row["agent"]),
        purpose=PurposeName(row["purpose"]),
        drawn_by=PersonId(row["drawn_by"]),
        drawn_at=from_ms(row["drawn_at"]),
        until=from_ms(row["until"]),
        gone=row["intended_at"] is not None,
    )


def _by_agent(rows: Iterable[sqlite3.Row]) -> dict[PersonId, list[RecordingId]]:
    grouped: dict[PersonId, list[RecordingId]] = {}
    for row in rows:
        grouped.setdefault(PersonId(row["agent"]), []).append(RecordingId(row["recording_id"]))
    return grouped


def _rank(seed: bytes, policy: str, agent: str, recording_id: str) -> bytes:
    return hmac.digest(seed, f"{policy}\0{agent}\0{recording_id}".encode(), "sha256")
