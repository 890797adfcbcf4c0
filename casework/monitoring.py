"""Listening in on a call while it goes on (N9): who may, by the policy, and what the ledger keeps of it.

    asked        an agent asks a coach to listen in on their own calls, for some hours; or nobody asks, and
                 recording is technically impossible
    authorised   the coach, proved by passphrase; a code that counts once and for minutes
    begun        the code was dialled; judged once more
    ended        by the coach, by its end, with the call, when the agent leaves it or anybody else comes,
                 or when what is recorded of it ends: withdrawn, transferred, dropped

Only calls that passed a gate and go on are reached: an internal call, or one that nobody asked, has no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from policy.access import PurposeName
from policy.clock import to_iso
from policy.errors import RefusedByPolicy
from policy.permission import Allowed, Because, Refused, Rule, may
from policy.situation import Context, PersonId, Recording, Word
from policy.vocabulary import CallId, PolicyName, RecordingId
from store.access import door, situation
from store.access.door import Question
from store.access.situation import Asked, Facts
from store.db import Db
from store.files.archive import Archive
from store.logbook import ledger
from store.logbook.ledger import Json, Kind
from store.persons import call_agents, people
from store.records import recordings

LONGEST_REQUEST = timedelta(hours=12)
_NO_TERM = timedelta(days=1)
"""A call of which nothing is recorded has no term that could be over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCall:
    """A call that passed a gate and goes on.

    Attributes:
        recording_id: What is recorded of it now, or None.
        permits_recording: Whether what was decided at the gate does.
    """

    call_id: CallId
    policy: PolicyName
    recording_id: RecordingId | None
    permits_recording: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An agent asked a coach to listen in on their own calls.

    Attributes:
        until: It counts up to but not including this moment.
    """

    by: PersonId
    to: PersonId
    policy: PolicyName
    purpose: PurposeName
    until: datetime


def note_request(archive: Archive, question: Question, agent: PersonId, until: datetime) -> Request:
    """Put on the ledger that an agent asks somebody to listen in.

    Args:
        archive: Where the ledger is.
        question: What the coach would do; its actor is the agent.
        agent: Who asks.
        until: Until when they want it.

    Raises:
        RefusedByPolicy: If the one they ask may not listen in, whatever the call.
    """
    door.enter(archive, question, archive.clock.now())
    request = Request(
        by=agent,
        to=question.person,
        policy=question.policy.name,
        purpose=question.purpose,
        until=min(until, archive.clock.now() + LONGEST_REQUEST),
    )
    told = {**question.to_json(), "asked_by": agent, "until": to_iso(request.until)}
    _tell(archive, Kind.MONITOR_ASKED, question.actor, "", told)
    return request


def allowed(
    archive: Archive, question: Question, call: LiveCall | None, requests: Sequence[Request]
) -> Allowed:
    """Return the grant under which somebody may listen in on a call now.

    Args:
        archive: Where the rows are.
        question: Who would listen, what for and why.
        call: Which; None: there is none that they could mean.
        requests: What agents asked for.

    Raises:
        RefusedByPolicy: If it is refused whatever the call; told freely.
        NotFound: In the same words, if there is no such call or it is refused for a reason that lies in it.
    """
    at = archive.clock.now()
    asked = door.enter(archive, question, at)
    if question.access is None:
        raise RefusedByPolicy(f"{question.policy.name}: grants nobody anything")
    facts = _facts(archive.db, call, asked, at)
    if call is None or call.policy != question.policy.name:
        door.refuse(archive, question, _refused("live", "only calls that are live"), at, None)
    was_recorded = bool(recordings.of_call(archive.db, call.call_id))
    refused = not call.permits_recording or (was_recorded and call.recording_id is None)  # or taken back
    may_be_refused = question.policy.reviews is not None and question.policy.reviews.live_on_refused_calls
    known = Recording(agents=frozenset(), due_at=at + _NO_TERM) if facts is None else facts.recording
    recording = replace(
        known, agents=holders(archive.db, call), live=True, refused=refused and not may_be_refused
    )
    context = Context(now=at) if facts is None else facts.context
    context = replace(
        context,
        requests=(*context.requests, *_words(requests, asked)),
        recording_impossible=call.permits_recording and not was_recorded,
    )
    decided = may(asked.person, question.action, recording, question.purpose, context, question.access)
    if isinstance(decided, Refused):
        door.refuse(archive, question, decided, at, facts)
    return decided


def holders(db: Db, call: LiveCall) -> frozenset[PersonId]:
    """Return who has a call now, as far as the lines say."""
    spans = call_agents.of_call(db, call.call_id)
    return frozenset(span.person for span in spans if span.until is None and span.person is not None)


def call_of_agent(db: Db, agent: PersonId) -> CallId | None:
    """Return the call that somebody has now, or None; of several the latest."""
    people.get_person(db, agent)
    held = (span for span in reversed(call_agents.of_person(db, agent)) if span.until is None)
    return next((span.call_id for span in held), None)


def note_authorised(
    archive: Archive, question: Question, call: LiveCall, rule: Allowed, *, until: datetime, seconds: int
) -> None:
    """Put on the ledger that a code was given, and what it opens."""
    told = {
        **question.to_json(),
        "rule": rule.rule.name,
        "article": rule.rule.source,
        "role": rule.role,
        "code_until": to_iso(until),
        "at_most_s": seconds,
    }
    _tell(archive, Kind.MONITOR_AUTHORISED, question.actor, call.call_id, told)


def note_begun(archive: Archive, question: Question, call_id: CallId, *, seconds: int) -> None:
    """Put on the ledger that somebody listens in from now on (I5)."""
    told = {**question.to_json(), "at_most_s": seconds}
    _tell(archive, Kind.MONITOR_BEGUN, question.actor, call_id, told)


def note_ended(archive: Archive, question: Question, call_id: CallId, *, lasted_s: int, because: str) -> None:
    """Put on the ledger that somebody listens in no more, for how long they did, and why it ended."""
    told: dict[str, Json] = {"person": question.person, "lasted_s": lasted_s, "because": because}
    _tell(archive, Kind.MONITOR_ENDED, "daemon", call_id, told)


def note_wrong_code(archive: Archive, *, in_a_row: int) -> None:
    """Put on the ledger that a wrong code was dialled."""
    _tell(archive, Kind.MONITOR_CODE_WRONG, "monitor", "", {"in_a_row": in_a_row})


def _facts(db: Db, call: LiveCall | None, asked: Asked, at: datetime) -> Facts | None:
    wanted = None if call is None else call.recording_id
    ids = (RecordingId("") if wanted is None else wanted,)
    return situation.look_up(db, ids, asked, at).get(ids[0])


def _words(requests: Sequence[Request], asked: Asked) -> tuple[Word, ...]:
    return tuple(
        Word(
            by=asked.staff[request.by],
            to=request.to,
            action=asked.action,
            purpose=request.purpose,
            until=request.until,
        )
        for request in requests
        if request.policy == asked.policy and request.by in asked.staff
    )


def _refused(name: str, says: str) -> Refused:
    return Refused(rule=Rule(name=name, source="N9", says=says), because=Because.NOT_THIS_CALL)


def _tell(archive: Archive, kind: Kind, actor: str, subject: str, told: dict[str, Json]) -> None:
    with archive.db.write() as tx:
        ledger.append(tx, kind, archive.clock.now(), actor=actor, subject=subject, payload=told)
