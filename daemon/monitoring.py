"""Listening in: the codes that were given, and who listens now.

    authorise   judged; a code of eight digits, once, for `CODE_LASTS_S`
    enter       Asterisk's script brings the code and the coach's channel; judged once more, on the ledger
                (I5), and only then told which channel may be heard, and for how long
    watched     four times a second: whatever it hangs on is over, and the coach's channel is hung up

Codes, requests and who listens live in memory: after a restart nobody listens and no code counts. A wrong
code makes the next one wait, longer each time; after `MOST_WRONG` in a row every code is void.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from casework import monitoring
from casework.monitoring import LiveCall, Request
from policy.errors import AccessRefused, ConsentlineError, NotFound
from policy.situation import PersonId
from policy.vocabulary import CallId
from recorder.ami_wire import ChannelListed, HungUp
from recorder.background import Background
from store.access.door import NO_SUCH, Question
from store.files.archive import Archive

log = logging.getLogger(__name__)

Result = TypeVar("Result")

CODE_LASTS_S = 300
CODE_DIGITS = 8
MOST_WRONG = 5
LOOK_EVERY_S = 0.25
LONGEST_DELAY_S = 60.0
SPY_OPTIONS = "uqEbS"
"""What asterisk_conf/extensions.conf gives ChanSpy(): by it a listener of an earlier life is known."""


class Worker(Protocol):
    """The one thread of the store."""

    async def run(self, work: Callable[[], Result]) -> Result:
        """Return what a piece of work returns, done in its turn."""


CallsNow = Callable[[], Sequence[LiveCall]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A way in, once.

    Attributes:
        seconds: For how long may be listened at most.
    """

    digits: str
    call_id: CallId
    until: datetime
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    question: Question
    code: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listening:
    """Somebody listens.

    Attributes:
        call: As it was when they began.
        parties: Channels that spoke with the caller then.
    """

    question: Question
    call: LiveCall
    parties: frozenset[CallId]
    began_s: float
    seconds: int


