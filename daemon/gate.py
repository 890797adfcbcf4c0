"""The recorder and the register as the gate knows them: `ivr`'s ports over `recorder` and the store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import datetime

from daemon.metrics import Metrics
from daemon.register import Register
from ivr.direction import Passing
from ivr.events import Earlier
from ivr.prompts import PromptLibrary
from policy.errors import ConsentlineError, Unavailable
from policy.evidence import Arrival, Decision, Prompt
from policy.model import Policy, PromptName
from policy.vocabulary import CallId, ConcludedBecause, ErasedBecause, RecordingId, TakenBack, WithdrawnBy
from recorder.capture import Captures
from store.files.vault import Vault

logger = logging.getLogger(__name__)


class GateRegister:
    """`ivr.ports.Register`: the store, and a word to the recorder about calls that nobody may record."""

    def __init__(self, register: Register, captures: Captures) -> None:
        self._register = register
        self._captures = captures
        self._going_on: set[asyncio.Task[None]] = set()

    async def open_call(self, arrival: Arrival) -> Earlier | None:
        """Put a call on record, durable; return what an earlier gate decided about it."""
        return await self._register.open_call(arrival)

    async def store_decision(self, decision: Decision) -> None:
        """Make a decision durable (I1)."""
        reached = await self._register.store_decision(decision)
        if not decision.outcome.permits_recording:
            self._captures.forbid(decision.call_id)
        for recording_id in reached:
            self._beside(self._take_back(recording_id), name=f"reach back to {recording_id}")

    async def pass_unasked(self, call_id: CallId, passing: Passing) -> None:
        """Count a call that goes on unasked; nobody may record it."""
        self._captures.forbid(call_id)
        await self._register.count(passing)

    async def end_call(self, call_id: CallId, at: datetime) -> None:
        """Put the end of a call on record."""
        await self._register.end_call(call_id, at)

    async def _take_back(self, recording_id: RecordingId) -> None:
        """Carry out what a refusal took back; the caller at the gate does not wait for it."""
        try:
            await self._captures.withdraw(recording_id, WithdrawnBy.CALLER_KEY)
        except ConsentlineError as error:  # noted with the refusal: the next purge carries it out
            logger.error("recording %s: taken back, and not gone yet: %s", recording_id, error.text)

    def _beside(self, work: Coroutine[None, None, None], *, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._going_on.add(task)
        task.add_done_callback(self._going_on.discard)


class GateRecorder:
    """`ivr.ports.Recorder`: the captures, and room in the vault for one more.

    Args:
        vault: Where sealed files go; while a vault host is away the spool alone says what room there is.
        vault_floor_bytes: Free space below which no new recording starts.
    """

    def __init__(
        self,
        *,
        captures: Captures,
        register: Register,
        metrics: Metrics,
        vault: Vault,
        vault_floor_bytes: int,
    ) -> None:
        self._captures = captures
        self._register = register
        self._metrics = metrics
        self._vault = vault
        self._vault_floor_bytes = vault_floor_bytes
        self._ending: set[asyncio.Task[None]] = set()

    async def ready(self) -> bool:
        """Tell whether another recording may start: room in spool and vault, tapes under control.

        Raises:
            Unavailable: If the spool or the vault is not there.
        """
        try:
            if not self._captures.ready():
                return False
        except OSError as error:
            raise Unavailable(f"{error.filename}: no room for a recording: {error.strerror}") from error
        room_bytes = self._vault.room_bytes()
        return room_bytes is None or room_bytes >= self._vault_floor_bytes

    async def started(self, recording_id: RecordingId, call_id: CallId) -> None:
        """Take note that a capture starts now."""
        await self._captures.started(recording_id, call_id)

    async def dropped(self, recording_id: RecordingId) -> None:
        """Take note that a capture whose row exists will never start: nothing was said."""
        await self._register.destroy(recording_id, ErasedBecause.EMPTY, ())

    async def conclude(self, recording_id: RecordingId) -> None:
        """Stop it while its call goes on, and keep what it holds."""
        await self._captures.conclude(recording_id, ConcludedBecause.ANOTHER_GATE)

    async def withdraw(self, recording_id: RecordingId, by: WithdrawnBy) -> TakenBack:
        """Stop it and destroy what there is (I6), or close it."""
        withdrawal = await self._captures.withdraw(recording_id, by)
        self._metrics.withdrawn(withdrawal.gone_ms)
        return withdrawal.taken_back

    async def call_ended(self, call_id: CallId) -> None:
        """Take note that the caller is gone; finishing the capture goes on beside it."""
        task = asyncio.create_task(self._captures.ended(call_id), name=f"ended {call_id}")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class GatePrompts:
    """`ivr.ports.Prompts`: the library, read beside the loop."""

    def __init__(self, library: PromptLibrary) -> None:
        self._library = library

    async def prepare(self, policy: Policy, prompt: PromptName, language: str) -> Prompt:
        """Return a prompt fit to be played, its audio hashed just now.

        Raises:
            PromptUnfit: If it is missing or not what was attested.
        """
        return await asyncio.to_thread(self._library.prepare, policy, prompt, language)
