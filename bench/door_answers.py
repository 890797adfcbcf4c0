"""How long the door and casework take to say no: to what is not theirs, and to what is not there.

Both take the same queries and the same entry on the ledger (tested); this prints how their times
compare, in one process without the socket, where a difference shows best.

    python -m bench.door_answers
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from casework.discretion import discretion
from casework.ruling import Caseworker
from policy.access import Action, PurposeName
from policy.errors import NotFound
from policy.situation import PersonId
from policy.vocabulary import RecordingId
from store.access import door
from store.access.door import Question
from store.persons import hats, people
from tests.store.scene import EINDHOVEN, Scene, recording_named, scene

RECORDINGS = 200
ROUNDS = 1000
COACH, AGENT = PersonId("coach"), PersonId("agent")
SayNo = Callable[[Scene, Question, RecordingId], None]
UNKNOWN = RecordingId("0123456789abcdef0123456789abcdef")


def door_says_no(stage: Scene, question: Question, recording: RecordingId) -> None:
    """Ask to listen."""
    with suppress(NotFound):
        door.decide(stage.archive, question, recording, stage.clock.now())


def casework_says_no(stage: Scene, question: Question, recording: RecordingId) -> None:
    """Ask for something to be decided, such as a hold."""
    by = Caseworker(id=question.person, actor=question.actor)
    with suppress(NotFound), discretion(stage.archive, by, recording, action="hold"):
        raise AssertionError("somebody who has nothing to do with it was let through")


def compare(name: str, say_no: SayNo, stage: Scene, question: Question) -> None:
    """Measure both refusals by turns, and print."""
    theirs: list[float] = []
    nobodys: list[float] = []
    for number in range(ROUNDS):
        for into, recording in ((theirs, recording_named(number % RECORDINGS)), (nobodys, UNKNOWN)):
            began = time.perf_counter()
            say_no(stage, question, recording)
            into.append((time.perf_counter() - began) * 1000)
    one, other = statistics.median(theirs), statistics.median(nobodys)
    spread = statistics.quantiles(nobodys, n=20)
    print(f"{name}: not yours {one:.3f} ms, not there {other:.3f} ms (median of {ROUNDS}), {one / other:.3f}")
    print(f"{name}: 5 % to 95 % of `not there`: {spread[0]:.3f} to {spread[-1]:.3f} ms")


def main() -> None:
    """Measure the door and casework."""
    with tempfile.TemporaryDirectory() as folder, scene(Path(folder) / "site") as stage:
        policy, now = stage.policies.named(EINDHOVEN), stage.clock.now()
        with stage.db.write() as tx:
            people.add(tx, COACH, name="Coach", login=None, at=now, actor="bench")
            hats.give(tx, COACH, policy, "coach", since=None, until=None, at=now, actor="bench")
            people.add(tx, AGENT, name="Agent", login=None, at=now, actor="bench")
            hats.give(tx, AGENT, policy, "agent", since=None, until=None, at=now, actor="bench")
        for number in range(RECORDINGS):
            stage.keep(number)
        question = Question(
            person=COACH,
            login="coach",
            actor="person:coach login:coach",
            policy=policy,
            action=Action.LISTEN,
            purpose=PurposeName("training"),
            reason="bench",
        )
        compare("door", door_says_no, stage, question)
        compare("casework", casework_says_no, stage, replace(question, person=AGENT))


if __name__ == "__main__":
    main()
