"""How long `ledger verify` takes, beside a plain read of the same tables in the same run.

    python -m bench.ledger_verify [--entries 1000000]

The log is made by the real append, with payloads as a call makes them and a checkpoint every
few thousand entries. What is compared is the ratio: the machine's speed falls out of it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from policy.clock import SteppedClock, SystemClock, SystemRandomness
from store.db import Db
from store.logbook import checkpoints, ledger, ledger_check, signing_key
from store.logbook.checkpoints import Because
from store.logbook.ledger import Json, Kind
from store.proof import verification

BATCH = 20_000
ROUNDS = 3
_OF_A_CALL: tuple[tuple[Kind, dict[str, Json]], ...] = (
    (Kind.CALL_OPENED, {"policy": "eindhoven", "way": "ari"}),
    (Kind.DECIDED, {"outcome": "not_refused", "policy_hash": "ab" * 32, "text_hash": "cd" * 32}),
    (Kind.CAPTURED, {"duration_ms": 87_000}),
    (Kind.CALL_ENDED, {}),
    (Kind.ACCESS_RELEASED, {"person": "anna", "purpose": "quality", "reason": "steekproef, week 47"}),
)


def main() -> None:
    """Make a log, read it, verify it, and print the times side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    entries = parser.parse_args().entries
    with tempfile.TemporaryDirectory(prefix="consentline-bench-") as folder:
        path = Path(folder) / "ledger.db"
        made_s = _timed(lambda: _make(path, entries))
        print(f"made          {entries} entries, {made_s:.1f} s, {path.stat().st_size / 1e6:.0f} MB")
        read_s = min(_timed(lambda: _read(path)) for _ in range(ROUNDS))
        tree_s = min(_timed(lambda: _verify_tree(path)) for _ in range(ROUNDS))
        whole_s = min(_timed(lambda: _verify_whole(path)) for _ in range(ROUNDS))
    for name, took_s in (("plain read", read_s), ("tree", tree_s), ("ledger verify", whole_s)):
        a_minute = entries / took_s * 60 / 1e6
        print(f"{name:13s} {took_s:6.2f} s, {a_minute:5.1f} million a minute, {took_s / read_s:.2f} times")


def _make(path: Path, entries: int) -> None:
    clock = SteppedClock(datetime(2026, 1, 1, tzinfo=UTC))
    with closing(Db.open(path, clock=clock)) as db:
        key_path = path.with_name("ledger.key")
        signer = signing_key.prepare(key_path, db, SystemRandomness(), at=clock.now(), actor="bench")
        while (start := ledger.head(db).size) < entries:
            with db.write() as tx:
                for number in range(start, min(start + BATCH, entries - 1)):
                    kind, told = _OF_A_CALL[number % len(_OF_A_CALL)]
                    at = clock.now() + timedelta(seconds=number)
                    ledger.append(
                        tx, kind, at, actor="daemon", subject=f"{1795282161 + number // 5}.17", payload=told
                    )
            checkpoints.make(db, signer, because=Because.HOUR, at=clock.now())


def _read(path: Path) -> None:
    """Read every row that verifying reads, and do nothing with it."""
    with closing(Db.open_to_read(path, clock=SystemClock())) as db:
        for start in range(0, ledger.head(db).size, ledger_check.SLICE):
            end = start + ledger_check.SLICE
            db.tuples(
                "SELECT * FROM ledger LEFT JOIN ledger_payloads USING (seq) WHERE seq >= ? AND seq < ?",
                (start, end),
            )
        db.tuples("SELECT * FROM ledger_nodes")


def _verify_tree(path: Path) -> None:
    with closing(Db.open_to_read(path, clock=SystemClock())) as db:
        ledger_check.verify(db).must_hold()


def _verify_whole(path: Path) -> None:
    with closing(Db.open_to_read(path, clock=SystemClock())) as db:
        verification.verify(db, vault=None).report.must_hold()


def _timed(work: Callable[[], None]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


if __name__ == "__main__":
    main()
