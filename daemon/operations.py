"""What the control socket can ask of a running daemon."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.control import Row
from daemon.desks.operations import DecisionQuestion, GateQuestion
from daemon.metrics import Metrics
from daemon.register import Register
from ivr.agi import AgiGate, Ask, GoOn
from ivr.ari_wire import way_on
from ivr.direction import passing
from policy.clock import LOCAL_ZONE, Clock
from policy.evidence import Arrival, Way
from policy.load import Policies
from policy.model import Policy
from policy.rules import select_policy
from policy.vocabulary import CallId, RecordingId, TakenBack, WithdrawnBy
from recorder.capture import Captures
from store.cases import request_calls
from store.files.archive import Archive
from store.logbook import ledger
from store.records import alarms, calls, counts, recordings
from store.retention import purge, sweep
from store.retention.clock_guard import ClockGuard

COUNTED_DAYS = 7
"""Of how many days `status` tells the counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """How Asterisk is reached now."""

    ari: Callable[[], bool]
    ami: Callable[[], bool]


class DaemonOperations:
    """Implements `daemon.desks.operations.Operations`.

    Args:
        trunks: Endpoints from which callers from outside come; empty: everybody is one.
        confirm: Says to both parties of a live call what became of the recording that was taken back.
    """

    def __init__(
        self,
        *,
        archive: Archive,
        register: Register,
        guard: ClockGuard,
        captures: Captures,
        agi_gate: AgiGate,
        policies: Policies,
        metrics: Metrics,
        clock: Clock,
        links: Links,
        confirm: Callable[[CallId, RecordingId, TakenBack], object],
        trunks: Collection[str] = (),
    ) -> None:
        self._archive = archive
        self._register = register
        self._run = register.thread.run
        self._guard = guard
        self._captures = captures
        self._agi_gate = agi_gate
        self._policies = policies
        self._metrics = metrics
        self._clock = clock
        self._links = links
        self._confirm = confirm
        self._trunks = trunks

    async def status(self) -> Row:
        """Return how the daemon is."""

        def unasked() -> list[Row]:
            first = self._clock.now().astimezone(LOCAL_ZONE).date() - timedelta(days=COUNTED_DAYS - 1)
            return [count.to_json() for count in counts.since(self._archive.db, first)]

        return {
            "pid": os.getpid(),
            "ari": self._links.ari(),
            "ami": self._links.ami(),
            "ready": self._captures.ready(),
            "policies": sorted(self._policies.by_name),
            "unasked": await self._run(unasked),
            "alarms": await self.alarms(),
        }

    async def calls(self, *, queue: str | None, most: int | None) -> Sequence[Row]:
        """Return one row a call."""
        rows = await self._run(lambda: calls.all_calls(self._archive.db, queue=queue, limit=most))
        return [row.to_json() for row in rows]

    async def recordings(self, *, most: int | None) -> Sequence[Row]:
        """Return one row a recording."""
        rows = await self._run(lambda: request_calls.shown(self._archive.db, limit=most))
        return [row.to_json() for row in rows]

    async def withdraw_call(self, call_id: CallId, by: WithdrawnBy) -> Row:
        """Withdraw the recording of a call; one that has none is left as it is, and said so.

        Raises:
            NotFound: If there is no such call.
            StateConflict: If it cannot be withdrawn any more.
        """
        recording_id = await self._register.recording_of(call_id)
        if recording_id is None:
            return {"recording_id": None, "call_id": call_id, "state": None, "note": "was not recorded"}
        return await self.withdraw(recording_id, by)

    async def withdraw(self, recording_id: RecordingId, by: WithdrawnBy) -> Row:
        """Withdraw a recording, live or sealed; one that is gone already stays so, and that is said.

        Raises:
            NotFound: If there is no such recording.
            StateConflict: If it cannot be withdrawn any more.
        """

        def look() -> recordings.RecordingRow:
            return recordings.get_recording(self._archive.db, recording_id)

        before = await self._run(look)
        if before.erased_at is not None:
            return {**before.to_json(), "note": "was gone already"}
        withdrawal = await self._captures.withdraw(recording_id, by)
        self._metrics.withdrawn(withdrawal.gone_ms)
        self._confirm(before.call_id, recording_id, withdrawal.taken_back)
        after = await self._run(look)
        answer = {**after.to_json(), "took_ms": round(withdrawal.gone_ms)}
        if withdrawal.taken_back is TakenBack.RESTRICTED:
            return {**answer, "note": "closed instead: an incident or a hold is open"}
        return answer

    async def purge(
        self, *, dry_run: bool, as_of: datetime | None, clock_is_right: bool, actor: str
    ) -> Sequence[Row]:
        """Destroy what is due, or say what would be.

        Raises:
            ClockSuspect: If the wall clock leapt and nobody says that it is right.
            DestructionIncomplete: If something that had to go is still there.
        """

        def work() -> Sequence[Row]:
            if dry_run:
                return purge.look(self._archive, as_of or self._clock.now()).to_json()
            if clock_is_right:
                self._guard.confirm(actor=actor)
            done = purge.run(self._archive, self._guard)
            for receipt in done.receipts.values():
                self._metrics.erased(receipt.because, receipt.lateness_ms)
            return done.to_json()

        return await self._run(work)

    async def sweep(self, *, dry_run: bool) -> Sequence[Row]:
        """Put rows and bytes in step, or say what is out of step."""

        def work() -> Sequence[Row]:
            findings = sweep.look(self._archive) if dry_run else sweep.run(self._archive)
            return [finding.to_json() for finding in findings]

        return await self._run(work)

    async def finalise(self) -> Sequence[Row]:
        """Seal what was captured and could not be sealed."""
        finished = await self._captures.finalise()
        return [
            {"recording_id": recording_id, "result": result.value}
            for recording_id, result in finished.items()
        ]

    async def ledger(self, first: int) -> Sequence[Row]:
        """Return ledger entries from a sequence number on."""
        entries = await self._run(lambda: ledger.show(self._archive.db, from_seq=first))
        return [entry.to_json() for entry in entries]

    async def alarms(self) -> Sequence[Row]:
        """Return the alarms that stand, the one that was last raised last."""
        found = await self._run(lambda: alarms.standing(self._archive.db))
        return [alarm.to_json() for alarm in found]

    async def settle_alarms(self, alarm_ids: Sequence[int] | None, *, actor: str) -> Sequence[Row]:
        """Put alarms aside; None: all that stand.

        Raises:
            NotFound: If there is no alarm of one of these numbers; then nothing is settled.
        """

        def work() -> Sequence[Row]:
            with self._archive.db.write() as tx:
                settled = alarms.settle(tx, alarm_ids, at=self._clock.now(), actor=actor)
            return [alarm.to_json() for alarm in settled]

        return await self._run(work)

    async def gate(self, question: GateQuestion) -> Row:
        """Open a call that came by AGI, or say that it goes on unasked."""
        unasked = passing(
            self._policies,
            self._trunks,
            channel=question.channel,
            number=question.number,
            named=question.named,
        )
        if unasked is not None and CallId(question.call_id) not in self._agi_gate.underway():
            return _way(await self._agi_gate.pass_unasked(CallId(question.call_id), unasked))
        selected = select_policy(self._policies, number=question.number, named=question.named)
        policy = selected if isinstance(selected, Policy) else None
        arrival = Arrival(
            call_id=CallId(question.call_id),
            channel=question.channel,
            policy=None if policy is None else policy.name,
            number=question.number,
            caller=question.caller,
            language=question.language,
            started_at=self._clock.now(),
            way=Way.AGI,
        )
        next_step = await self._agi_gate.enter(arrival, selected)
        if isinstance(next_step, GoOn):
            return _way(next_step)
        return _asking(next_step)

    async def decide(self, question: DecisionQuestion) -> Row:
        """Store the decision of a call that came by AGI.

        Raises:
            StateConflict: If the call did not enter.
        """
        return _way(await self._agi_gate.answer(CallId(question.call_id), question.heard.as_heard()))


def _asking(ask: Ask) -> Row:
    return {
        "notice": ask.prompt.path,
        "duration_ms": ask.prompt.duration_ms,
        "key": ask.key,
        "window_ms": ask.window_ms,
    }


def _way(go_on: GoOn) -> Row:
    context, extension = way_on(go_on.outcome, go_on.recording_id)
    name = "" if go_on.policy is None else go_on.policy.name
    return {"policy": name, "language": go_on.language, "context": context, "extension": extension}
