"""An installation in a folder, with calls in it, for the tests of the store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from policy.clock import SteppedClock
from policy.evidence import Arrival, Decision, Heard, Prompt, Way
from policy.load import Policies, load_policies
from policy.vocabulary import CallId, Outcome, PolicyName, RecordingId
from store import callers, calls, decisions, settings
from store.db import Db

ROOT = Path(__file__).resolve().parent.parent.parent
STARTED_AT = datetime(2026, 11, 21, 17, 29, 21, 250_000, tzinfo=UTC)
EINDHOVEN = PolicyName("eindhoven")


class CountingRandomness:
    """Bytes that differ each time and are the same in every run."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._drawn = 0

    def token(self, length_bytes: int) -> bytes:
        """Return the next `length_bytes`."""
        self._drawn += 1
        return hashlib.shake_256(f"{self._seed}/{self._drawn}".encode()).digest(length_bytes)


def recording_named(number: int) -> RecordingId:
    """Return a recording id."""
    return RecordingId(hashlib.sha256(str(number).encode()).hexdigest()[:32])


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A database with Eindhoven's policy, and a clock that stands still."""

    db: Db
    clock: SteppedClock
    policies: Policies

    def arrival(self, number: int, *, started_at: datetime | None = None) -> Arrival:
        """Return the call of that number."""
        return Arrival(
            call_id=CallId(f"1795282161.{number}"),
            channel=f"PJSIP/trunk-{number:08x}",
            policy=EINDHOVEN,
            number="14040",
            caller=f"+3161234{number:04d}",
            language="nl",
            started_at=started_at or self.clock.now(),
            way=Way.ARI,
        )

    def open_call(self, number: int, *, started_at: datetime | None = None) -> CallId:
        """Store that a call reached the gate."""
        arrival = self.arrival(number, started_at=started_at)
        caller = callers.seal_caller(
            arrival.call_id, arrival.caller, public=None, tag_key=settings.tag_key(self.db)
        )
        with self.db.write() as tx:
            calls.open_call(tx, arrival, caller=caller, policies=self.policies)
        return arrival.call_id

    def decision(
        self, number: int, outcome: Outcome = Outcome.NOT_REFUSED, *, recorded: bool | None = None
    ) -> Decision:
        """Return what the call of that number decided."""
        policy = self.policies.named(EINDHOVEN)
        permits = outcome.permits_recording if recorded is None else recorded
        return Decision(
            call_id=CallId(f"1795282161.{number}"),
            outcome=outcome,
            heard=Heard(heard_ms=5700, finished=True, window_over=True),
            prompt=Prompt(
                policy_hash=policy.content_hash,
                text_hash=policy.text_hash("notice", "nl"),
                language="nl",
                audio_sha256="ab" * 32,
                duration_ms=5700,
                path="/prompts/notice",
            ),
            recording_id=recording_named(number) if permits else None,
            decided_at=self.clock.now() + timedelta(milliseconds=8700),
            way=Way.ARI,
        )

    def begin(self, number: int, *, started_at: datetime | None = None) -> RecordingId:
        """Store a call whose caller did not refuse; its recording runs."""
        self.open_call(number, started_at=started_at)
        with self.db.write() as tx:
            decisions.store(tx, self.decision(number), self.policies)
        return recording_named(number)


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """Set one up, and close it."""
    clock = SteppedClock(STARTED_AT)
    db = Db.open(folder / "consentline.db", clock=clock, randomness=CountingRandomness())
    try:
        yield Scene(db=db, clock=clock, policies=load_policies(ROOT / "policies"))
    finally:
        db.close()
