"""How many calls passed a gate unasked: a number for each policy, day and kind, and nothing else (N1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from policy.clock import LOCAL_ZONE
from policy.scope import Direction
from policy.vocabulary import PolicyName
from store.db import Db, Tx
from store.logbook.ledger import Json

_NOBODYS: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One number.

    Attributes:
        policy: Whose gate they passed; None: no policy's.
        day: In Amsterdam.
        kind: Which way the calls went.
    """

    policy: PolicyName | None
    day: date
    kind: Direction
    number: int

    def to_json(self) -> dict[str, Json]:
        """Return the count as a program gets it."""
        return {
            "policy": self.policy,
            "day": self.day.isoformat(),
            "kind": self.kind.value,
            "number": self.number,
        }


def add(tx: Tx, policy: PolicyName | None, kind: Direction, at: datetime) -> None:
    """Count one more call."""
    tx.execute(
        "INSERT INTO counts (policy, day, kind, number) VALUES (?, ?, ?, 1)"
        " ON CONFLICT (policy, day, kind) DO UPDATE SET number = number + 1",
        (policy or _NOBODYS, at.astimezone(LOCAL_ZONE).date().isoformat(), kind.value),
    )


def since(db: Db, day: date) -> tuple[Count, ...]:
    """Return the counts of that day and later, oldest first."""
    found = db.rows(
        "SELECT policy, day, kind, number FROM counts WHERE day >= ? ORDER BY day, policy, kind",
        (day.isoformat(),),
    )
    return tuple(
        Count(
            policy=PolicyName(row["policy"]) if row["policy"] != _NOBODYS else None,
            day=date.fromisoformat(row["day"]),
            kind=Direction(row["kind"]),
            number=row["number"],
        )
        for row in found
    )
