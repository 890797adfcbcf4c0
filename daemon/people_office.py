"""Does what the desk of people is asked: each change one transaction, with its ledger entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from daemon.control import Row
from daemon.desks.people import (
    AddLineQuestion,
    AddQuestion,
    ChangeQuestion,
    EndLineQuestion,
    GiveHatQuestion,
    InformedQuestion,
    RetireQuestion,
    TakeHatQuestion,
)
from daemon.store_thread import StoreThread
from policy.errors import NotFound, StateConflict
from policy.load import Policies
from policy.model import Policy
from policy.section import unknown
from policy.vocabulary import PolicyName
from store import settings
from store.db import Tx
from store.files.archive import Archive
from store.keyring import person_keys, reading_keys
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.persons import agent_lines, call_agents, hats, informed, people
from store.persons.hats import HatRow
from store.persons.people import PersonRow

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleOffice:
    """Implements `daemon.desks.people.Office`.

    Attributes:
        policies: As they are served.
    """

    archive: Archive
    policies: Policies
    thread: StoreThread

    async def all_people(self, *, not_informed: str | None) -> Sequence[Row]:
        """Return one row a person, those who retired included.

        Args:
            not_informed: Only the agents of this policy who were never told of it.

        Raises:
            NotFound: If no such policy is served.
        """

        def work() -> Sequence[Row]:
            db, now = self.archive.db, self.archive.clock.now()
            wanted = None
            if not_informed is not None:
                wanted = set(informed.not_informed(db, self._policy(not_informed), now))
            worn = [row for row in hats.all_hats(db) if row.hat.worn_at(now)]
            lines = [row for row in agent_lines.all_lines(db) if row.lasts_at(now)]
            return [
                {
                    **person.to_json(),
                    "hats": [_short(row) for row in worn if row.person == person.id],
                    "lines": [row.address for row in lines if row.person == person.id],
                }
                for person in people.all_people(db)
                if wanted is None or person.id in wanted
            ]

        return await self.thread.run(work)

    async def person(self, person: str) -> Row:
        """Return all that is on record about somebody.

        Raises:
            NotFound: If there is no such person.
        """

        def work() -> Row:
            db, person_id = self.archive.db, people.parse_id(person)
            return {
                **people.get_person(db, person_id).to_json(),
                "hats": [_without_person(row.to_json()) for row in hats.of_person(db, person_id)],
                "lines": [_without_person(row.to_json()) for row in agent_lines.of_person(db, person_id)],
                "informed": [_without_person(row.to_json()) for row in informed.of_person(db, person_id)],
                "calls_held": len(call_agents.of_person(db, person_id)),
            }

        return await self.thread.run(work)

    async def add(self, question: AddQuestion, *, actor: str) -> Row:
        """Add somebody.

        Raises:
            ConsentlineError: If id, name or login cannot be one.
            StateConflict: If the id is or was somebody's, or the login is somebody else's.
        """
        person_id = people.parse_id(question.person)

        def work(tx: Tx, now: datetime) -> PersonRow:
            return people.add(tx, person_id, name=question.name, login=question.login, at=now, actor=actor)

        return (await self._write(work)).to_json()

    async def change(self, question: ChangeQuestion, *, actor: str) -> Row:
        """Give somebody another name or login; errors as those of `add`, and `NotFound`."""
        person_id = people.parse_id(question.person)

        def work(tx: Tx, now: datetime) -> None:
            people.change(tx, person_id, name=question.name, login=question.login, at=now, actor=actor)

        await self._write(work)
        return await self.person(person_id)

    async def retire(self, question: RetireQuestion, *, actor: str) -> Row:
        """Take everything from somebody, their own key and the roles' keys that they hold included.

        Raises:
            NotFound: If there is no such person.
            StateConflict: If they retired before, or are the last to hold a key and nobody said
                that this is meant.
        """
        person_id = people.parse_id(question.person)

        def work(tx: Tx, now: datetime) -> tuple[people.Retired, int]:
            retired = people.retire(tx, person_id, at=now, actor=actor)
            alone = reading_keys.held_alone(tx, person_id)
            if alone and not question.even_last:
                held = ", ".join(f"{role} of {policy}" for policy, role in alone)
                raise StateConflict(
                    f"person {person_id}: is the only one who holds the key of {held}; "
                    "without it nobody opens what is sealed to it",
                    hint="grant it to somebody first: consentline keys grant; or say --even-last",
                )
            return retired, person_keys.forget(tx, person_id, at=now, actor=actor)

        retired, keys = await self._write(work)
        await self.thread.run(self.archive.db.forget_deleted)
        return {"person": person_id, "hats": retired.hats, "lines": retired.lines, "keys": keys}

    async def give_hat(self, question: GiveHatQuestion, *, actor: str) -> Row:
        """Give a hat; see `store.persons.hats.give` for what is refused."""
        person_id, policy = people.parse_id(question.person), self._policy(question.policy)

        def work(tx: Tx, now: datetime) -> HatRow:
            return hats.give(
                tx,
                person_id,
                policy,
                question.role,
                since=question.since,
                until=question.until,
                at=now,
                actor=actor,
            )

        return (await self._write(work)).to_json()

    async def take_hat(self, question: TakeHatQuestion, *, actor: str) -> Row:
        """Take a hat, also one of a policy that is not served any more.

        Raises:
            ConsentlineError: If it should have ended in the past.
            NotFound: If there is no such person, or they do not wear it.
        """
        person_id, policy = people.parse_id(question.person), PolicyName(question.policy)

        def work(tx: Tx, now: datetime) -> HatRow:
            return hats.take(
                tx, person_id, policy, question.role, ends=question.at or now, at=now, actor=actor
            )

        return (await self._write(work)).to_json()

    async def add_line(self, question: AddLineQuestion, *, actor: str) -> Row:
        """Put somebody on a line; see `store.persons.agent_lines.add` for what is refused."""
        person_id, tag_key = people.parse_id(question.person), await self._tag_key()

        def work(tx: Tx, now: datetime) -> agent_lines.Changed:
            return agent_lines.add(
                tx,
                person_id,
                question.kind,
                question.address,
                since=question.since,
                until=question.until,
                at=now,
                actor=actor,
                tag_key=tag_key,
            )

        return _changed(await self._write(work))

    async def end_line(self, question: EndLineQuestion, *, actor: str) -> Row:
        """Take somebody off a line.

        Raises:
            ConsentlineError: If the address cannot be one.
            NotFound: If they are not on it.
        """
        person_id, tag_key = people.parse_id(question.person), await self._tag_key()

        def work(tx: Tx, now: datetime) -> agent_lines.Changed:
            return agent_lines.end(
                tx,
                person_id,
                question.kind,
                question.address,
                ends=question.at or now,
                at=now,
                actor=actor,
                tag_key=tag_key,
            )

        return _changed(await self._write(work))

    async def note_informed(self, question: InformedQuestion, *, actor: str) -> Row:
        """Store that somebody was told; see `store.persons.informed.note` for what is refused."""
        person_id, policy = people.parse_id(question.person), self._policy(question.policy)

        def work(tx: Tx, now: datetime) -> informed.InformedRow:
            return informed.note(tx, person_id, policy, question.how, question.on, at=now, actor=actor)

        return (await self._write(work)).to_json()

    async def call_agents(self, *, actor: str) -> Sequence[Row]:
        """Return who held which call; that it was looked at is on the ledger first."""

        def work(tx: Tx, now: datetime) -> Sequence[Row]:
            spans = call_agents.all_spans(self.archive.db)
            told: dict[str, Json] = {"spans": len(spans)}
            ledger.append(tx, Kind.AGENTS_SHOWN, now, actor=actor, subject="", payload=told)
            return [span.to_json() for span in spans]

        return await self._write(work)

    async def _write(self, work: Callable[[Tx, datetime], Result]) -> Result:
        def commit() -> Result:
            with self.archive.db.write() as tx:
                return work(tx, self.archive.clock.now())

        return await self.thread.run(commit)

    async def _tag_key(self) -> bytes:
        return await self.thread.run(lambda: settings.tag_key(self.archive.db))

    def _policy(self, name: str) -> Policy:
        for problem in unknown("people", "policy", (name,), self.policies.by_name):
            raise NotFound(problem, hint="see: consentline policy list")
        return self.policies.by_name[name]


def _short(row: HatRow) -> str:
    return f"{row.policy}:{row.hat.role}"


def _changed(changed: agent_lines.Changed) -> Row:
    return {**changed.line.to_json(), "calls": changed.calls}


def _without_person(row: dict[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in row.items() if key != "person"}
