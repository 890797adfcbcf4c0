"""Taking marks in, also those that cannot be read or removed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from daemon.mark_intake import MarkIntake
from policy.clock import SteppedClock
from policy.errors import NotFound
from policy.vocabulary import CallId, ErasedBecause, RecordingId, WithdrawnBy
from recorder.withdrawal import Withdrawal

CALL = CallId("1795282161.17")
KNOWN = RecordingId("0123456789abcdef" * 2)
UNKNOWN = RecordingId("ee" * 16)


class Office:
    """Store, recorder and gate, in lists."""

    def __init__(self, folder: Path) -> None:
        self.gates: list[CallId] = []
        self.withdrawn: list[tuple[RecordingId, WithdrawnBy]] = []
        self.alarms: list[str] = []
        self.confirmed: list[tuple[CallId, RecordingId]] = []
        self.passed: list[CallId] = []
        self.intake = MarkIntake(
            folder,
            register=self,
            captures=self,
            clock=SteppedClock(datetime(2100, 1, 1, tzinfo=UTC)),
            withdrawn=lambda call_id, recording_id, _: self.confirmed.append((call_id, recording_id)),
            passed=self._pass,
        )

    async def take_gate_mark(self, call_id: CallId, policy_or_number: str, at: datetime) -> None:
        self.gates.append(call_id)

    async def call_of(self, recording_id: RecordingId) -> CallId:
        return CALL

    async def alarm(self, kind: str, text: str, call_id: CallId | None) -> None:
        self.alarms.append(kind)

    async def withdraw(self, recording_id: RecordingId, by: WithdrawnBy) -> Withdrawal:
        self.withdrawn.append((recording_id, by))
        if recording_id == UNKNOWN:
            raise NotFound("no such recording")
        return Withdrawal(
            recording_id=recording_id,
            because=ErasedBecause.WITHDRAWN,
            by=by,
            renamed_ms=0,
            stopped_ms=None,
            noted_ms=0,
            gone_ms=0,
        )

    async def _pass(self, call_id: CallId) -> None:
        self.passed.append(call_id)


def take_all(folder: Path, *, times: int = 1) -> Office:
    office = Office(folder)

    async def again_and_again() -> None:
        for _ in range(times):
            await office.intake.take_all()

    asyncio.run(again_and_again())
    return office


def test_a_mark_goes_only_after_what_it_says_was_taken_in(tmp_path: Path) -> None:
    (tmp_path / f"gate-{CALL}").write_text(f"{CALL} 14040 1795282165")
    (tmp_path / f"withdraw-{KNOWN}").write_text(f"{KNOWN} agent_key\n")
    office = take_all(tmp_path)
    assert office.gates == office.passed == [CALL]
    assert office.withdrawn == [(KNOWN, WithdrawnBy.AGENT_KEY)]
    assert office.confirmed == [(CALL, KNOWN)]
    assert list(tmp_path.iterdir()) == []
    assert office.alarms == []


def test_a_withdrawal_that_cannot_be_read_is_carried_out_by_its_name(tmp_path: Path) -> None:
    (tmp_path / f"withdraw-{KNOWN}").write_bytes(b"")
    (tmp_path / f"withdraw-{UNKNOWN}").write_bytes(b"\xff")
    office = take_all(tmp_path, times=2)
    assert office.withdrawn == [(KNOWN, WithdrawnBy.DIALPLAN), (UNKNOWN, WithdrawnBy.DIALPLAN)]
    assert office.confirmed == [(CALL, KNOWN)]
    assert office.alarms == ["mark_unreadable", "mark_unreadable"]
    assert list(tmp_path.iterdir()) == []


def test_a_mark_that_cannot_be_removed_ends_nothing_and_is_told_of_once(tmp_path: Path) -> None:
    (tmp_path / f"withdraw-{KNOWN}").mkdir()  # a folder: neither read nor unlinked, whoever we are
    (tmp_path / f"withdraw-{UNKNOWN}").write_text(f"{UNKNOWN} caller_key\n")
    office = take_all(tmp_path, times=3)
    assert office.withdrawn == [(KNOWN, WithdrawnBy.DIALPLAN), (UNKNOWN, WithdrawnBy.CALLER_KEY)]
    assert office.alarms == ["mark_stuck"]
    assert [path.name for path in tmp_path.iterdir()] == [f"withdraw-{KNOWN}"]
