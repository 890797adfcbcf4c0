"""People at work under one policy, for the tests of casework."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from casework.ruling import Caseworker
from policy.situation import PersonId
from policy.vocabulary import CallId
from store.persons import call_agents, hats, people
from tests.store.scene import Scene


def _named(name: str) -> Caseworker:
    return Caseworker(id=PersonId(name), actor=f"person:{name} login:{name}")


AGENT, COLLEAGUE, HEAD, COORDINATOR, OFFICER = (_named(name) for name in ("jan", "piet", "an", "kees", "fg"))
_ROLES = {
    "agent": (AGENT, COLLEAGUE),
    "head": (HEAD,),
    "line_manager": (HEAD,),
    "aggression_coordinator": (COORDINATOR,),
    "privacy_officer": (OFFICER,),
}


@contextmanager
def staff(opening: AbstractContextManager[Scene]) -> Iterator[Scene]:
    """Open an installation and employ everybody in the roles that its policy has."""
    with opening as stage:
        policy, now = stage.policies.named(stage.policy), stage.clock.now()
        assert policy.access is not None
        with stage.db.write() as tx:
            for by in (AGENT, COLLEAGUE, HEAD, COORDINATOR, OFFICER):
                people.add(tx, by.id, name=by.id.title(), login=by.id, at=now, actor="test")
            for role, wearers in _ROLES.items():
                if role in policy.access.roles:
                    for by in wearers:
                        hats.give(tx, by.id, policy, role, since=None, until=None, at=now, actor="test")
        yield stage


def call_of(number: int) -> CallId:
    """Return the call of that number."""
    return CallId(f"1795282161.{number}")


def hold_call(stage: Scene, number: int, by: Caseworker) -> None:
    """Put on record that somebody held a call."""
    with stage.db.write() as tx:
        tx.execute(
            "INSERT INTO call_agents (call_id, channel_id, person_id, since) VALUES (?, ?, ?, 0)",
            (call_of(number), f"1795282161.9{number}", by.id),
        )
    assert call_agents.of_call(stage.db, call_of(number)) != ()
