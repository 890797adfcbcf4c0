"""The door as the daemon keeps it: one question after the other in the store's thread, and open accesses.

A released access is good for one fetch of one sealed file by the login that asked, within two
minutes, and ends when it is told how it ended. Of one that nobody ends the ledger says so: after
half a day, and when the daemon starts again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import BinaryIO, Final

from casework import erasure
from daemon.peers import Peer
from daemon.store_thread import StoreThread
from policy.access import Action
from policy.errors import AccessRefused, NotFound, StateConflict, Unavailable
from policy.load import Policies
from policy.model import Policy
from policy.situation import PersonId
from policy.vocabulary import RecordingId
from store.access import accesses, asking, door, finding, hearing, release, words
from store.access.accesses import AccessRow, Copy, Ending
from store.access.asking import Wanted
from store.access.door import Question
from store.access.finding import Found, Search
from store.access.hearing import Heard
from store.access.release import Lent, Release
from store.access.situation import Asked
from store.access.words import WordKind, WordRow
from store.db import Db
from store.files.archive import Archive
from store.keyring import passed_shares, reading_keys
from store.keyring.reading_keys import SealedTo
from store.keyring.shares import AccessId, PassedShare, Purpose
from store.logbook.ledger import Json
from store.retention import part_erasure
from store.retention.destruction import Receipt
from store.retention.part_erasure import Part

logger = logging.getLogger(__name__)

FETCH_WITHIN_S: Final = 120.0
END_WITHIN: Final = timedelta(hours=12)
LARGEST_SEALED_BYTES: Final = 4 * 1024**3
_TOKEN_BYTES: Final = 16


@dataclass(slots=True, kw_only=True)
class _Open:
    """An access that was released and has not ended.

    Attributes:
        fetched: Whether its sealed bytes were handed out; they are, once.
        erases: The question under which a copy with a part silenced is handed in; None: it erases
            nothing, or did already.
    """

    access_id: AccessId
    recording_id: RecordingId
    person: PersonId
    uid: int
    released_s: float
    actor: str
    fetched: bool = False
    erases: Question | None = None


class Doorway:
    """Asks the store's door in its thread, and keeps who is inside.

    Args:
        archive: Opened in the thread.
        policies: Every policy served.
        tag_key: For the keyed tags of callers' numbers.
    """

    def __init__(self, *, archive: Archive, policies: Policies, thread: StoreThread, tag_key: bytes) -> None:
        self._archive = archive
        self._policies = policies
        self._run = thread.run
        self._tag_key = tag_key
        self._open: dict[str, _Open] = {}
        self._handed_in: set[RecordingId] = set()

    async def settle(self) -> None:
        """Finish what an earlier life left: parts half erased, accesses that nobody ended; once at start."""

        try:
            await self.settle_parts()
        except Unavailable:
            if not self._archive.vault.elsewhere:
                raise
        await self._run(lambda: self._end_untold(accesses.still_open(self._archive.db)))

    async def settle_parts(self) -> None:
        """Finish parts half erased; at start, and when a vault host is back.

        Raises:
            DestructionIncomplete: If something that had to go is still there.
            Unavailable: If the vault is not there.
        """
        await self._run(lambda: part_erasure.finish(self._archive))

    async def policy_for(self, person: PersonId, named: str | None) -> Policy:
        """Return the policy under which somebody asks; errors as those of `store.access.door.policy_for`."""
        return await self._run(lambda: door.policy_for(self._db, self._policies, person, named))

    def now(self) -> datetime:
        """Return this moment."""
        return self._archive.clock.now()

    # ---------------------------------------------------------------- opening

    async def open(self, question: Question, recording: str, peer: Peer) -> tuple[str, Release]:
        """Release what one access takes, and return the token that fetches its sealed file.

        Raises:
            ConsentlineError: As `store.access.release.release` says; nothing was released then.
        """
        return await self.enter(
            question, peer, lambda at: release.release(self._archive, question, recording, at)
        )

    async def enter(
        self, question: Question, peer: Peer, work: Callable[[datetime], Release]
    ) -> tuple[str, Release]:
        """Do what releases an access, in the store thread, and return the token that fetches its sealed file.

        Args:
            question: Who asks what.
            peer: Who fetches.
            work: Given the moment; puts the access on the ledger before it releases anything (I5).

        Raises:
            ConsentlineError: What `work` raises; nothing was released then.
        """
        released = await self._run(lambda: work(self._archive.clock.now()))
        token = self._archive.randomness.token(_TOKEN_BYTES).hex()
        self._open[token] = _Open(
            access_id=released.access_id,
            recording_id=released.recording_id,
            person=question.person,
            uid=peer.uid,
            released_s=self._archive.clock.monotonic_s(),
            actor=question.actor,
            erases=question if question.action is Action.ERASE else None,
        )
        return token, released

    async def sealed(self, token: str, peer: Peer) -> BinaryIO:
        """Return the sealed bytes of an access, to be read beside the loop, once.

        Raises:
            AccessRefused: If there is no such access of this login, or it was fetched or came late.
            NotFound: If the file went since.
            Unavailable: If the vault host is away.
        """
        inside = self._inside(token, peer)
        late = self._archive.clock.monotonic_s() - inside.released_s > FETCH_WITHIN_S
        if inside.fetched or late:
            raise AccessRefused(
                "access: its sealed file is fetched once, within two minutes", hint="ask again"
            )
        inside.fetched = True
        return await asyncio.to_thread(self._archive.vault.open, inside.recording_id)

    async def end(
        self, token: str, peer: Peer, ending: Ending, *, copies: Sequence[Copy], told: Mapping[str, Json]
    ) -> AccessRow:
        """Put on the ledger how an access ended, with the digests of what was made of it.

        Raises:
            AccessRefused: If there is no such access of this login.
        """
        inside = self._inside(token, peer)

        def work() -> AccessRow:
            with self._archive.db.write() as tx:
                return accesses.end_access(
                    tx,
                    inside.access_id,
                    ending,
                    at=self._archive.clock.now(),
                    actor=inside.actor,
                    copies=copies,
                    told=told,
                )

        row = await self._run(work)
        inside.erases = None
        if ending is not Ending.COMPLETE:  # a complete one may still have to be told gone
            self._open.pop(token, None)
        return row

    async def close_untold(self) -> None:
        """End the accesses of which nobody told the end in half a day; a recurring job."""
        now_s = self._archive.clock.monotonic_s()
        old = {
            token: inside
            for token, inside in self._open.items()
            if now_s - inside.released_s > END_WITHIN.total_seconds()
        }
        for token in old:
            del self._open[token]
        ids = {inside.access_id for inside in old.values()}

        def work() -> None:
            self._end_untold([row for row in accesses.still_open(self._db) if row.access_id in ids])

        await self._run(work)

    # ---------------------------------------------------------------- finding

    async def find(self, question: Question, search: Search, *, most: int) -> list[Found]:
        """Return what somebody may see of what they look for, the newest first; it is on the ledger."""
        at = self._archive.clock.now()

        def enter() -> tuple[Asked, list[RecordingId]]:
            asked = door.enter(self._archive, question, at)
            return asked, finding.candidates(self._db, question.policy.name, search, tag_key=self._tag_key)

        asked, ids = await self._run(enter)
        found: list[Found] = []
        for batch in finding.batches(ids):  # others get their turn between two batches
            found += await self._run(partial(finding.allowed, self._db, batch, asked, question, at))
            if len(found) >= most:
                break
        del found[most:]
        await self._run(lambda: finding.note(self._archive, question, search, found, at))
        return found

    async def heard(self, agent: PersonId, since: datetime | None, actor: str) -> tuple[Heard, ...]:
        """Return who heard this agent's calls; it is on the ledger that they asked."""

        def work() -> tuple[Heard, ...]:
            found = hearing.of_agent(self._db, agent, since=since)
            hearing.note(self._archive, agent, len(found), self._archive.clock.now(), actor=actor)
            return found

        return await self._run(work)

    # ---------------------------------------------------------------- words

    async def ask(self, wanted: Wanted, *, until: datetime | None, unasked: bool) -> WordRow:
        """Ask for a word, or give one unasked: a request, or an agent's yes."""

        def work() -> WordRow:
            at = self._archive.clock.now()
            if unasked:
                return asking.give(self._archive, wanted, at, until=until)
            return asking.ask(self._archive, wanted, at)

        return await self._run(work)

    async def words_of(self, person: PersonId) -> list[dict[str, Json]]:
        """Return the words that a person was asked for, asked for, gave or got."""
        now = self._archive.clock.now()
        rows = await self._run(lambda: words.of_person(self._db, person, now))
        return [row.to_json(now) for row in rows]

    async def lend(self, word_id: int, person: PersonId, peer: Peer) -> Lent | None:
        """Release to the giver of a word their own part of the key, to be passed on (I5).

        Returns:
            The part, or None where the word needs none.

        Raises:
            NotFound: If there is no such word of theirs, or it would be worth nothing any more.
            StateConflict: If it is not pending.
        """

        def work() -> Lent | None:
            at = self._archive.clock.now()
            row, wanted = self._pending(word_id, person, peer, at)
            asking.judge(self._archive, wanted, at)
            if row.kind not in (WordKind.OPENING, WordKind.COMPANY):
                return None
            return release.lend(self._archive, row, at, actor=wanted.question.actor)

        return await self._run(work)

    async def grant(
        self,
        word_id: int,
        person: PersonId,
        peer: Peer,
        *,
        until: datetime | None,
        passed: Sequence[PassedShare],
    ) -> WordRow:
        """Give a word that was asked for, with the part of the key that goes with it.

        Raises:
            NotFound: If there is no such word of theirs, or it would be worth nothing any more.
            StateConflict: If it is not pending, or lacks its part of the key.
        """

        def work() -> WordRow:
            at = self._archive.clock.now()
            row, wanted = self._pending(word_id, person, peer, at)
            facts = asking.judge(self._archive, wanted, at)
            if row.kind in (WordKind.OPENING, WordKind.COMPANY) and not passed:
                raise StateConflict(f"word {word_id}: must come with a part of the key, got none")
            key = self._archive.epochs.current(facts.row.epoch)
            with self._archive.db.write() as tx:
                granted = words.grant(
                    tx,
                    word_id,
                    until=asking.ends_at(row.kind, facts, at, until),
                    at=at,
                    actor=wanted.question.actor,
                )
                passed_shares.put(tx, word_id, passed, self._archive.epochs, key)
            return granted

        return await self._run(work)

    async def deny(self, word_id: int, person: PersonId, *, actor: str) -> WordRow:
        """Deny a word that was asked for.

        Raises:
            NotFound: If there is no such word of theirs.
            StateConflict: If it is not pending.
        """

        def work() -> WordRow:
            with self._archive.db.write() as tx:
                words.must_be_giver(words.find(tx, word_id), person)
                return words.deny(tx, word_id, at=self._archive.clock.now(), actor=actor)

        return await self._run(work)

    async def take_back(self, word_id: int, person: PersonId, *, actor: str) -> WordRow:
        """Take back a word that this person gave, or asked for.

        Raises:
            NotFound: If there is no such word of theirs.
            StateConflict: If there is nothing to take back.
        """

        def work() -> WordRow:
            with self._archive.db.write() as tx:
                words.must_concern(words.find(tx, word_id), person)
                return words.take_back(tx, word_id, at=self._archive.clock.now(), actor=actor)

        return await self._run(work)

    # ---------------------------------------------------------------- erasing

    async def erase(self, question: Question, recording: str) -> Receipt:
        """Erase a whole recording before its term.

        Raises:
            ConsentlineError: As `casework.erasure.erase` says.
        """
        return await self._run(lambda: erasure.erase(self._archive, question, recording))

    async def sealed_to(self, policy: Policy) -> SealedTo:
        """Return the paths and public halves that this policy's recordings are sealed to.

        Raises:
            NotFound: If it has none.
        """
        found = await self._run(lambda: reading_keys.sealed_to(self._db, policy.name, Purpose.RECORDING))
        if found is None:
            raise NotFound(f"policy {policy.name}: has no reading key to seal to")
        return found

    async def hand_in(self, token: str, peer: Peer, pieces: AsyncIterator[bytes]) -> int:
        """Store what is to take a recording's place, and return how many bytes it is.

        Raises:
            AccessRefused: If there is no access of this login that erases.
            StateConflict: If it is longer than any recording, or another is being handed in.
        """
        inside, _ = self._erasing(token, peer)
        self._handed_in.add(inside.recording_id)
        try:
            return await self._write_staged(inside.recording_id, pieces)
        finally:
            self._handed_in.discard(inside.recording_id)

    async def _write_staged(self, recording_id: RecordingId, pieces: AsyncIterator[bytes]) -> int:
        await self._run(lambda: part_erasure.must_not_be_underway(self._db, recording_id))
        target = await asyncio.to_thread(self._archive.vault.stage, recording_id)
        size_bytes = 0
        try:
            async for piece in pieces:
                size_bytes += len(piece)
                if size_bytes > LARGEST_SEALED_BYTES:
                    raise StateConflict("erase: the new copy must be under 4 GiB")
                await asyncio.to_thread(target.write, piece)
            await asyncio.to_thread(target.flush)
        except BaseException:
            await self._run(target.close)
            with suppress(Unavailable):  # a vault host that is away: dropped when it is back
                await self._run(lambda: self._archive.vault.drop_staged(recording_id))
            raise
        await self._run(target.close)
        return size_bytes

    async def erase_part(self, token: str, peer: Peer, part: Part) -> int:
        """Put what was handed in into the recording's place, once; return the receipt's ledger entry.

        Whether they may is judged again: making the copy takes its time, and a hold may have come.

        Raises:
            ConsentlineError: As `store.access.door.decide` and `store.retention.part_erasure.run` say.
        """
        inside, question = self._erasing(token, peer)
        if part.recording_id != inside.recording_id:
            raise AccessRefused("erase: this access is to another recording")
        inside.erases = None

        def work() -> int:
            door.decide(self._archive, question, inside.recording_id, self._archive.clock.now())
            return part_erasure.run(self._archive, part, actor=inside.actor)

        return await self._run(work)

    # ---------------------------------------------------------------- small steps

    @property
    def _db(self) -> Db:
        return self._archive.db

    def recording_of(self, token: str, peer: Peer) -> tuple[RecordingId, PersonId]:
        """Return which recording an access is to, and whose it is.

        Raises:
            AccessRefused: If there is no such access of this login.
        """
        inside = self._inside(token, peer)
        return inside.recording_id, inside.person

    def _inside(self, token: str, peer: Peer) -> _Open:
        inside = self._open.get(token)
        if inside is None or inside.uid != peer.uid:
            raise AccessRefused("access: there is none under this token, or it has ended", hint="ask again")
        return inside

    def _erasing(self, token: str, peer: Peer) -> tuple[_Open, Question]:
        inside = self._inside(token, peer)
        if inside.erases is None:
            raise AccessRefused("access: it does not erase, or did already")
        if inside.recording_id in self._handed_in:  # who writes still could change what was checked
            raise StateConflict(f"recording {inside.recording_id}: a new copy is being handed in")
        return inside, inside.erases

    def _pending(self, word_id: int, person: PersonId, peer: Peer, at: datetime) -> tuple[WordRow, Wanted]:
        row = words.get_word(self._db, word_id)
        words.must_be_giver(row, person)
        if row.stage(at) is not words.Stage.PENDING:
            raise StateConflict(f"word {word_id}: must be pending, is {row.stage(at).value}")
        actor = peer.acting_as(person)
        return row, asking.of_word(row, self._policies.named(row.policy), login=peer.login, actor=actor)

    def _end_untold(self, rows: Sequence[AccessRow]) -> None:
        if not rows:
            return
        at = self._archive.clock.now()
        with self._archive.db.write() as tx:
            for row in rows:
                accesses.end_access(tx, row.access_id, Ending.NOT_TOLD, at=at, actor="daemon")
