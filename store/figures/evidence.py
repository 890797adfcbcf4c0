"""Counting what shows that a promise was kept: one question each, of one policy and one period."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from policy.clock import from_ms, to_ms
from policy.vocabulary import PolicyName
from store.db import Db, Value
from store.figures.period import Period

GRACE_MS: Final = 60_000
"""Destruction runs each minute: what is due is gone within one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Answers about one policy.

    Attributes:
        now: For what is there, or overdue, now.
    """

    db: Db
    policy: PolicyName
    period: Period
    now: datetime
    _found: dict[tuple[object, ...], list[tuple[Any, ...]]] = field(default_factory=dict)

    def number(self, sql: str, **also: str) -> int:
        """Return the number that a SELECT finds; policy, period and moments are bound, see `_values`."""
        (row,) = self._once(sql, **also)
        return int(row[0] or 0)

    def moment(self, sql: str) -> datetime | None:
        """Return what a SELECT of one moment finds."""
        (row,) = self._once(sql)
        return None if row[0] is None else from_ms(row[0])

    def numbers(self, sql: str) -> Counter[str]:
        """Return what a SELECT of a name and a number finds."""
        return Counter({str(name): number for name, number in self._once(sql)})

    def _once(self, sql: str, **also: str) -> list[tuple[Any, ...]]:
        """Return what a SELECT finds; several promises rest on the same evidence."""
        asked = (sql, *sorted(also.items()))
        if asked not in self._found:
            self._found[asked] = self.db.tuples(sql, self._values() | also)
        return self._found[asked]

    def _values(self) -> dict[str, Value]:
        return {
            "policy": self.policy,
            "since": to_ms(self.period.since),
            "before": to_ms(self.period.before),
            "now": to_ms(self.now),
            "late": to_ms(self.now) - GRACE_MS,
        }

    # ---------------------------------------------------------------- calls and recordings

    def recorded_against_a_word(self) -> int:
        """Return how many recordings of calls whose caller refused are there now, or were kept a while."""
        return self.number(
            "SELECT count(*) FROM calls c JOIN recordings r USING (call_id) WHERE c.policy = :policy"
            " AND c.started_at >= :since AND c.started_at < :before AND c.outcome = 'refused'"
            " AND r.erased_at IS NULL AND r.intended_at IS NULL"
        )

    def recorded_unheard(self) -> int:
        """Return how many recordings there are whose notice was not heard to its end."""
        return self.number(
            "SELECT count(*) FROM calls c JOIN decisions d USING (call_id) WHERE c.policy = :policy"
            " AND c.started_at >= :since AND c.started_at < :before AND d.recording_id IS NOT NULL"
            " AND NOT d.finished AND d.outcome <> 'accepted'"
        )

    def words(self) -> Counter[str]:
        """Return how many calls had which outcome."""
        return self.numbers(
            "SELECT coalesce(outcome, 'none'), count(*) FROM calls WHERE policy = :policy"
            " AND started_at >= :since AND started_at < :before GROUP BY 1"
        )

    def erased_because(self) -> Counter[str]:
        """Return how many recordings were erased, by reason."""
        return self.numbers(
            "SELECT erased_because, count(*) FROM recordings WHERE policy = :policy"
            " AND erased_at >= :since AND erased_at < :before GROUP BY 1"
        )

    def withdrawn_and_there(self) -> int:
        """Return how many recordings were taken back more than a minute ago and are not gone."""
        return self.number(
            "SELECT count(*) FROM recordings WHERE policy = :policy AND erased_at IS NULL"
            " AND intended_at < :late"
        )

    def slowest_withdrawal_ms(self) -> int:
        """Return how long it took at most from a withdrawal to the receipt."""
        return self.number(
            "SELECT max(erased_at - intended_at) FROM recordings WHERE policy = :policy"
            " AND erased_at >= :since AND erased_at < :before AND erased_because = 'withdrawn'"
        )

    def out_of_scope_and_there(self) -> int:
        """Return how many recordings there are of calls that were not to be recorded."""
        return self.number(
            "SELECT count(*) FROM calls c JOIN recordings r USING (call_id) WHERE c.policy = :policy"
            " AND c.started_at >= :since AND c.started_at < :before AND c.outcome = 'out_of_scope'"
            " AND r.erased_at IS NULL"
        )

    def overdue(self) -> int:
        """Return how many recordings are past their end by more than a minute, now."""
        return self.number(
            "SELECT count(*) FROM recordings WHERE policy = :policy AND erased_at IS NULL"
            " AND state <> 'lost' AND due_at < :late"
        )

    def calls_overdue(self) -> int:
        """Return of how many calls the data are past their end, their recordings gone."""
        return self.number(
            "SELECT count(*) FROM calls WHERE policy = :policy AND data_erased_at IS NULL"
            " AND data_due_at < :late AND NOT EXISTS (SELECT 1 FROM recordings r"
            "  WHERE r.call_id = calls.call_id AND r.erased_at IS NULL)"
        )

    def oldest_call_data(self) -> datetime | None:
        """Return since when call data are there."""
        return self.moment(
            "SELECT min(started_at) FROM calls WHERE policy = :policy AND data_erased_at IS NULL"
        )

    def unnamed_waiting(self) -> int:
        """Return how many calls hold a waiting time although their policy named none."""
        return self.number(
            "SELECT count(*) FROM calls WHERE policy = :policy AND started_at >= :since"
            " AND started_at < :before AND waited_ms IS NOT NULL AND NOT keeps_waiting"
        )

    # ---------------------------------------------------------------- keeping longer

    def holds_by_reason(self) -> Counter[str]:
        """Return how many holds were placed, by reason."""
        return self.numbers(
            "SELECT h.reason, count(*) FROM holds h JOIN recordings r USING (recording_id)"
            " WHERE r.policy = :policy AND h.placed_at >= :since AND h.placed_at < :before GROUP BY 1"
        )

    def holds_past_their_end(self) -> int:
        """Return how many holds should have been ended and keep something."""
        return self.number(
            "SELECT count(*) FROM holds h JOIN recordings r USING (recording_id) WHERE r.policy = :policy"
            " AND h.over_at IS NULL AND h.until_at < :late AND r.erased_at IS NULL"
        )

    def extensions(self) -> int:
        """Return how many recordings got a longer term."""
        return self.number(
            "SELECT count(*) FROM extensions e JOIN recordings r USING (recording_id)"
            " WHERE r.policy = :policy AND e.decided_at >= :since AND e.decided_at < :before"
        )

    def extensions_past_their_end(self) -> int:
        """Return how many recordings are there after the end of their longer term, held by nothing else."""
        return self.number(
            "SELECT count(*) FROM extensions e JOIN recordings r USING (recording_id)"
            " WHERE r.policy = :policy AND e.until_at < :late AND r.due_at < :late AND r.erased_at IS NULL"
        )

    def incidents(self) -> Counter[str]:
        """Return what became of the incidents that were flagged."""
        return self.numbers(
            "SELECT stage, count(*) FROM incidents WHERE policy = :policy AND flagged_at >= :since"
            " AND flagged_at < :before GROUP BY 1"
        )

    # ---------------------------------------------------------------- access

    def accesses_by(self, column: str) -> Counter[str]:
        """Return how many accesses there were, by `purpose`, `rule` or `action`."""
        if column not in ("purpose", "rule", "action"):
            raise ValueError(f"not a column to count accesses by: {column}")
        return self.numbers(
            f"SELECT {column}, count(*) FROM accesses WHERE policy = :policy"  # noqa: S608 - one of three words
            " AND released_at >= :since AND released_at < :before GROUP BY 1"
        )

    def accesses_in_detail(self) -> dict[tuple[str, str, str], int]:
        """Return how many accesses there were, by role, purpose and action."""
        found = self.db.tuples(
            "SELECT role, purpose, action, count(*) FROM accesses WHERE policy = :policy"
            " AND released_at >= :since AND released_at < :before GROUP BY 1, 2, 3",
            self._values(),
        )
        return {(role, purpose, action): number for role, purpose, action, number in found}

    def refusals(self) -> Counter[str]:
        """Return how often each rule refused, as long as the ledger tells."""
        found = self.db.tuples(
            "SELECT p.body FROM ledger l JOIN ledger_payloads p USING (seq) WHERE l.kind = 'access_refused'"
            " AND l.at >= :since AND l.at < :before AND p.body IS NOT NULL",
            {"since": to_ms(self.period.since), "before": to_ms(self.period.before)},
        )
        told = (json.loads(body)["payload"] for (body,) in found)
        return Counter(str(one.get("rule")) for one in told if one.get("policy") == self.policy)

    def draws(self) -> int:
        """Return how many samples were drawn."""
        return self.number(
            "SELECT count(*) FROM draws WHERE policy = :policy AND drawn_at >= :since AND drawn_at < :before"
        )

    def heard_undrawn(self, rule: str) -> int:
        """Return how many accesses by a rule that needs a draw have none for that recording."""
        return self.number(
            "SELECT count(*) FROM accesses a WHERE a.policy = :policy AND a.released_at >= :since"
            " AND a.released_at < :before AND a.rule = :rule"
            " AND NOT EXISTS (SELECT 1 FROM draw_picks p WHERE p.recording_id = a.recording_id)",
            rule=rule,
        )

    # ---------------------------------------------------------------- keys

    def keys_without_holder(self) -> int:
        """Return how many roles' keys nobody holds."""
        return self.number(
            "SELECT count(*) FROM reading_keys k WHERE k.policy = :policy AND k.retired_at IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM key_grants g WHERE g.key_id = k.key_id)"
        )

    def keys_in_custody(self) -> int:
        """Return how many roles' keys a custodian still holds."""
        return self.number(
            "SELECT count(DISTINCT k.key_id) FROM reading_keys k JOIN key_grants g USING (key_id)"
            " WHERE k.policy = :policy AND k.retired_at IS NULL AND g.is_custodian"
        )

    def versions(self) -> tuple[str, ...]:
        """Return the content hashes of the versions under which calls of the period were made."""
        found = self.db.tuples(
            "SELECT DISTINCT policy_hash FROM calls WHERE policy = :policy AND started_at >= :since"
            " AND started_at < :before AND policy_hash IS NOT NULL ORDER BY 1",
            self._values(),
        )
        return tuple(text for (text,) in found)
