"""An organisation whose works council agreed to reviews, with its people, for the tests of reviews."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from casework.ruling import Caseworker
from policy.access import Action, PurposeName
from policy.model import Policy
from policy.situation import PersonId
from policy.vocabulary import PolicyName, RecordingId
from store.access import accesses, door
from store.access.accesses import Ending
from store.access.door import Question
from store.persons import hats, people
from tests.casework.staff import hold_call
from tests.store.scene import ROOT, Scene, scene

WORKS_COUNCIL = '\n[works_council]\ndate = 2026-01-10\nreference = "OR 2026-4"\nsource = "instemming OR"\n'
NO_PERIOD = 'category = "QM-formulier, met het dossier als geheel"'
JAN, PIET, ANNA, BO, TESS, AN = (PersonId(name) for name in ("jan", "piet", "anna", "bo", "tess", "an"))
"""Two agents, two coaches, a trainer and a line manager, where the policy knows such roles."""

ROLES: Mapping[str, tuple[PersonId, ...]] = {
    "agent": (JAN, PIET),
    "coach": (ANNA, BO),
    "senior_agent": (ANNA,),
    "trainer": (TESS,),
    "line_manager": (AN,),
    "head": (AN,),
}
FIVE = ("eindhoven", "groningen", "heerde", "nunspeet", "rvo")


def agreed(folder: Path, name: str, *, period: str | None = "5y", also: str = "") -> Path:
    """Write a policy as published, with what the organisation fills in, and return its folder."""
    text = (ROOT / "policies" / f"{name}.toml").read_text(encoding="utf-8")
    if name != "groningen":
        text += WORKS_COUNCIL
    if period is not None:
        text = text.replace(NO_PERIOD, f'{NO_PERIOD}\nperiod = "{period}"')
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text(text + also, encoding="utf-8")
    return folder


@contextmanager
def organisation(folder: Path, name: str, *, period: str | None = "5y") -> Iterator[Scene]:
    """Open an installation of one organisation, with everybody of `ROLES` that it knows."""
    served = agreed(folder / "policies", name, period=period)
    with scene(folder / "store", policies=served, policy=PolicyName(name)) as stage:
        employ(stage)
        yield stage


def employ(stage: Scene) -> None:
    """Add everybody, with the hats that the policy knows."""
    policy, now = policy_of(stage), stage.clock.now()
    known = {} if policy.access is None else policy.access.roles
    with stage.db.write() as tx:
        for person in sorted({person for wearers in ROLES.values() for person in wearers}):
            people.add(tx, person, name=person.title(), login=person, at=now, actor="test")
        for role, wearers in ROLES.items():
            for person in wearers if role in known else ():
                hats.give(tx, person, policy, role, since=None, until=None, at=now, actor="test")


def policy_of(stage: Scene) -> Policy:
    """Return the policy of an installation."""
    return stage.policies.named(stage.policy)


def asks(stage: Scene, person: PersonId, purpose: str, *, reason: str = "week 47") -> Question:
    """Return what somebody asks: to listen, for a purpose."""
    return Question(
        person=person,
        login=person,
        actor=f"person:{person} login:{person}",
        policy=policy_of(stage),
        action=Action.LISTEN,
        purpose=PurposeName(purpose),
        reason=reason,
    )


def worker(person: PersonId) -> Caseworker:
    """Return somebody as casework knows them."""
    return Caseworker(id=person, actor=f"person:{person} login:{person}")


def keep(stage: Scene, number: int, agent: PersonId = JAN) -> RecordingId:
    """Store a sealed recording of a call that an agent held."""
    recording_id = stage.keep(number)
    hold_call(stage, number, worker(agent))
    return recording_id


def hear(stage: Scene, question: Question, recording_id: RecordingId) -> None:
    """Listen to a recording, as the door has it: judged, on the ledger, ended."""
    stage.clock.advance(timedelta(seconds=1))
    now = stage.clock.now()
    passed = door.decide(stage.archive, question, recording_id, now)
    access_id, _ = door.open_access(stage.archive, question, passed, now)
    with stage.db.write() as tx:
        accesses.end_access(tx, access_id, Ending.COMPLETE, at=now, actor=question.actor)
