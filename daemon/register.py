"""The store behind the ports of the gate and the recorder, one piece of work at a time.

Each method here is one port method of `ivr.ports.Register`, `recorder.ports.Register` or an
`Alarms`; each hands one closure to the store thread and no more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from daemon.metrics import Metrics
from daemon.store_thread import StoreThread
from ivr.direction import Passing
from ivr.events import Earlier
from policy.access import Closure
from policy.alarm_kinds import Ending
from policy.errors import ConsentlineError
from policy.evidence import Arrival, Decision
from policy.load import Policies
from policy.model import Policy
from policy.scope import Answered
from policy.situation import PersonId
from policy.vocabulary import (
    CallId,
    ConcludedBecause,
    ControllerLost,
    ErasedBecause,
    Outcome,
    PolicyName,
    RecordingId,
    RecordingState,
    ResumedBecause,
    TakenBack,
    WithdrawnBy,
)
from recorder.beside import beside
from recorder.ports import Pause, Row
from store.db import Tx
from store.files.archive import Archive
from store.keyring import reading_keys
from store.keyring.callers import seal_caller
from store.keyring.shares import Purpose
from store.persons import call_agents, people
from store.persons.ways import ways_of
from store.records import alarms, calls, counts, decisions, marks, pauses, recordings, sealing, waiting
from store.retention import closures, destruction, withdrawals
from store.retention.destruction import Doom, Receipt

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """Rows, ledger and sealed files, for those who await.

    Attributes:
        tag_key: For the keyed tags of callers' numbers.
    """

    archive: Archive
    policies: Policies
    thread: StoreThread
    metrics: Metrics
    tag_key: bytes

    async def _write(self, work: Callable[[Tx], Result]) -> Result:
        def commit() -> Result:
            with self.archive.db.write() as tx:
                return work(tx)

        return await self.thread.run(commit)

    # ---------------------------------------------------------------- the gate

    async def open_call(self, arrival: Arrival) -> Earlier | None:
        """Put a call on record, durable; return what an earlier gate decided about it."""

        def work() -> Earlier | None:
            db = self.archive.db
            known = calls.earlier(db, arrival.call_id)
            if known is None:
                caller = None
                if arrival.policy is not None:
                    caller = seal_caller(
                        arrival.call_id,
                        arrival.caller,
                        to=reading_keys.sealed_to(db, arrival.policy, Purpose.CALLER_NUMBER),
                        tag_key=self.tag_key,
                        randomness=self.archive.randomness,
                    )
                with db.write() as tx:
                    calls.open_call(tx, arrival, caller=caller, policies=self.policies)
                return None
            withdrawn = any(
                row.state is RecordingState.WITHDRAWN
                or Closure.RESTRICTED in closures.of_recording(db, row.recording_id)
                for row in recordings.of_call(db, arrival.call_id)
            )
            return _earlier(known, withdrawn=withdrawn)

        return await self.thread.run(work)

    async def store_decision(self, decision: Decision) -> tuple[RecordingId, ...]:
        """Make a decision durable (I1), with the recording's row when it names one.

        Returns:
            Earlier recordings of the same caller that a refusal takes back; noted, and not gone yet (E4).
        """

        def work(tx: Tx) -> tuple[RecordingId, ...]:
            is_new = decisions.store(tx, decision, self.policies)
            _end_alarms(tx, decision)
            policy = self._policy_of(decision)
            if not is_new or decision.outcome is not Outcome.REFUSED or policy is None:
                return ()
            return withdrawals.reach_back(tx, self.archive.db, decision.call_id, policy, decision.decided_at)

        reached = await self._write(work)
        self.metrics.decided(decision.outcome)
        return reached

    def _policy_of(self, decision: Decision) -> Policy | None:
        """Return whose words were played, or None."""
        played = None if decision.prompt is None else decision.prompt.policy_hash
        return next((one for one in self.policies.by_name.values() if one.content_hash == played), None)

    async def count(self, passing: Passing) -> None:
        """Count a call that went past a gate unasked (N1)."""
        now = self.archive.clock.now()
        await self._write(lambda tx: counts.add(tx, passing.policy, passing.direction, now))
        self.metrics.passed(passing.policy, passing.direction)

    async def end_call(self, call_id: CallId, at: datetime) -> None:
        """Put the end of a call on record."""

        def work(tx: Tx) -> None:
            calls.end_call(tx, call_id, at)
            alarms.over(tx, Ending.CALL_ENDED, at=at, about=call_id)

        await self._write(work)

    # ---------------------------------------------------------------- who waits, and who holds a call

    async def queued(self, call_id: CallId, queue: str, at: datetime) -> None:
        """Store in which queue a caller waits; who was answered is passed over."""
        await self._write(lambda tx: waiting.note_queue(tx, call_id, queue, at))

    async def held_by(
        self, call_id: CallId, present: Mapping[CallId, Sequence[Answered]], at: datetime
    ) -> None:
        """Store who has a call now; a channel that is no call is passed over."""

        def work() -> None:
            ways = {channel: ways_of(answers, tag_key=self.tag_key) for channel, answers in present.items()}
            call_agents.note(self.archive.db, call_id, ways, at)

        await self.thread.run(work)

    async def held_calls(self) -> tuple[CallId, ...]:
        """Return every call that somebody has, as it is on record."""
        return await self.thread.run(lambda: call_agents.held_calls(self.archive.db))

    # ---------------------------------------------------------------- the recorder

    async def captured(self, recording_id: RecordingId, *, duration_ms: int) -> None:
        """Commit that the call is over and its capture complete."""
        now = self.archive.clock.now()
        await self._write(lambda tx: recordings.captured(tx, recording_id, now, duration_ms=duration_ms))

    async def seal(self, recording_id: RecordingId, flac: Path) -> None:
        """Seal the audio and commit `sealed` (I2); no call waits while a vault host takes it."""
        archive = self.archive
        if not archive.vault.elsewhere:
            await self.thread.run(lambda: sealing.seal(archive, recording_id, flac))
            return
        begun = await self.thread.run(lambda: sealing.begin(archive, recording_id))
        if begun is not None:
            written = await beside(lambda gone: sealing.write(archive.vault, begun, flac, abandoned=gone))
            await self.thread.run(lambda: sealing.commit(archive, begun, written))

    async def pauses(self, recording_id: RecordingId) -> tuple[Pause, ...]:
        """Return the stretches of a recording in which nothing may be heard."""
        found = await self.thread.run(lambda: pauses.of_recording(self.archive.db, recording_id))
        return tuple(
            Pause(
                from_sample=row.from_sample,
                until_sample=row.until_sample,
                lasted_ms=row.lasted_ms,
                muted=row.muted,
            )
            for row in found
        )

    async def paused(self, recording_id: RecordingId, channel_id: CallId, *, from_sample: int) -> int:
        """Commit that a recording is paused by the agent at this channel; return the number of the pause."""
        now = self.archive.clock.now()

        def work() -> int:
            db = self.archive.db
            call_id = recordings.get_recording(db, recording_id).call_id
            person = call_agents.who_has_it(db, call_id, channel_id)
            actor = "agent_key" if person is None else f"person:{person} agent_key"
            with db.write() as tx:
                return pauses.begin(tx, recording_id, from_sample=from_sample, at=now, actor=actor)

        return await self.thread.run(work)

    async def resumed(
        self,
        pause_id: int,
        *,
        until_sample: int,
        lasted_ms: int,
        because: ResumedBecause,
        muted: bool,
    ) -> None:
        """Commit that a paused recording goes on."""
        now = self.archive.clock.now()
        actor = "agent_key" if because is ResumedBecause.KEY else "daemon"
        await self._write(
            lambda tx: pauses.end(
                tx,
                pause_id,
                until_sample=until_sample,
                lasted_ms=lasted_ms,
                because=because,
                muted=muted,
                at=now,
                actor=actor,
            )
        )

    async def paused_now(self) -> tuple[tuple[RecordingId, CallId, int], ...]:
        """Return what is paused on record, of recordings that may still run: with its call, and the pause."""
        found = await self.thread.run(lambda: pauses.going_on(self.archive.db))
        return tuple((row.recording_id, row.call_id, row.pause_id) for row in found)

    async def quarantine(self, recording_id: RecordingId, paths: tuple[Path, ...], problem: str) -> None:
        """Commit that plaintext could not be sealed; it stays where it is and is due like any other."""
        now = self.archive.clock.now()
        told = f"{problem} ({', '.join(path.name for path in paths)})"
        await self._write(lambda tx: recordings.quarantined(tx, recording_id, now, problem=told))

    async def lost(self, recording_id: RecordingId, problem: str) -> None:
        """Commit that there are no bytes, without anybody's doing."""
        now = self.archive.clock.now()
        await self._write(lambda tx: recordings.lost(tx, recording_id, now, problem=problem))

    async def concluded(self, recording_id: RecordingId, because: ConcludedBecause) -> None:
        """Commit why it ends while its call goes on."""
        now = self.archive.clock.now()
        await self._write(lambda tx: recordings.concluded(tx, recording_id, now, because))

    async def note_withdrawal(self, recording_id: RecordingId, by: WithdrawnBy) -> TakenBack:
        """Commit who said stop, and return what becomes of it; a second note changes nothing."""
        return await self.thread.run(lambda: withdrawals.take_back(self.archive, recording_id, by))

    async def destroy(
        self, recording_id: RecordingId, because: ErasedBecause, paths: tuple[Path, ...]
    ) -> None:
        """Destroy key and bytes (I4); an id without a row has only the paths."""

        def work() -> Receipt | None:
            row = recordings.find_recording(self.archive.db, recording_id)
            by = None if row is None else row.withdrawn_by
            doom = Doom(recording_id=recording_id, because=because, by=by, paths=paths)
            return destruction.destroy(self.archive, doom)

        receipt = await self.thread.run(work)
        if receipt is not None:
            self.metrics.erased(receipt.because, None)

    async def bridged(self, recording_id: RecordingId, at: datetime, bridge_id: str) -> None:
        """Commit since when, and in which bridge, the caller speaks with somebody."""
        await self._write(lambda tx: recordings.bridged(tx, recording_id, at, bridge_id))

    async def waiting(self, recording_id: RecordingId) -> None:
        """Commit that the caller waits again."""
        await self._write(lambda tx: recordings.waiting(tx, recording_id))

    async def rows(self, also: Collection[RecordingId]) -> tuple[Row, ...]:
        """Return every row in `recording` or `captured`, and those of `also` in whatever state."""

        def work() -> tuple[Row, ...]:
            db = self.archive.db
            asked = (recordings.find_recording(db, recording_id) for recording_id in also)
            found = {row.recording_id: row for row in (*recordings.unsealed(db), *asked) if row is not None}
            return tuple(
                Row(
                    recording_id=row.recording_id,
                    call_id=row.call_id,
                    state=row.state,
                    bridged_at=row.bridged_at,
                    bridge_id=row.bridge_id,
                    controller_lost=self._controller_lost(row.policy),
                    marked=marks.marked(db, row.call_id),
                    ended=calls.has_ended(db, row.call_id),
                )
                for row in found.values()
            )

        return await self.thread.run(work)

    def _controller_lost(self, policy: PolicyName) -> ControllerLost:
        known = self.policies.by_name.get(policy)
        return ControllerLost.DROP if known is None else known.consent.controller_lost

    # ---------------------------------------------------------------- the operator

    async def alarm(self, kind: str, text: str, call_id: CallId | None) -> None:
        """Raise an alarm: on the log at once, in the store as soon as it can be."""
        logger.error("ALARM %s call %s: %s", kind, call_id or "-", text)
        self.metrics.alarmed(kind)
        now = self.archive.clock.now()
        try:
            await self._write(lambda tx: alarms.raise_alarm(tx, kind, text, call_id=call_id, at=now))
        except ConsentlineError as error:
            logger.error("ALARM %s could not be stored: %s", kind, error.text)

    async def over(self, ending: Ending, *, about: str | None = None) -> None:
        """Clear the alarms that this shows to be over."""
        now = self.archive.clock.now()
        await self._write(lambda tx: alarms.over(tx, ending, at=now, about=about))

    async def log_standing_alarms(self) -> None:
        """Say in the log how many alarms stand."""
        found = await self.thread.run(lambda: alarms.standing(self.archive.db))
        if found:
            kinds = ", ".join(sorted({alarm.kind for alarm in found}))
            logger.warning("%d alarms stand (%s); look at them: consentline alarms", len(found), kinds)
        else:
            logger.info("no alarm stands")

    async def job_done(self, name: str) -> None:
        """Clear the alarm that a job failed, now that it did not."""
        now = self.archive.clock.now()
        await self._write(lambda tx: alarms.clear(tx, f"{name}_failed", at=now))

    # ---------------------------------------------------------------- the daemon itself

    async def person_of(self, login: str) -> PersonId | None:
        """Return whose OS login this is, or None."""
        found = await self.thread.run(lambda: people.find_by_login(self.archive.db, login))
        return None if found is None else found.id

    async def recording_of(self, call_id: CallId) -> RecordingId | None:
        """Return the latest recording of a call, whatever became of it, or None.

        Raises:
            NotFound: If there is no such call.
        """

        def work() -> RecordingId | None:
            return calls.get_call(self.archive.db, call_id).recording_id

        return await self.thread.run(work)

    async def policy_of(self, recording_id: RecordingId) -> Policy | None:
        """Return the policy under which a recording was permitted; None: it is not served any more.

        Raises:
            NotFound: If there is no such recording.
        """

        def work() -> PolicyName:
            return recordings.get_recording(self.archive.db, recording_id).policy

        return self.policies.by_name.get(await self.thread.run(work))

    async def call_of(self, recording_id: RecordingId) -> CallId:
        """Return the call of a recording.

        Raises:
            NotFound: If there is no such recording.
        """
        return await self.thread.run(lambda: recordings.get_recording(self.archive.db, recording_id).call_id)

    async def call_at_gate(self, call_id: CallId) -> tuple[Arrival, Earlier] | None:
        """Return how a call came to its gate and what was decided, or None when nothing was."""

        def work() -> tuple[Arrival, Earlier] | None:
            known = calls.earlier(self.archive.db, call_id)
            if known is None:
                return None
            arrival = calls.arrival(self.archive.db, call_id)
            return arrival, _earlier(known, withdrawn=False)

        return await self.thread.run(work)

    async def unfinished_calls(self) -> tuple[CallId, ...]:
        """Return calls whose end is not on record."""

        def work() -> tuple[CallId, ...]:
            return calls.unfinished(self.archive.db)

        return await self.thread.run(work)

    async def take_gate_mark(self, call_id: CallId, policy_or_number: str, at: datetime) -> None:
        """Note that a call went through a gate while the daemon was away."""
        policy = self.policies.by_name.get(policy_or_number) or self.policies.for_number(policy_or_number)
        number = policy_or_number if policy_or_number.lstrip("+").isdecimal() else ""
        name = None if policy is None else policy.name
        await self._write(
            lambda tx: marks.take_gate_mark(tx, call_id, name, number=number, at=at, policies=self.policies)
        )

    def seal_by_policies(self) -> None:
        """Have everything sealed to the paths that the policies say; in the store thread.

        Raises:
            NotFound: If a role has no reading key: its share could not be sealed.
            StateConflict: If a policy lets nobody hear anything.
        """
        for policy in self.policies.by_name.values():
            with self.archive.db.write() as tx:
                reading_keys.seal_by(tx, policy, at=self.archive.clock.now(), actor="daemon")


def _end_alarms(tx: Tx, decision: Decision) -> None:
    """Clear what a decision shows to be over: a recording starts, or a notice played to its end."""
    if decision.recording_id is not None:
        alarms.over(tx, Ending.READY, at=decision.decided_at)
    if decision.heard.finished and decision.prompt is not None:
        prompt = "/".join(decision.prompt.path.split("/")[-3:])  # policy/language/name
        alarms.over(tx, Ending.PLAYED, at=decision.decided_at, about=prompt)


def _earlier(known: calls.Earlier, *, withdrawn: bool) -> Earlier:
    return Earlier(
        outcome=known.outcome, recording_id=known.recording_id, policy=known.policy, withdrawn=withdrawn
    )
