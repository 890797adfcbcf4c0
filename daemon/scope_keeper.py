"""Recorded is only who speaks with the KCC, where the policy says so (N1, N13).

Every entry into the bridge of a recorded caller is judged once, in the order in which AMI told of it. What
was rung by Queue() is asked for while it rings: before anybody answers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from daemon.parties import Parties
from daemon.queues import ApplicationOf, queue_of
from ivr.membership import Party, Verdict, judge
from policy.clock import Clock
from policy.errors import ConsentlineError
from policy.model import Policy
from policy.scope import AnsweredBy
from policy.vocabulary import CallId, ConcludedBecause, RecordingId
from recorder.ami_wire import BridgeEntered, BridgeLeft, ChannelListed, HungUp, Rang

log = logging.getLogger(__name__)

LOCAL_GRACE_S = 0.2
"""How long the telephone behind half a Local channel may take to appear: both are answered at once."""

Relevant = Rang | BridgeEntered | BridgeLeft | HungUp


class Recordings(Protocol):
    """The captures, as far as they are needed here."""

    def running_on(self, call_id: CallId) -> RecordingId | None:
        """Return the recording that runs on a call, or None."""

    async def conclude(self, recording_id: RecordingId, because: ConcludedBecause) -> None:
        """End it while its call goes on, and keep what it holds."""

    async def leave_out(self, recording_id: RecordingId) -> None:
        """Stop and destroy it: it was not to be made."""


class Witness(Protocol):
    """Whoever else has to know who speaks with whom; only notes it."""

    def speaks_with(self, call_id: CallId, parties: Sequence[Party], at: datetime) -> None:
        """Take in who has a channel's call now."""

    def all_told(self, at: datetime) -> None:
        """Take in that everybody who speaks with somebody now was told of, after events were lost."""


@dataclass(slots=True, kw_only=True)
class _Book:
    """What is known of one recording.

    Attributes:
        policy: Under which it runs; None: one that is not served any more.
        judged: Channels that were judged and let it run.
        waited_for: Halves of Local channels that got their time.
    """

    recording_id: RecordingId
    policy: Policy | None
    spoke_with_kcc: bool = False
    ended: bool = False
    judged: set[CallId] = field(default_factory=set)
    waited_for: set[CallId] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Again:
    call_id: CallId


class ScopeKeeper:
    """Ends recordings of calls that somebody has who is no KCC.

    Args:
        policy_of: The policy under which a recording runs.
        application_of: The dialplan application in which a channel is, and what it was given.
        ended: Told of each recording that was ended, and whether it was erased.
        witness: Told who speaks with whom.
    """

    def __init__(
        self,
        *,
        recordings: Recordings,
        policy_of: Callable[[RecordingId], Awaitable[Policy | None]],
        application_of: ApplicationOf,
        ended: Callable[[CallId, RecordingId, bool], object],
        witness: Witness,
        clock: Clock,
    ) -> None:
        self._recordings = recordings
        self._policy_of = policy_of
        self._application_of = application_of
        self._ended = ended
        self._witness = witness
        self._clock = clock
        self._parties = Parties()
        self._books: dict[CallId, _Book] = {}
        self._inbox: asyncio.Queue[tuple[datetime, Relevant | _Again | tuple[ChannelListed, ...]]]
        self._inbox = asyncio.Queue()
        self._ending: set[asyncio.Task[None]] = set()

    def hear(self, event: object) -> None:
        """Take in what AMI tells; only notes it."""
        if isinstance(event, Relevant):
            self._inbox.put_nowait((self._clock.now(), event))

    def look_again(self, there: Sequence[ChannelListed]) -> None:
        """Take in what there is after events were lost."""
        self._inbox.put_nowait((self._clock.now(), tuple(there)))

    async def run(self) -> None:
        """Judge for ever."""
        try:
            while True:
                at, item = await self._inbox.get()
                await self._take(item, at)
        finally:
            for task in self._ending:
                task.cancel()

    async def _take(self, item: Relevant | _Again | tuple[ChannelListed, ...], at: datetime) -> None:
        match item:
            case _Again():
                await self._look(item.call_id, at)
                return
            case tuple():
                perhaps = self._parties.look_again(item)
            case _:
                perhaps = self._parties.hear(item)
        for call_id in perhaps:
            self._witness.speaks_with(call_id, self._parties.of(call_id), at)
        if isinstance(item, Rang):
            await self._learn_queue(item)
        elif isinstance(item, tuple):
            self._witness.all_told(at)
        for call_id in perhaps:
            await self._look(call_id, at)
        if isinstance(item, HungUp):
            self._books.pop(item.channel_id, None)

    async def _learn_queue(self, ring: Rang) -> None:
        book = await self._book(ring.channel_id)
        policy = None if book is None else book.policy
        if policy is None or not any(member.queue for member in policy.scope.kcc):
            return
        queue = await queue_of(ring.channel_id, self._application_of)
        if queue is not None:
            self._parties.rung_from(ring.dest_id, queue)

    async def _look(self, call_id: CallId, at: datetime) -> None:
        book = await self._book(call_id)
        if book is None or book.ended or book.policy is None:
            return
        if book.policy.scope.answered_by is AnsweredBy.ANYONE:
            return
        new = [party for party in self._parties.of(call_id) if party.channel_id not in book.judged]
        outside = []
        for party in new:
            if judge(book.policy, party, spoke_with_kcc=True, at=at) is Verdict.RECORDS:
                log.info("call=%s channel=%s is KCC", call_id, party.channel_id)
                book.spoke_with_kcc = True
                book.judged.add(party.channel_id)
            else:
                outside.append(party)
        for party in outside:
            self._obey(call_id, book, book.policy, party, at)

    def _obey(self, call_id: CallId, book: _Book, policy: Policy, party: Party, at: datetime) -> None:
        verdict = judge(policy, party, spoke_with_kcc=book.spoke_with_kcc, at=at)
        if (
            verdict is not Verdict.GOES_ON
            and not party.is_certain
            and party.channel_id not in book.waited_for
        ):
            book.waited_for.add(party.channel_id)
            again = (at, _Again(call_id=call_id))
            asyncio.get_running_loop().call_later(LOCAL_GRACE_S, self._inbox.put_nowait, again)
            return
        log.info("call=%s channel=%s is no KCC: %s", call_id, party.channel_id, verdict.value)
        book.judged.add(party.channel_id)
        if verdict is Verdict.GOES_ON or book.ended:
            return
        book.ended = True
        task = asyncio.create_task(self._end(call_id, book.recording_id, verdict))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end(self, call_id: CallId, recording_id: RecordingId, verdict: Verdict) -> None:
        erased = verdict is Verdict.DROP
        try:
            if erased:
                await self._recordings.leave_out(recording_id)
            else:
                await self._recordings.conclude(recording_id, ConcludedBecause.TRANSFERRED_OUTSIDE)
        except ConsentlineError as error:  # alarmed by the recorder, which goes on trying
            log.error("call=%s recording not ended: %s", call_id, error.text)
            return
        self._ended(call_id, recording_id, erased)

    async def _book(self, call_id: CallId) -> _Book | None:
        recording_id = self._recordings.running_on(call_id)
        if recording_id is None:
            return None
        book = self._books.get(call_id)
        if book is None or book.recording_id != recording_id:
            try:
                policy = await self._policy_of(recording_id)
            except ConsentlineError as error:
                log.error("call=%s its policy is not known: %s", call_id, error.text)
                return None
            book = self._books[call_id] = _Book(recording_id=recording_id, policy=policy)
        return book
