"""Draws: samples that somebody can draw again and get the same (H3, N8).

    rank    HMAC-SHA-256(seed, policy || 0x00 || agent || 0x00 || recording), lowest first, per agent

The seed is random and new for each draw, so nobody can choose what is drawn; seed and population
go on the ledger, so anybody can check that nobody did.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from policy.access import PurposeName
from policy.clock import from_ms, to_iso, to_ms
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
    everything = sorted({id_ for theirs in draw.population.values() for id_ in theirs})
    digest = hashlib.sha256("\n".join(everything).encode()).hexdigest()
    inserted = tx.execute(
        "INSERT INTO draws (policy, purpose, drawn_by, seed, population, population_sha256, drawn_at, until,"
        " due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            draw.policy,
            draw.purpose,
            draw.drawn_by,
            draw.seed,
            len(everything),
            digest,
            to_ms(at),
            to_ms(draw.until),
            to_ms(draw.due_at),
        ),
    )
    draw_id = int(inserted.lastrowid or 0)
    for agent, theirs in drawn.items():
        for recording_id in theirs:
            tx.execute(
                "INSERT INTO draw_picks (draw_id, recording_id, agent) VALUES (?, ?, ?)",
                (draw_id, recording_id, agent),
            )
    told: dict[str, Json] = {
        "draw": draw_id,
        "policy": draw.policy,
        "purpose": draw.purpose,
        "seed": draw.seed.hex(),
        "population": len(everything),
        "population_sha256": digest,
        "per_agent": draw.per_agent,
        "drawn": sum(len(theirs) for theirs in drawn.values()),
        "until": to_iso(draw.until),
    }
    ledger.append(tx, Kind.DRAWN, at, actor=actor, subject="", payload=told)
    return draw_id


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


def _rank(seed: bytes, policy: str, agent: str, recording_id: str) -> bytes:
    return hmac.digest(seed, f"{policy}\0{agent}\0{recording_id}".encode(), "sha256")