class Monitoring:
    """Who may listen in, and who does.

    Args:
        calls: Returns every call that passed a gate and goes on.
        hang_up: Ends a channel.
        is_there: Tells whether a channel exists.
    """

    def __init__(
        self,
        archive: Archive,
        thread: Worker,
        *,
        calls: CallsNow,
        hang_up: Callable[[CallId], Awaitable[object]],
        is_there: Callable[[CallId], Awaitable[bool]],
    ) -> None:
        self._archive = archive
        self._thread = thread
        self._calls = calls
        self._hang_up = hang_up
        self._is_there = is_there
        self._requests: list[Request] = []
        self._ways: dict[str, _Way] = {}
        self._listening: dict[CallId, _Listening] = {}
        self._with: dict[CallId, CallId] = {}
        self._one_at_a_time = asyncio.Lock()
        self._wrong = 0
        self._begun = asyncio.Event()
        self._ending = Background(lambda name, error: None)

    async def ask(self, question: Question, agent: PersonId, until: datetime) -> Request:
        """Take in that an agent asks a coach to listen in on their calls.

        Raises:
            RefusedByPolicy: If the one they ask may not, whatever the call.
        """
        request = await self._thread.run(
            lambda: monitoring.note_request(self._archive, question, agent, until)
        )
        now = self._archive.clock.now()
        self._requests = [one for one in self._requests if one.until > now] + [request]
        return request

    async def authorise(self, question: Question, *, call: CallId | None, agent: PersonId | None) -> Code:
        """Return a code with which somebody may listen in on a call, or on the one that an agent has now.

        Raises:
            RefusedByPolicy: If they may not, whatever the call.
            NotFound: If there is no such call, or they may not hear it.
        """
        if agent is not None:
            call = await self._thread.run(lambda: monitoring.call_of_agent(self._archive.db, agent))
        now = self._archive.clock.now()
        found = self._call(call)
        rule = await self._thread.run(
            lambda: monitoring.allowed(self._archive, question, found, self._requests)
        )
        if found is None:  # `allowed` refused
            raise NotFound(NO_SUCH)
        reviews = question.policy.reviews
        seconds = 60 * (1 if reviews is None else reviews.live_at_most_min)
        code = Code(
            digits=self._new_digits(),
            call_id=found.call_id,
            until=now + timedelta(seconds=CODE_LASTS_S),
            seconds=seconds,
        )
        await self._thread.run(
            lambda: monitoring.note_authorised(
                self._archive, question, found, rule, until=code.until, seconds=seconds
            )
        )
        self._ways[code.digits] = _Way(question=question, code=code)
        return code

    async def enter(self, digits: str, channel_id: CallId) -> Code:
        """Let the one at this channel hear a call; the code counts once.

        Raises:
            AccessRefused: If there is no such code (any more).
            NotFound: If the call is over, or may not be heard any more.
        """
        async with self._one_at_a_time:  # many lines at once guess no faster than one
            if self._wrong:
                await asyncio.sleep(min(2.0 ** (self._wrong - 1), LONGEST_DELAY_S))
            way = self._ways.pop(digits, None)
            if way is None or way.code.until <= self._archive.clock.now():
                await self._was_wrong()
                raise AccessRefused("monitor: no such code, or its time is over")
            self._wrong = 0
        call = self._call(way.code.call_id)
        await self._thread.run(lambda: monitoring.allowed(self._archive, way.question, call, self._requests))
        if call is None:  # `allowed` refused
            raise NotFound(NO_SUCH)
        await self._thread.run(
            lambda: monitoring.note_begun(self._archive, way.question, call.call_id, seconds=way.code.seconds)
        )  # I5
        parties = frozenset(one for one, of in self._with.items() if of == call.call_id)
        self._listening[channel_id] = _Listening(
            question=way.question,
            call=call,
            parties=parties,
            began_s=self._archive.clock.monotonic_s(),
            seconds=way.code.seconds,
        )
        self._begun.set()
        return way.code

    def met(self, channel_id: CallId, call_id: CallId) -> None:
        """Take in that somebody speaks with a caller."""
        self._with[channel_id] = call_id

    def parted(self, channel_id: CallId) -> None:
        """Take in that they do no more."""
        self._with.pop(channel_id, None)

    def hear(self, event: object) -> None:
        """Take in what AMI tells; only notes it."""
        if isinstance(event, HungUp) and event.channel_id in self._listening:
            self._end(event.channel_id, "hung_up")

    async def end_strangers(self, there: Sequence[ChannelListed]) -> None:
        """Hang up who listens since an earlier life of the daemon."""
        for one in there:
            spies = one.application == "ChanSpy" and one.application_data.endswith(f",{SPY_OPTIONS}")
            if spies and one.channel_id not in self._listening:
                log.warning("channel %s listens since before our time: hung up", one.channel_id)
                await self._hang_up(one.channel_id)

    async def run(self) -> None:
        """See for ever that nobody listens who may not any more."""
        try:
            while True:
                await self._begun.wait()
                while self._listening:
                    await asyncio.sleep(LOOK_EVERY_S)
                    await self._look()
                self._begun.clear()
        finally:
            await self._ending.close()

    async def close(self) -> None:
        """End whatever is listened to: nobody would see to it."""
        for channel_id in tuple(self._listening):
            await self._cut(channel_id, "daemon_stopped")

    async def _look(self) -> None:
        for channel_id, listening in tuple(self._listening.items()):
            because = await self._why_over(channel_id, listening)
            if because is not None:
                await self._cut(channel_id, because)

    async def _why_over(self, channel_id: CallId, listening: _Listening) -> str | None:
        now_s = self._archive.clock.monotonic_s()
        call = self._call(listening.call.call_id)
        if call is None:
            return "call_over"
        if call.recording_id != listening.call.recording_id:
            return "recording_ended"
        parties = frozenset(one for one, of in self._with.items() if of == call.call_id)
        if not listening.parties <= parties:
            return "agent_left"
        if parties - listening.parties:
            return "somebody_came"
        if now_s - listening.began_s > listening.seconds:
            return "time"
        if now_s - listening.began_s > 1.0 and not await self._exists(channel_id):
            return "hung_up"
        return None

    async def _exists(self, channel_id: CallId) -> bool:
        try:
            return await self._is_there(channel_id)
        except ConsentlineError:
            return True

    async def _cut(self, channel_id: CallId, because: str) -> None:
        try:
            await self._hang_up(channel_id)
        except ConsentlineError as error:
            log.error("channel %s could not be hung up: %s; again", channel_id, error.text)
            return
        self._end(channel_id, because)

    def _end(self, channel_id: CallId, because: str) -> None:
        listening = self._listening.pop(channel_id, None)
        if listening is None:
            return
        lasted_s = round(self._archive.clock.monotonic_s() - listening.began_s)
        call_id = listening.call.call_id

        async def note() -> None:
            await self._thread.run(
                lambda: monitoring.note_ended(
                    self._archive, listening.question, call_id, lasted_s=lasted_s, because=because
                )
            )

        self._ending.start(note(), name=f"end of listening to {call_id}")

    async def _was_wrong(self) -> None:
        self._wrong += 1
        if self._wrong >= MOST_WRONG:
            self._ways.clear()
        await self._thread.run(lambda: monitoring.note_wrong_code(self._archive, in_a_row=self._wrong))

    def _call(self, call_id: CallId | None) -> LiveCall | None:
        return next((one for one in self._calls() if one.call_id == call_id), None)

    def _new_digits(self) -> str:
        drawn = int.from_bytes(self._archive.randomness.token(16))
        return f"{drawn % 10**CODE_DIGITS:0{CODE_DIGITS}d}"
